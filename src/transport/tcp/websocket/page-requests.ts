import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { isIP } from 'node:net';
import type { Address } from '../../../base/address.ts';
import { remoteAddressOf } from '../sockets.ts';

/** Which requests the node trusts. */
export interface PageRules {
  /** Origins of pages that may connect, in addition to pages of the same host. `'*'`: every page. */
  readonly origins: ReadonlySet<string>;
  /** Addresses of reverse proxies whose X-Forwarded-For is trusted. */
  readonly trustedProxies: ReadonlySet<string>;
  /** Names of this node's host. */
  readonly hosts: ReadonlySet<string>;
}

/**
 * Why a request to open a WebSocket is refused, if it comes from a page that may not connect. Browsers let every page
 * of the web open WebSockets to every address, and send the page's origin along (RFC 6455, section 10.2). Other
 * programs send any origin or none, so this check protects only the users of browsers.
 *
 * A page has the same host if its origin has the name that it dialled, and if that name is the node's own: an IP
 * address, `localhost`, or the host on which the node listens. Any other name could belong to the page's owner, who
 * makes it resolve to this node (DNS rebinding).
 */
export function refusalOf({ headers }: IncomingMessage, { origins, hosts }: PageRules): string | undefined {
  const { origin, host } = headers;
  if (origin === undefined || origins.has('*') || origins.has(origin.toLowerCase())) return undefined;
  const asked = nameIn(`http://${host}`);
  const isSame = asked !== undefined && nameIn(origin) === asked;
  if (isSame && (isIP(asked) > 0 || asked === 'localhost' || hosts.has(asked))) return undefined;
  return `pages of ${origin} may not connect: list it in the option origins`;
}

/** The address from which a request comes. For a trusted proxy: the address that the proxy has seen. */
export function clientAddressOf(
  { headers }: IncomingMessage,
  socket: Socket,
  { trustedProxies }: PageRules,
): Address {
  const address = remoteAddressOf(socket);
  if (!trustedProxies.has(address.host)) return address;
  const forwarded = [headers['x-forwarded-for']].flat().at(-1)?.split(',').at(-1)?.trim() ?? '';
  return isIP(forwarded) > 0 ? { scheme: undefined, host: forwarded, port: 0 } : address;
}

function nameIn(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  return new URL(url).hostname.replace(/^\[(.*)\]$/, '$1');
}
