import { type Address, parseAddress } from '../../base/address.ts';
import { PeerloomError } from '../../base/errors.ts';

export const webSocketSchemes = ['ws', 'wss'] as const;

const defaultPorts = { ws: 80, wss: 443 } as const;

/** Matches every address of these schemes. */
const urlPattern = /^(?<scheme>wss?):\/\/(?<authority>[^/?#]*)(?<path>[^#]*)(?<fragment>#.*)?$/i;

/**
 * Parses `ws://host:port/path` and `wss://…`. Port (default 80, 443) and path are optional.
 *
 * @returns `undefined` for an address of another scheme.
 * @throws PeerloomError `ERR_ADDRESS_INVALID`.
 */
export function parseWebSocketAddress(text: string): Address | undefined {
  const parts = urlPattern.exec(text)?.groups;
  if (parts === undefined) return undefined;
  const { authority = '', path = '', fragment } = parts;
  const scheme = parts.scheme!.toLowerCase() as keyof typeof defaultPorts;
  const hasPort = /:\d+$/.test(authority.replace(/^\[.*\]/, ''));
  const address = parseAddress(`${scheme}://${authority}${hasPort ? '' : `:${defaultPorts[scheme]}`}`);
  if (fragment !== undefined || !URL.canParse(text)) {
    const message = `The address '${text}' cannot be used: its path cannot be that of a WebSocket. Write it as wss://name/path.`;
    throw new PeerloomError('ERR_ADDRESS_INVALID', message);
  }
  return path === '' || path === '/' ? address : { ...address, text };
}

/** The URL of a WebSocket address. */
export function urlOf({ text, scheme = 'ws', host, port }: Address): string {
  return text ?? `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}/`;
}
