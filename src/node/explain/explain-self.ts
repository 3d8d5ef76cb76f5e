import type { ExplanationLine } from '../../api/explanation.ts';
import { parseAddress } from '../../base/address.ts';
import { type HostScope, scopeOf } from '../../base/host-scope.ts';
import type { PastFailure } from '../../peers/past-failures.ts';
import type { RelayPlace } from '../../transport/transport-reach.ts';
import { ageText } from './age-text.ts';
import type { ExplainSources } from './sources.ts';

/** The most hosts, as named by others, that are listed. */
const maxHosts = 4;

/** The explanation of how others can reach this node. */
export function explainSelf(sources: ExplainSources): readonly ExplanationLine[] {
  const { peering, membership } = sources;
  const { addresses } = peering.transports;
  const { relays, seenAt } = peering.transports.reach;
  const hosts = (membership?.seenHosts ?? []).slice(0, maxHosts);
  return [
    ...(peering.state === 'started' && addresses.length === 0 ? [dialsOnly] : []),
    ...addresses.map(listeningLine),
    ...hosts.map(([host, others]) => seenLine(host, neighbours(others), addresses)),
    ...seenAt.slice(0, maxHosts).map(({ host, by }) => seenLine(host, dialledNodes(by), addresses)),
    ...relays.map(relayLine),
    inboundLine(sources),
    ...refusedLines(sources),
  ];
}

const dialsOnly: ExplanationLine = {
  about: 'address',
  text: 'this node listens on no address: it reaches others, and no node can dial it',
  advice: 'let others be dialled, or give it a transport that listens, such as tcp()',
};

/** Says from where an address can be reached. */
export function listeningLine(text: string): ExplanationLine {
  const host = hostOf(text);
  if (host === '0.0.0.0' || host === '::') {
    const of = host === '::' ? 'IPv6 and IPv4' : 'IPv4';
    return {
      about: 'address',
      text: `listens on all ${of} addresses of this machine: ${text}`,
      address: text,
    };
  }
  const scope = host === undefined ? 'name' : scopeOf(host);
  const { who, advice } = reachOf[scope];
  return {
    about: 'address',
    text: `listens on ${text}${who}`,
    ...(advice !== undefined && { advice }),
    address: text,
  };
}

const reachOf: Readonly<Record<HostScope, { readonly who: string; readonly advice?: string }>> = {
  loopback: {
    who: ': only programs on this machine reach it',
    advice: "to be reached from other machines, listen on '0.0.0.0' (or '::')",
  },
  private: {
    who: ': nodes in the same network or VPN reach it',
    advice: 'for others, forward the port at the router, or use a node with a public address between',
  },
  public: { who: ', a public address: others reach it if no firewall is in the way' },
  name: { who: '' },
  nowhere: { who: ', which nobody can dial', advice: 'listen on an address of this machine' },
};

const neighbours = (count: number): string =>
  count === 1 ? 'one neighbour hears' : `${count} neighbours hear`;

const dialledNodes = (count: number): string =>
  count === 1 ? 'one node that this one dialled sees' : `${count} nodes that this one dialled see`;

function relayLine({ relay, isReserved, failure }: RelayPlace): ExplanationLine {
  const about = 'relay';
  if (isReserved) return { about, text: `others reach this node through the relay ${relay}`, address: relay };
  return {
    about,
    text: `no place at the relay ${relay}, so nobody reaches this node through it: ${failure ?? 'it has not answered yet'}`,
    advice:
      'this node asks again by itself; check that the relay runs, its address and its id, or name a second relay',
    address: relay,
  };
}

function seenLine(host: string, who: string, addresses: readonly string[]): ExplanationLine {
  const isOwn = addresses.some((text) => hostOf(text) === host || text.startsWith(`/ip4/${host}/`));
  const isBehindNat = scopeOf(host) === 'public' && !isOwn;
  return {
    about: 'network',
    text: `${who} this node from ${host}`,
    ...(isBehindNat && {
      advice: `if this machine does not have ${host} itself, it is its router's: forward the port there, if others cannot dial this node`,
    }),
  };
}

function inboundLine({ peering, options }: ExplainSources): ExplanationLine {
  const inbound = [...peering.peers.inbound];
  const { maxConnections } = options;
  const scopes = [...new Set(inbound.map(({ host }) => scopeOf(host)))].join(', ');
  if (maxConnections > 0 && inbound.length >= maxConnections) {
    return {
      about: 'limit',
      text: `this node has ${inbound.length} inbound connections, as many as it allows (maxConnections)`,
      advice: 'raise maxConnections, or let other nodes be dialled',
    };
  }
  if (inbound.length === 0)
    return { about: 'connection', text: 'no node that dialled this one is connected' };
  const nodes = inbound.length === 1 ? 'node that dialled this one is' : 'nodes that dialled this one are';
  return { about: 'connection', text: `${inbound.length} ${nodes} connected, from addresses: ${scopes}` };
}

function refusedLines({ peering, failedInbound, options }: ExplainSources): readonly ExplanationLine[] {
  const counts = Object.entries(failedInbound);
  if (counts.length === 0) return [];
  const [latest] = peering.peers.failures.handshakes;
  const list = counts.map(([code, count]) => `${count} × ${code}`).join(', ');
  return [
    {
      about: 'admission',
      text: `nodes that dialled this one did not become peers: ${list}${latestText(latest, options.runtime.now())}`,
      advice: 'docs/errors.md explains the codes; explain() of such a node says more',
    },
  ];
}

function latestText(latest: PastFailure | undefined, nowMs: number): string {
  if (latest === undefined) return '';
  return `; the latest, ${latest.id} from ${latest.address}, ${ageText(nowMs - latest.atMs)} ago: ${latest.message}`;
}

/** `undefined` if the address is not a host and a port. */
function hostOf(text: string): string | undefined {
  try {
    return parseAddress(text).host;
  } catch {
    return undefined;
  }
}
