import { checkType, shown } from './arguments.ts';
import { PeerloomError } from './errors.ts';

/** The address of a node. */
export interface Address {
  /**
   * The complete text of an address that is more than a host and a port: a URL with a path, a multiaddr. Host and port
   * then hold what they can of it. Port 0 if it has none.
   */
  readonly text?: string | undefined;
  /** `'tls'`, `'tcp'`, `'memory'`, …; `undefined` means the node's first transport. */
  readonly scheme: string | undefined;
  /** A name or an IP address; IPv6 without brackets. */
  readonly host: string;
  /** 1 to 65535, or 0 in an address to listen on: the system picks. */
  readonly port: number;
}

/**
 * Reads the text of an address to dial: `'host:port'`, `'[::1]:10001'` or with a scheme, `'tls://host:port'`.
 *
 * @throws PeerloomError `ERR_ADDRESS_INVALID`, which says what is wrong with the text.
 */
export function parseAddress(text: string, use: 'dial' | 'listen' = 'dial'): Address {
  checkType('address', text, 'string');
  if (text.startsWith('/')) throw invalid(text, 'no transport of this node reads multiaddrs');
  const { scheme, host, port } = addressPattern.exec(text)!.groups!;
  if (!host) throw invalid(text, 'it has no host');
  if (port === undefined) throw invalid(text, 'it has no port');
  if (host.includes(':') && !host.startsWith('[')) throw invalid(text, 'an IPv6 host stands in brackets');
  const bareHost = withoutBrackets(host);
  if (!isHost(bareHost)) throw invalid(text, `'${host}' is not a host`);
  const minPort = use === 'listen' ? 0 : 1;
  if (!/^\d+$/.test(port) || !isPort(Number(port), minPort)) {
    throw invalid(text, `the port must be a whole number from ${minPort} to 65535, not '${port}'`);
  }
  return { scheme: scheme?.toLowerCase(), host: bareHost, port: Number(port) };
}

/** Matches every text. Whatever fits no other group becomes the host, which is checked later. */
const addressPattern = /^(?:(?<scheme>[a-z][a-z\d+.-]*):\/\/)?(?<host>\[[^\]]*\]|.*?)(?::(?<port>[^:]*))?$/is;

/**
 * Makes an address of a host and a port. Removes brackets around an IPv6 host.
 *
 * @param use `'dial'` for an address to connect to; `'listen'` allows port 0 as well.
 * @throws TypeError if the host or the port has the wrong type, or the host cannot be one.
 * @throws RangeError if the port is out of range.
 */
export function addressOf(host: string, port: number, use: 'dial' | 'listen' = 'dial'): Address {
  checkType('host', host, 'string');
  const bareHost = withoutBrackets(host);
  if (!isHost(bareHost)) {
    throw new TypeError(`host must be a name or an IP address such as '127.0.0.1', not ${shown(host)}`);
  }
  checkType('port', port, 'number');
  const minPort = use === 'listen' ? 0 : 1;
  if (!isPort(port, minPort)) {
    throw new RangeError(`port must be a whole number from ${minPort} to 65535, not ${port}`);
  }
  return { scheme: undefined, host: bareHost, port };
}

/** The text that {@link parseAddress} reads back. */
export function formatAddress({ scheme, host, port, text }: Address): string {
  if (text !== undefined) return text;
  const prefix = scheme === undefined ? '' : `${scheme}://`;
  return `${prefix}${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/**
 * Turns the addresses on which a node says that it listens into addresses that others can dial: a host that stands for
 * all of a machine's addresses (`0.0.0.0`, `::`) is replaced by the host from which the node connected.
 */
export function seenFrom(texts: readonly string[], host: string): readonly string[] {
  return texts.map((text) => {
    const address = hostAndPortOf(text);
    const isEvery = address !== undefined && (address.host === '0.0.0.0' || address.host === '::');
    return isEvery ? formatAddress({ ...address, host }) : text;
  });
}

/** The first port in a list of addresses. 0 if none has a port. */
export function portIn(texts: readonly string[]): number {
  for (const text of texts) {
    const port = hostAndPortOf(text)?.port ?? portOfMultiaddr(text);
    if (port !== undefined) return port;
  }
  return 0;
}

/** The port of a multiaddr, unless the port is a relay's. */
function portOfMultiaddr(text: string): number | undefined {
  const digits = /^\/(?:ip4|ip6|dns[46]?)\/[^/]+\/(?:tcp|udp)\/(\d{1,5})(?!.*\/p2p-circuit)(?:\/|$)/.exec(
    text,
  )?.[1];
  const port = Number(digits);
  return isPort(port, 1) ? port : undefined;
}

/** `undefined` for an address of another form, which its transport parses. */
function hostAndPortOf(text: string): Address | undefined {
  try {
    return parseAddress(text);
  } catch {
    return undefined;
  }
}

/** Whether an IP address leads back to this machine. */
export function isLoopback(host: string): boolean {
  return host.startsWith('127.') || host === '::1';
}

/**
 * Returns the text by which limits for each address count. For IPv6 this is the /64 network of one customer (RFC 6177,
 * RFC 4291 section 2.5.4), because the customer chooses the other 64 bits.
 */
export function sourceOf(host: string): string {
  if (!host.includes(':')) return host;
  const [before = '', after] = host.split('%')[0]!.split('::');
  const groups = before === '' ? [] : before.split(':');
  if (after !== undefined) {
    const rest = after === '' ? [] : after.split(':');
    groups.push(...Array<string>(Math.max(0, 8 - groups.length - rest.length)).fill('0'), ...rest);
  }
  return `${groups.slice(0, 4).join(':')}::/64`;
}

function invalid(text: string, problem: string): PeerloomError {
  return new PeerloomError(
    'ERR_ADDRESS_INVALID',
    `The address '${text}' cannot be used: ${problem}. Write it as 127.0.0.1:10001, [::1]:10001 or tls://name:10001.`,
  );
}

function withoutBrackets(host: string): string {
  return /^\[.*:.*\]$/s.test(host) ? host.slice(1, -1) : host;
}

function isHost(host: string): boolean {
  return host.includes(':') ? isIpv6(host) : /^[^\s/\\[\]@?#%]{1,253}$/.test(host);
}

/** With or without a zone (`fe80::1%eth0`); the URL parser knows the grammar, in every runtime. */
function isIpv6(host: string): boolean {
  const [, digits] = /^([\da-f:.]+)(?:%[\w.-]+)?$/i.exec(host) ?? [];
  return digits !== undefined && URL.canParse(`http://[${digits}]`);
}

function isPort(port: number, min: number): boolean {
  return Number.isInteger(port) && port >= min && port <= 65_535;
}
