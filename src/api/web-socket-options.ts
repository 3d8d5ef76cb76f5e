import type { Address } from '../base/address.ts';
import { checkOptions, checkType, shown } from '../base/arguments.ts';
import type { NodeRequest, NodeResponse } from '../base/node-http.ts';
import { parseWebSocketAddress } from '../transport/websocket/address.ts';

/** How a node answers pages and proxies that connect to its port by HTTP. */
export interface WebPortOptions {
  /**
   * The origins of pages that may connect, such as `['https://example.org']`, in addition to pages of the same host. A
   * page is of the same host if its origin has the host name that it dials, with any port, and that host is an IP
   * address, `localhost`, or the host on which the node listens. `['*']`: every page of the web may connect. Programs
   * that are not browsers send no origin and may always connect. Default `[]`.
   */
  readonly origins?: readonly string[] | undefined;
  /**
   * IP addresses of reverse proxies in front of this node, such as `['127.0.0.1']`. For connections through them, the
   * last address in the header `X-Forwarded-For` counts as the other node's address. Otherwise, all connections through
   * a proxy share the proxy's address and its limits. Default `[]`.
   */
  readonly trustedProxies?: readonly string[] | undefined;
  /**
   * Addresses of this node that it cannot know by itself, such as that of a reverse proxy:
   * `['wss://example.org/node']`, at most 4. `node.addresses` lists them after the node's own, so that peers learn them
   * and tell others. Default `[]`.
   */
  readonly publicAddresses?: readonly string[] | undefined;
  /**
   * Answers plain GET and HEAD requests, so that the node can serve the page that connects with it. Each connection
   * carries one request. Default: a short page that says what listens here.
   */
  readonly onRequest?: ((request: NodeRequest, response: NodeResponse) => unknown) | undefined;
}

export const webPortNames = [
  'origins',
  'trustedProxies',
  'publicAddresses',
  'onRequest',
] as const satisfies readonly (keyof WebPortOptions)[];

/** A hello names at most eight addresses. */
const maxPublicAddresses = 4;

/** {@link WebPortOptions}, checked and completed with the defaults. */
export interface ResolvedWebPort {
  readonly origins: ReadonlySet<string>;
  readonly trustedProxies: ReadonlySet<string>;
  readonly publicAddresses: readonly Address[];
  readonly onRequest: WebPortOptions['onRequest'];
}

/**
 * @param where names the options in errors.
 * @throws TypeError or RangeError with the option, the rule and the value; PeerloomError `ERR_ADDRESS_INVALID`.
 */
export function resolveWebPort(options: WebPortOptions, where: string): ResolvedWebPort {
  checkOptions(options, webPortNames, where);
  const { onRequest } = options;
  if (onRequest !== undefined) checkType(`${where}.onRequest`, onRequest, 'function');
  const origins = textsOf(options.origins, `${where}.origins`);
  for (const origin of origins) {
    if (origin === '*' || origin === 'null' || originOf(origin) === origin.toLowerCase()) continue;
    throw new TypeError(
      `${where}.origins must hold origins such as 'https://example.org', not ${shown(origin)}`,
    );
  }
  const trustedProxies = new Set(textsOf(options.trustedProxies, `${where}.trustedProxies`));
  const publicAddresses = textsOf(options.publicAddresses, `${where}.publicAddresses`);
  if (publicAddresses.length > maxPublicAddresses) {
    const rule = `${where}.publicAddresses must hold at most ${maxPublicAddresses} addresses`;
    throw new RangeError(`${rule}, not ${publicAddresses.length}`);
  }
  return {
    origins: new Set(origins.map((origin) => origin.toLowerCase())),
    trustedProxies,
    publicAddresses: publicAddresses.map((text) => publicAddress(text, `${where}.publicAddresses`)),
    onRequest,
  };
}

function publicAddress(text: string, name: string): Address {
  const address = parseWebSocketAddress(text);
  if (address !== undefined) return address;
  throw new TypeError(`${name} must hold addresses such as 'wss://example.org/node', not ${shown(text)}`);
}

function textsOf(given: unknown, name: string): readonly string[] {
  if (given === undefined) return [];
  if (Array.isArray(given) && given.every((one) => typeof one === 'string')) return given;
  throw new TypeError(`${name} must be a list of texts, not ${shown(given)}`);
}

/** The origin of a URL. `undefined` if the text has none. */
function originOf(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, host } = new URL(text);
  return `${protocol}//${host}`;
}
