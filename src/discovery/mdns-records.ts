import type { FoundNode } from '../api/discovery.ts';
import { parseAddress, portIn, seenFrom } from '../base/address.ts';
import { sha256Hex } from '../base/sha256.ts';
import { isPeerId } from '../identity/identity.ts';
import { encodeText } from '../wire/payloads/text.ts';

/** The service that nodes announce (RFC 6763, section 7). */
export const serviceType = '_peerloom._tcp.local';

/** The name that asks for all types of services (RFC 6763, section 9). */
const allServices = '_services._dns-sd._udp.local';

/** Seconds for which others may remember a record (RFC 6762, section 10). */
const ttlSeconds = 120;

/** The most addresses of a node in one packet. */
const maxAddresses = 8;

/** The most nodes in one packet. */
const maxNodes = 16;

/** The most bytes of a text in a TXT record, whose length has one byte. */
const maxTextBytes = 255;

/** A record, as the library reads it. Names from other machines may have any form. */
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

/** What a node announces of itself. */
export interface MdnsSelf {
  readonly id: string;
  readonly network: string;
  /** The texts of the addresses that it listens on. */
  readonly addresses: readonly string[];
  /** The IPv4 addresses by which other machines reach this one. */
  readonly hosts: readonly string[];
}

/**
 * Returns the records of a node (RFC 6763): its service, its host and port, and its addresses. There are none for a
 * node that listens on this machine only.
 *
 * @param ttl seconds for which others may remember the records. 0 if the node is about to stop (RFC 6762, section
 * 10.1).
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

/** Whether a packet asks for any record of {@link recordsOf}. */
export function asksFor(self: MdnsSelf, { questions = [] }: MdnsPacket): boolean {
  const names = [serviceType, allServices, `${self.id}.${serviceType}`, hostNameOf(self)];
  const wanted = new Set(names.map((name) => name.toLowerCase()));
  return questions.some(({ name }) => typeof name === 'string' && wanted.has(name.toLowerCase()));
}

/** The answer to a question for all types of services. */
export const serviceRecord: MdnsRecord = {
  name: allServices,
  type: 'PTR',
  ttl: ttlSeconds,
  data: serviceType,
};

/**
 * Returns the nodes of the same network that a packet names. Any machine in the local network can send such packets, so
 * an address counts only if the packet came from it.
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

/** Returns a tag of the network: a hash that does not reveal its name. */
function tagOf(network: string): string {
  return sha256Hex(encodeText(`peerloom mdns 1\0${network}`)).slice(0, 16);
}

/** Returns the host name of a node. Names in DNS ignore case, so the end of an id alone could name two nodes. */
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

/** Returns the texts of a TXT record, whose data is bytes or text, one or several. */
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
