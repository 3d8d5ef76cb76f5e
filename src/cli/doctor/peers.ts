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

/** Clocks that differ by less are right enough: nodes drop broadcasts that are off by 2 minutes. */
const clockToleranceMs = 5_000;

/** Whether a node can be dialled at an address, how it sees this machine, and what its clock says. */
export async function peerFindings(node: Node, address: string): Promise<readonly Finding[]> {
  try {
    const peer = await node.connectWithNode(address);
    const roundTripMs = await peer.ping({ timeoutMs: 5_000 });
    const sighting = await node.seenBy(peer);
    const found = [reachedFinding(address, peer, roundTripMs), ...seenFindings(node, peer, sighting)];
    await peer.stop();
    return found;
  } catch (error) {
    return [failedFinding(address, error)];
  }
}

function reachedFinding(address: string, peer: NodeConnection, roundTripMs: number): Finding {
  const { protocol, encrypted } = peer.security;
  const text = `${address} is ${labelOf(peer)}, ${peer.id}: connected over ${protocol}, round trip ${roundTripMs.toFixed(1)} ms`;
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

function seenFindings(node: Node, peer: NodeConnection, sighting: Sighting | undefined): readonly Finding[] {
  const who = labelOf(peer);
  if (sighting === undefined) {
    const text = `${who} does not say from where it sees this machine: it is of an earlier build, or a Python node`;
    return [{ is: 'note', about: 'seen as', text }];
  }
  return [seenFinding(node, peer, sighting), clockFinding(who, sighting)];
}

function seenFinding(node: Node, peer: NodeConnection, { host, port }: Sighting): Finding {
  const about = 'seen as';
  const text = `${labelOf(peer)} sees this machine at ${host} (port ${port} of this connection)`;
  const isOwn = hasAddress(host);
  if (isOwn || scopeOf(host) !== 'public') return { is: 'ok', about, text };
  const advice = `${host} is the address of a router: to be dialled from outside, forward a port there to this machine's port ${node.port}, and give others ${host}`;
  return { is: 'note', about, text, advice };
}

function clockFinding(who: string, { wallMs, roundTripMs }: Sighting): Finding {
  const about = 'clock';
  // The peer looked at its clock about half a round trip ago.
  const gapMs = systemRuntime.wallNow() - roundTripMs / 2 - wallMs;
  const by = `${ageText(Math.abs(gapMs))} ${gapMs > 0 ? 'ahead of' : 'behind'}`;
  const text = `this clock is ${by} the clock of ${who} (to within ${ageText(roundTripMs / 2)})`;
  if (Math.abs(gapMs) - roundTripMs / 2 <= clockToleranceMs) return { is: 'ok', about, text };
  return { is: 'wrong', about, text, advice: 'one of the two is wrong: set both by NTP' };
}
