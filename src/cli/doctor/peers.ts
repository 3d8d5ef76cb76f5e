import type { NodeConnection } from '../../api/node-connection.ts';
import { messageOf } from '../../base/arguments.ts';
import { isPeerloomError } from '../../base/errors.ts';
import { scopeOf } from '../../base/host-scope.ts';
import { systemRuntime } from '../../base/runtime.ts';
import type { Sighting } from '../../discovery/looks.ts';
import { ageText } from '../../node/explain/age-text.ts';
import { failureAdvice } from '../../node/explain/failure-advice.ts';
import type { Node } from '../../node/node.ts';
import { labelOf } from '../describe.ts';
import type { Finding } from './finding.ts';
import { hasAddress } from './machine.ts';

/** The largest accepted difference between clocks. Nodes drop broadcasts only if their time is 2 minutes off. */
const clockToleranceMs = 5_000;

export interface PeerFindings {
  readonly findings: readonly Finding[];
  /** The host at which the peer sees this machine, if the peer reports it. */
  readonly seenAs?: string | undefined;
}

/** Checks whether a node can be dialled at an address, how it sees this machine, and whether its clock agrees. */
export async function peerFindings(node: Node, address: string): Promise<PeerFindings> {
  try {
    const peer = await node.connectWithNode(address);
    const roundTripMs = await peer.ping({ timeoutMs: 5_000 });
    const sighting = await node.seenBy(peer);
    const findings = [reachedFinding(address, peer, roundTripMs), ...seenFindings(peer, sighting)];
    const seenAs = peer.path === 'relayed' ? undefined : sighting?.host;
    await peer.stop();
    return { findings, seenAs };
  } catch (error) {
    return { findings: [failedFinding(address, error)] };
  }
}

function reachedFinding(address: string, peer: NodeConnection, roundTripMs: number): Finding {
  const { protocol, encrypted } = peer.security;
  const way = peer.path === 'direct' ? '' : ` (${peer.path})`;
  const text = `${address} is ${labelOf(peer)}, ${peer.id}: connected over ${protocol}${way}, round trip ${roundTripMs.toFixed(1)} ms`;
  if (encrypted) return { is: 'ok', about: 'peer', text };
  return {
    is: 'note',
    about: 'peer',
    text: `${text}; the link is not encrypted`,
    advice: 'dial with tls://',
  };
}

function failedFinding(address: string, error: unknown): Finding {
  const code = isPeerloomError(error) ? error.code : undefined;
  const { about, advice } = failureAdvice(code);
  const where = code === undefined ? '' : ` (${code})`;
  return { is: 'wrong', about: `peer, ${about}`, text: `${address}: ${messageOf(error)}${where}`, advice };
}

function seenFindings(peer: NodeConnection, sighting: Sighting | undefined): readonly Finding[] {
  const who = labelOf(peer);
  if (sighting === undefined) {
    const text = `${who} does not say from where it sees this machine: it is of an earlier build, or a Python node`;
    return [{ is: 'note', about: 'seen as', text }];
  }
  return [seenFinding(peer, sighting), clockFinding(who, sighting)];
}

/** Where the peer sees this machine. The next step draws the conclusions (reach.ts). */
function seenFinding(peer: NodeConnection, { host, port }: Sighting): Finding {
  const about = 'seen as';
  const who = labelOf(peer);
  if (peer.path === 'relayed') return { is: 'ok', about, text: `${who} sees this machine through the relay` };
  const isRouter = scopeOf(host) === 'public' && !hasAddress(host);
  const text = `${who} sees this machine at ${host} (port ${port} of this connection)${isRouter ? ', the address of a router' : ''}`;
  return { is: 'ok', about, text };
}

function clockFinding(who: string, { wallMs, roundTripMs }: Sighting): Finding {
  const about = 'clock';
  // The peer read its clock about half a round trip ago.
  const gapMs = systemRuntime.wallNow() - roundTripMs / 2 - wallMs;
  const by = `${ageText(Math.abs(gapMs))} ${gapMs > 0 ? 'ahead of' : 'behind'}`;
  const text = `this clock is ${by} the clock of ${who} (to within ${ageText(roundTripMs / 2)})`;
  if (Math.abs(gapMs) - roundTripMs / 2 <= clockToleranceMs) return { is: 'ok', about, text };
  return { is: 'wrong', about, text, advice: 'one of the two is wrong: set both by NTP' };
}
