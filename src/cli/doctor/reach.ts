import { scopeOf } from '../../base/host-scope.ts';
import type { RelayPlace } from '../../transport/transport-reach.ts';
import type { Finding } from './finding.ts';
import { hasAddress } from './machine.ts';
import type { RouterAnswer } from './nat-pmp.ts';
import type { StunAnswer, UdpFilter } from './stun.ts';

/** How other machines see UDP sockets of this machine, behind its routers. */
export type UdpWay = 'own address' | 'one port' | 'new ports' | 'one answer' | 'blocked' | 'not asked';

/** What is known about how others can reach this machine. */
export interface Reach {
  /** The hosts at which peers see this machine. */
  readonly seenAt: readonly string[];
  readonly udp: UdpWay;
  /** Whose UDP packets the router lets in. */
  readonly filter: UdpFilter;
  /** The router's answer about its own address. */
  readonly router: RouterAnswer | undefined;
  readonly places: readonly RelayPlace[];
  /** The TCP port on which a node here listens. 0 if the user has not named it. */
  readonly port: number;
}

/** Reports for each relay whether this machine has a place at it, or why not. */
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

/** Reports how the STUN servers see this machine, and what that means for WebRTC. */
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

/** Whether a host is in the shared network between a provider and its customers' routers (RFC 6598). */
export function isProviders(host: string): boolean {
  return /^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./.test(host);
}

/** Reports whether there is a second router between this machine's router and the internet. */
export function routerFindings(
  router: RouterAnswer | undefined,
  seenAt: readonly string[],
): readonly Finding[] {
  const about = 'router';
  if (router === undefined) return [];
  const text = `${router.router} has the address ${router.outside}`;
  if (isProviders(router.outside))
    return [{ is: 'note', about, text: `${text}, which is one of the provider's own network (CGNAT)` }];
  if (scopeOf(router.outside) !== 'public')
    return [{ is: 'note', about, text: `${text}, which is private: a second router stands before it` }];
  const seen = seenAt.filter((host) => scopeOf(host) === 'public');
  if (seen.length === 0 || seen.includes(router.outside)) return [{ is: 'ok', about, text }];
  const others = `others see this machine at ${seen[0]}: a VPN, or a router of the provider, stands between`;
  return [{ is: 'note', about, text: `${text}, but ${others}` }];
}

/** Reports whose UDP packets the router lets in. */
export function filterFindings(filter: UdpFilter): readonly Finding[] {
  const about = 'UDP';
  const port = 'a port that this machine has used';
  if (filter === 'anybody') return [{ is: 'ok', about, text: `everybody is let in to ${port} (full cone)` }];
  if (filter === 'hosts')
    return [
      { is: 'ok', about, text: `only hosts that were sent something are let in to ${port} (restricted)` },
    ];
  if (filter === 'ports')
    return [{ is: 'ok', about, text: `only answers are let in to ${port} (restricted by port)` }];
  return [];
}

/** What to do so that others reach a node here. `undefined` if no peer or server sees this machine at a public host. */
export function nextStep(
  { seenAt, udp, filter, router, places, port }: Reach,
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
    const asked = {
      host,
      port: port === 0 ? 'the TCP port of your node' : `TCP port ${port}`,
      router,
      filter,
    };
    return { is: 'note', about, ...alone(text, asked) };
  }
  return { is: udp === 'one port' ? 'ok' : 'note', about, ...behindRelay(text, udp) };
}

const byRelay = 'use a relay: libp2p(internet({ relays })), and peerloom doctor --relay';

/** The advice for a machine without a place at a relay. */
function alone(
  text: string,
  asked: {
    readonly host: string;
    readonly port: string;
    readonly router: RouterAnswer | undefined;
    readonly filter: UdpFilter;
  },
): Pick<Finding, 'text' | 'advice'> {
  const { host, port, router, filter } = asked;
  const forward = `forward ${port} at the router`;
  if (filter === 'anybody') {
    const advice = `the router may pass on TCP as well: let a node listen here, and try peerloom ping ${host}:PORT from another network; if it does not, ${forward}, or ${byRelay}`;
    return { text: `${text}, which lets everybody in by UDP`, advice };
  }
  if (router === undefined) {
    const advice = `either ${forward} to this machine (only possible if the router itself shows ${host} as its address: otherwise a second router, or the provider, stands before it), or ${byRelay}`;
    return { text, advice };
  }
  if (router.outside === host)
    return { text, advice: `either ${forward} ${router.router} to this machine, or ${byRelay}` };
  if (isProviders(router.outside)) {
    const advice = `forwarding a port at ${router.router} does not help. Ask the provider for a public address, use IPv6 if there is one, or ${byRelay}`;
    return {
      text: `this machine stands behind a router of the provider (CGNAT) with the address ${host}`,
      advice,
    };
  }
  if (scopeOf(router.outside) !== 'public') {
    const advice = `either ${forward} ${router.router} to this machine and, at the router before it, to ${router.outside}, or ${byRelay}`;
    return { text: `this machine stands behind two routers, the outer one with the address ${host}`, advice };
  }
  const advice = `others would have to dial ${router.outside}, the address of ${router.router}: ${forward} and tell others this address (announce), or ${byRelay}`;
  return { text, advice };
}

function behindRelay(text: string, udp: UdpWay): Pick<Finding, 'text' | 'advice'> {
  const reached = `${text}, and others reach it through a relay`;
  switch (udp) {
    case 'own address':
    case 'one port':
      return {
        text: `${reached}; they then connect directly by TCP if both routers keep their ports, and with the option stun, libp2p(internet({ relays, stun })), by WebRTC`,
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
        advice:
          'WebRTC cannot connect, because no UDP gets through; nodes connect directly by TCP if both routers keep their ports, and otherwise stay relayed: run a relay near you',
      };
    default:
      return { text: reached, advice: 'name two --stun servers to learn whether direct connections work' };
  }
}
