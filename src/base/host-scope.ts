/**
 * The scope of a host: this machine, a private network, the public internet, or `'nowhere'` if it cannot be dialled.
 * `'name'`: a name that has to be looked up and may lead anywhere.
 */
export type HostScope = 'loopback' | 'private' | 'public' | 'name' | 'nowhere';

/** Prefixes of IPv4 (RFC 6890, RFC 6598, RFC 5737): the first match counts. */
const ipv4Prefixes: readonly (readonly [prefix: string, bits: number, scope: HostScope])[] = [
  ['0.0.0.0', 8, 'nowhere'],
  ['10.0.0.0', 8, 'private'],
  ['100.64.0.0', 10, 'private'],
  ['127.0.0.0', 8, 'loopback'],
  ['169.254.0.0', 16, 'private'],
  ['172.16.0.0', 12, 'private'],
  ['192.0.0.0', 24, 'private'],
  ['192.168.0.0', 16, 'private'],
  ['198.18.0.0', 15, 'private'],
  ['224.0.0.0', 3, 'nowhere'],
];

/** Returns the scope of a host that is part of a valid address. */
export function scopeOf(host: string): HostScope {
  if (host.includes(':')) return ipv6Scope(host);
  const number = ipv4Number(host);
  // Systems also accept 127.1, 0x7f000001 and 2130706433 as addresses. All such forms count as names.
  return number === undefined ? 'name' : ipv4Scope(number);
}

/**
 * Whether this node may dial an address that another node told it. A node in the public internet must not make others
 * dial into their own networks, and only a node on this machine knows what listens there.
 */
export function mayTell(teller: HostScope, told: HostScope): boolean {
  if (told === 'nowhere') return false;
  if (teller === 'loopback' || teller === 'name') return true;
  if (teller === 'private') return told !== 'loopback';
  return teller === 'public' && told === 'public';
}

function ipv4Scope(number: number): HostScope {
  for (const [prefix, bits, scope] of ipv4Prefixes) {
    const shift = 32 - bits;
    if (number >>> shift === ipv4Number(prefix)! >>> shift) return scope;
  }
  return 'public';
}

/** `undefined` for anything but four decimal numbers. A leading zero makes a number octal for some systems. */
function ipv4Number(host: string): number | undefined {
  const parts = host.split('.');
  if (parts.length !== 4) return undefined;
  let number = 0;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    number = number * 256 + Number(part);
  }
  return number;
}

function ipv6Scope(host: string): HostScope {
  const groups = ipv6Groups(host.split('%')[0]!);
  if (groups === undefined) return 'nowhere';
  const [first = 0] = groups;
  const [high = 0, low = 0] = groups.slice(6);
  const start = groups.slice(0, 6).join();
  // IPv4-mapped (RFC 4291, section 2.5.5.2) and translated (RFC 6052) addresses lead to the IPv4 address within.
  if (start === '0,0,0,0,0,65535' || start === '100,65435,0,0,0,0') return ipv4Scope(high * 65_536 + low);
  if (groups.every((group) => group === 0)) return 'nowhere';
  if (start === '0,0,0,0,0,0') return high === 0 && low === 1 ? 'loopback' : 'nowhere';
  if (first >= 0xff00) return 'nowhere';
  const isLinkLocal = first >= 0xfe80 && first < 0xff00;
  const isUniqueLocal = first >= 0xfc00 && first < 0xfe00;
  return isLinkLocal || isUniqueLocal ? 'private' : 'public';
}

/** The eight numbers of an IPv6 address. The URL parser brings it into its canonical form (RFC 5952). */
function ipv6Groups(host: string): readonly number[] | undefined {
  if (!URL.canParse(`http://[${host}]`)) return undefined;
  const text = new URL(`http://[${host}]`).hostname.slice(1, -1);
  const [before = '', after] = text.split('::');
  const groupsOf = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const head = groupsOf(before);
  const tail = groupsOf(after ?? '');
  const zeros = Array<string>(8 - head.length - tail.length).fill('0');
  return [...head, ...zeros, ...tail].map((group) => Number.parseInt(group, 16));
}
