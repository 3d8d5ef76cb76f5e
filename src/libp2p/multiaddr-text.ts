import type { Address } from '../base/address.ts';
import { PeerloomError } from '../base/errors.ts';

/*
 * Addresses as texts. The package `@multiformats/multiaddr` reads them completely, but it is only there once a node
 * runs.
 */

/** `/ip4/192.0.2.7/tcp/10001/…`, and names by `/dns`, `/dns4`, `/dns6` and `/dnsaddr`. */
const hostPattern =
  /^\/(?:ip4|ip6|dns|dns4|dns6|dnsaddr)\/(?<host>[^/]+)(?:\/(?:tcp|udp)\/(?<port>\d{1,5}))?(?=\/|$)/;

/** The last id in the address is that of the node to which it leads. */
const idPattern = /\/p2p\/(?<id>[A-Za-z0-9]{20,80})$/;

const circuit = '/p2p-circuit';

/**
 * Reads the host, the port and the form of a multiaddr.
 *
 * @returns the address, or `undefined` if it is not a multiaddr.
 * @throws PeerloomError `ERR_ADDRESS_INVALID`.
 */
export function parseMultiaddr(text: string): Address | undefined {
  if (!text.startsWith('/')) return undefined;
  const { host, port = '0' } = hostPattern.exec(text)?.groups ?? {};
  if (host !== undefined && Number(port) <= 65_535) {
    // The host and the port of a relay are not those of the node behind it.
    return { text, scheme: 'libp2p', host, port: text.includes(circuit) ? 0 : Number(port) };
  }
  const id = idOf(text);
  if (id !== undefined && text === `/p2p/${id}`) return { text, scheme: 'libp2p', host: id, port: 0 };
  const message = `The address '${text}' cannot be used: it is no multiaddr. Write it as /ip4/192.0.2.7/tcp/10001, with /p2p/ and an id at its end to say who must answer.`;
  throw new PeerloomError('ERR_ADDRESS_INVALID', message);
}

/** Returns the multiaddr of an address. If the address is not a multiaddr, this is TCP to its host and port. */
export function multiaddrTextOf({ text, host, port }: Address): string {
  if (text !== undefined) return text;
  const kind = host.includes(':') ? 'ip6' : /^\d+(\.\d+){3}$/.test(host) ? 'ip4' : 'dns';
  return `/${kind}/${host}/tcp/${port}`;
}

/** Returns the id of the node to which a multiaddr leads, if it contains one. */
export function idOf(text: string): string | undefined {
  return idPattern.exec(text)?.groups?.id;
}

/** Whether the connection goes through a relay. A WebRTC connection only begins there, so it does not count. */
export function isRelayed(text: string): boolean {
  return text.includes(circuit) && !isWebRtc(text);
}

/** Returns the id of the relay in an address. */
export function relayOf(text: string): string | undefined {
  return text.includes(circuit) ? idOf(text.slice(0, text.lastIndexOf(circuit))) : undefined;
}

/** Returns the address of a node behind a relay. */
export function behindRelay(relay: string, id: string): string {
  return `${relay}${circuit}/p2p/${id}`;
}

/** Returns the address of a node behind a relay by WebRTC, which only begins through the relay. */
export function byWebRtc(relay: string, id: string): string {
  return `${relay}${circuit}/webrtc/p2p/${id}`;
}

/** Returns the WebRTC address of the node at an address through a relay. */
export function byWebRtcOf(relayed: string): string {
  return relayed.replace(/\/p2p-circuit\/p2p\/(?=[^/]+$)/, '/p2p-circuit/webrtc/p2p/');
}

/** Whether the connection uses WebRTC. */
export function isWebRtc(text: string): boolean {
  return /\/webrtc(-direct)?(\/|$)/.test(text);
}

/** Returns the address on which a node listens to be reachable through a relay. */
export function listenThrough(relay: string): string {
  return `${relay}${circuit}`;
}
