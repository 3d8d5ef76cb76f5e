import { scopeOf } from '../../base/host-scope.ts';
import type { RelayPlace } from '../../transport/transport-reach.ts';
import type { Finding } from './finding.ts';
import { hasAddress } from './machine.ts';
import type { StunAnswer } from './stun.ts';

/** How routers show UDP sockets of this machine to others. */
export type UdpWay = 'own address' | 'one port' | 'new ports' | 'one answer' | 'blocked' | 'not asked';

/** What is known of whether others reach this machine. */
export interface Reach {
  /** The hosts at which peers see this machine. */
  readonly seenAt: readonly string[];
  readonly udp: UdpWay;
  readonly places: readonly RelayPlace[];
  /** Where a node here listens for TCP; 0: the user has not said. */
  readonly port: number;
}

/** Whether this machine has a place at each relay, in the words of what failed. */
export function relayFindings(places: readonly RelayPlace[]): readonly Finding[] {
  return places.map(({ relay, isReserved, failure }): Finding => {
    const about = 'relay';
    if (isReserved) return { is: 'ok', about, text: `others reach a node here through ${relay}` };
    return {
      is: 'wrong',
      about,
      text: `${relay} has no place for a node here: ${failure ?? 'it has not answered yet'}`,
      advice:
        'check that the relay runs, its address and its id; a relay that is full needs a larger --max-nodes',
    };
  });
}

export function udpWay(answers: readonly StunAnswer[], isOwn = hasAddress): UdpWay {
  if (answers.length === 0) return 'not asked';
  const seen = answers.flatMap((one) => one.seen ?? []);
  if (seen.length === 0) return 'blocked';
  if (seen.every(({ host }) => isOwn(host))) return 'own address';
  if (seen.length === 1) return 'one answer';
  return new Set(seen.map(({ host, port }) => `${host} ${port}`)).size === 1 ? 'one port' : 'new ports';
}

/** What the STUN servers see, and what that means for WebRTC. */
export function stunFindings(answers: readonly StunAnswer[]): readonly Finding[] {
  const about = 'UDP';
  const silent = answers.filter(({ seen }) => seen === undefined);
  const lines = silent.map(
    ({ server }): Finding => ({ is: 'note', about, text: `${server} does not answer` }),
  );
  const seen = answers.flatMap((one) => one.seen ?? []);
  const shown = [...new Set(seen.map(({ host, port }) => `${host} port ${port}`))].join(', ');
  const way = udpWay(answers);
  const finding = (is: Finding['is'], text: string, advice?: string): Finding => ({
    is,
    about,
    text,
    advice,
  });
  switch (way) {
    case 'not asked':
      return [];
    case 'blocked':
      return [
        ...lines,
        finding(
          'note',
          'no UDP gets through to a STUN server and back: WebRTC cannot connect directly',
          'allow UDP in the firewall, or check the addresses of the servers; relays work over TCP all the same',
        ),
      ];
    case 'own address':
      return [...lines, finding('ok', `seen at ${shown}: no router stands between`)];
    case 'one port':
      return [
        ...lines,
        finding('ok', `seen at ${shown} by all: WebRTC connects directly with most other nodes`),
      ];
    case 'new ports':
      return [
        ...lines,
        finding('note', `seen at ${shown}: the router uses a new port for each destination (symmetric NAT)`),
      ];
    case 'one answer':
      return [
        ...lines,
        finding(
          'note',
          `seen at ${shown}: one server cannot tell whether others see the same port`,
          'name two servers with --stun',
        ),
      ];
  }
}

/** The next step towards a node here that others reach; nothing where no peer has seen this machine. */
export function nextStep(
  { seenAt, udp, places, port }: Reach,
  isOwn: (host: string) => boolean = hasAddress,
): Finding | undefined {
  const about = 'next step';
  const host = seenAt.find((one) => scopeOf(one) === 'public');
  if (host === undefined) return undefined;
  if (isOwn(host)) {
    return {
      is: 'ok',
      about,
      text: `this machine has the public address ${host} itself: give others ${host} and the port of your node, and open that port for TCP in its firewall`,
    };
  }
  const text = `this machine stands behind a router with the address ${host}`;
  if (!places.some(({ isReserved }) => isReserved)) {
    return {
      is: 'note',
      about,
      text,
      advice: `either forward ${port === 0 ? 'the TCP port of your node' : `TCP port ${port}`} at the router to this machine (only possible if the router itself shows ${host} as its address: otherwise a second router, or the provider, stands before it), or use a relay: libp2p(internet({ relays })), and peerloom doctor --relay`,
    };
  }
  return { is: udp === 'one port' ? 'ok' : 'note', about, ...behindRelay(text, udp) };
}

function behindRelay(text: string, udp: UdpWay): Pick<Finding, 'text' | 'advice'> {
  const reached = `${text}, and others reach it through a relay`;
  switch (udp) {
    case 'own address':
    case 'one port':
      return {
        text: `${reached}; with the option stun, libp2p(internet({ relays, stun })), they then connect directly by WebRTC`,
      };
    case 'new ports':
      return {
        text: reached,
        advice:
          'connections with nodes behind other routers stay relayed, because this router uses a new port for each destination: run a relay near you, or forward a port',
      };
    case 'blocked':
      return {
        text: reached,
        advice: 'connections stay relayed, because no UDP gets through: run a relay near you',
      };
    default:
      return { text: reached, advice: 'name two --stun servers to learn whether direct connections work' };
  }
}
