import type { FoundNode } from '../api/discovery.ts';
import { parseAddress, portIn, seenFrom } from '../base/address.ts';
import { sha256Hex } from '../base/sha256.ts';
import { isPeerId } from '../identity/identity.ts';
import { encodeText } from '../wire/payloads/text.ts';

/** The service that nodes announce (RFC 6763, section 7). */
export const serviceType = '_peerloom._tcp.local';

/** Asks for all types of services (RFC 6763, section 9). */
const allServices = '_services._dns-sd._udp.local';

/** How long others may remember a record, in seconds (RFC 6762, section 10). */
const ttlSeconds = 120;

/** Addresses of a node in one packet. */
const maxAddresses = 8;

/** Nodes in one packet. */
const maxNodes = 16;

/** A text in a TXT record has its length in one byte. */
const maxTextBytes = 255;

/** As the library has it. Names of others have any form. */
export interface MdnsRecord {
  readonly name: string;
  readonly type: string;
  readonly ttl?: number;
  readonly data: unknown;
}

/** A packet, as the library reads it. */
export interface MdnsPacket {
  readonly questions?: readonly { readonly name: string; readonly type: string }[];
  readonly answers?: readonly MdnsRecord[];
  readonly additionals?: readonly MdnsRecord[];
}

/** What a node says of itself. */
export interface MdnsSelf {
  readonly id: string;
  readonly network: string;
  /** The texts of the addresses that it listens on. */
  readonly addresses: readonly string[];
  /** The IPv4 addresses of the machine, outside it. */
  readonly hosts: readonly string[];
}

/**
 * The records of a node (RFC 6763): that it has the service, where, and under which addresses. None for a node that
 * listens on this machine only.
 *
 * @param ttl 0: the node is about to go (RFC 6762, section 10.1).
 */
export function recordsOf(self: MdnsSelf, ttl: number = ttlSeconds): readonly MdnsRecord[] {
  const addresses = self.addresses.filter((text) => !isOnMachineOnly(text) && text.length < maxTextBytes - 5);
  if (addresses.length === 0) return [];
  const instance = `${self.id}.${serviceType}`;
  const host = hostNameOf(self);
  const texts = [
    'txtvers=1',
    `id=${self.id}`,
    `net=${tagOf(self.network)}`,
    ...addresses.slice(0, maxAddresses).map((address) => `addr=${address}`),
  ];
  return [
    { name: serviceType, type: 'PTR', ttl, data: instance },
    {
      name: instance,
      type: 'SRV',
      ttl,
      data: { target: host, port: portIn(addresses), priority: 0, weight: 0 },
    },
    { name: instance, type: 'TXT', ttl, data: texts },
    ...self.hosts.slice(0, maxAddresses).map((data) => ({ name: host, type: 'A', ttl, data })),
  ];
}

/** Whether a packet asks for anything that {@link recordsOf} has. */
export function asksFor(self: MdnsSelf, { questions = [] }: MdnsPacket): boolean {
  const names = [serviceType, allServices, `${self.id}.${serviceType}`, hostNameOf(self)];
  const wanted = new Set(names.map((name) => name.toLowerCase()));
  return questions.some(({ name }) => typeof name === 'string' && wanted.has(name.toLowerCase()));
}

/** The answer to somebody who asks for all types of services. */
export const serviceRecord: MdnsRecord = {
  name: allServices,
  type: 'PTR',
  ttl: ttlSeconds,
  data: serviceType,
};

/**
 * The nodes of the same network that a packet tells of. Anybody in the local network can send such packets, so an
 * address counts only if the packet came from it.
 */
export function nodesIn(packet: MdnsPacket, from: string, self: MdnsSelf): readonly FoundNode[] {
  const found: FoundNode[] = [];
  let nodes = 0;
  for (const { name, type, ttl, data } of [...(packet.answers ?? []), ...(packet.additionals ?? [])]) {
    if (type !== 'TXT' || ttl === 0 || typeof name !== 'string') continue;
    if (!name.toLowerCase().endsWith(`.${serviceType}`)) continue;
    if (++nodes > maxNodes) break;
    const texts = textsOf(data);
    const id = valuesOf('id', texts)[0];
    const isOfNetwork = valuesOf('net', texts)[0] === tagOf(self.network);
    if (id === undefined || id === self.id || !isOfNetwork || !isPeerId(id)) continue;
    for (const address of seenFrom(valuesOf('addr', texts).slice(0, maxAddresses), from)) {
      if (hostOf(address) === from) found.push({ address, id });
    }
  }
  return found;
}

/** Names the network, without saying its name. */
function tagOf(network: string): string {
  return sha256Hex(encodeText(`peerloom mdns 1\0${network}`)).slice(0, 16);
}

/** Names in DNS are equal in capitals and small letters, so the end of an id alone could name two nodes. */
function hostNameOf({ id }: MdnsSelf): string {
  return `peerloom-${sha256Hex(encodeText(id)).slice(0, 16)}.local`;
}

function isOnMachineOnly(text: string): boolean {
  const host = hostOf(text);
  return host === undefined || host.startsWith('127.') || host === '::1' || host === 'localhost';
}

function hostOf(text: string): string | undefined {
  try {
    return parseAddress(text).host;
  } catch {
    return undefined;
  }
}

/** The texts of a TXT record: bytes or text, one or several. */
function textsOf(data: unknown): readonly string[] {
  const parts: readonly unknown[] = Array.isArray(data) ? data : [data];
  return parts
    .slice(0, 2 * maxAddresses)
    .flatMap((part) =>
      part instanceof Uint8Array ? new TextDecoder().decode(part) : typeof part === 'string' ? part : [],
    );
}

function valuesOf(key: string, texts: readonly string[]): readonly string[] {
  return texts.flatMap((text) => (text.startsWith(`${key}=`) ? text.slice(key.length + 1) : []));
}
