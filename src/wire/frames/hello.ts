import type { Compression } from '../../base/data.ts';
import { PeerloomError } from '../../base/errors.ts';
import { printable } from '../../base/printable.ts';
import type { Windows } from './windows.ts';

/** The versions of the protocol that this code speaks, lowest and highest. */
export const protocolVersions = [1, 1] as const;

/** The first frame of each side (docs/protocol.md, clauses 4.x). */
export interface Hello {
  /** Lowest and highest version of the protocol spoken. */
  readonly versions: readonly [number, number];
  /** The name of the network. Nodes of different networks do not connect. `''` is the default network. */
  readonly network: string;
  /** The addresses on which the sender listens, as text. */
  readonly addresses: readonly string[];
  /** A name for people. It may be empty, and proves nothing. */
  readonly name: string;
  /** A random text, new for each run of a node. It shows whether a node has restarted. */
  readonly instance: string;
  /** The longest message that the sender accepts, in bytes, before and after decompression. */
  readonly maxMessageBytes: number;
  /** The compressions that the sender can decompress. */
  readonly compressions: readonly Compression[];
  /** The windows within which the receiver may send at first. They do not change within a session (section 12). */
  readonly windows: Windows;
  /** The protocols that the sender speaks beside messages. A frame names a protocol by its place in this list. */
  readonly protocols: readonly string[];
  /** True if the sender has no connection to the receiver any more, so that an older one must be replaced. */
  readonly replace: boolean;
  /** Set if the sender wants a session, or wants to resume one. */
  readonly session?: HelloSession | undefined;
  /** Set by nodes that choose their neighbours automatically. */
  readonly membership?: MembershipWord | undefined;
}

/**
 * What the dialler asks for with a link (docs/protocol.md, section 18): to join the network through the other side, or
 * to become its neighbour with this priority. `'open'`: nothing.
 */
export type MembershipWord = (typeof membershipWords)[number];

/**
 * How much a node wants another node as its neighbour. `'high'`: it has no neighbour, and the other node makes room.
 * `'low'`: it has a free place, and the other node accepts if it has one too. `'swap'`: both nodes give up a neighbour
 * for each other.
 */
export type Priority = Exclude<MembershipWord, 'open' | 'join' | 'anchor'>;

const membershipWords = ['open', 'join', 'high', 'low', 'swap', 'anchor'] as const;

/** The part of a hello about a session (docs/protocol.md, clauses 10.x). */
export interface HelloSession {
  /** The accepting side chooses the id of a new session. */
  readonly id: string;
  /** Bytes received in the session so far. The other side resumes from there. */
  readonly receivedBytes: number;
  /** How often the sender has lost the session's link so far. */
  readonly breaks: number;
  /** Set by the accepting side. True: it knows the session. False: both sides begin the new session that it names. */
  readonly resumed: boolean;
  /** Whether the sender can move the session to another link while the present link works. */
  readonly moves?: boolean;
  /** Whether the session exists only for moves. It then ends with its last link. */
  readonly brief?: boolean;
  /** Whether the session moves to this link while the present link stays open. Set by both sides. */
  readonly beside?: boolean;
}

export const maxNameLength = 64;

/** How many addresses a hello may name, and the longest address. */
export const maxAddresses = 8;
export const maxAddressLength = 256;

/** How many protocols a hello may name. */
export const maxProtocols = 32;

/** Printable ASCII without spaces. */
const protocolName = /^[!-~]{1,64}$/;

export function isProtocolName(name: unknown): name is string {
  return typeof name === 'string' && protocolName.test(name);
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

export function encodeHello(hello: Hello): Uint8Array {
  return encoder.encode(JSON.stringify(hello));
}

/**
 * Decodes a hello. Unknown fields are ignored. The versions are checked first, because they decide which fields exist.
 *
 * @throws PeerloomError `ERR_HANDSHAKE` if it is not a hello, `ERR_VERSION` if the sides share no version.
 */
export function decodeHello(body: Uint8Array, ourVersions: Hello['versions'] = protocolVersions): Hello {
  const hello = parseObject(body, 'hello');
  const { versions, network, addresses, name, instance, maxMessageBytes, compressions } = hello;
  const [lowest, highest] = Array.isArray(versions) ? versions : [];
  if (!isWhole(lowest, 0) || !isWhole(highest, lowest)) throw wrongHello();
  agreedVersion([lowest, highest], ourVersions);
  if (
    !isText(network, 256) ||
    !isListOfAddresses(addresses) ||
    !isText(name, maxNameLength) ||
    !isText(instance, 64) ||
    !isWhole(maxMessageBytes, 1) ||
    !Array.isArray(compressions)
  ) {
    throw wrongHello();
  }
  return {
    versions: [lowest, highest],
    network,
    addresses,
    name: printable(name),
    instance,
    maxMessageBytes,
    compressions: compressions.filter((one) => typeof one === 'string') as Compression[],
    windows: decodeWindows(hello.windows),
    protocols: decodeProtocols(hello.protocols),
    replace: hello.replace === true,
    ...(hello.session !== undefined && { session: decodeSession(hello.session) }),
    ...(hello.membership !== undefined && { membership: decodeMembership(hello.membership) }),
  };
}

function decodeWindows(windows: unknown): Windows {
  const { messages, requests, protocols } = (windows ?? {}) as Record<string, unknown>;
  if (!isWhole(messages, 1) || !isWhole(requests, 1) || !isWhole(protocols, 1)) throw wrongHello();
  return { messages, requests, protocols };
}

function isListOfAddresses(texts: unknown): texts is readonly string[] {
  return (
    Array.isArray(texts) &&
    texts.length <= maxAddresses &&
    texts.every((text) => isText(text, maxAddressLength) && printable(text) === text)
  );
}

function decodeProtocols(names: unknown): readonly string[] {
  const isList = Array.isArray(names) && names.length <= maxProtocols && names.every(isProtocolName);
  if (!isList || new Set(names).size < names.length) throw wrongHello();
  return names;
}

function decodeSession(session: unknown): HelloSession {
  const { id, receivedBytes, breaks = 0, ...flags } = (session ?? {}) as Record<string, unknown>;
  if (!isText(id, 64) || !isWhole(receivedBytes, 0) || !isWhole(breaks, 0)) throw wrongHello();
  return {
    id,
    receivedBytes,
    breaks,
    resumed: flags.resumed === true,
    ...(flags.moves === true && { moves: true }),
    ...(flags.brief === true && { brief: true }),
    ...(flags.beside === true && { beside: true }),
  };
}

/** An unknown word, of a later version, counts as `'open'`. */
function decodeMembership(word: unknown): MembershipWord {
  return membershipWords.find((known) => known === word) ?? 'open';
}

/**
 * The highest version that both sides speak.
 *
 * @throws PeerloomError `ERR_VERSION` if there is none.
 */
export function agreedVersion(theirs: Hello['versions'], ours: Hello['versions'] = protocolVersions): number {
  const version = Math.min(theirs[1], ours[1]);
  if (version < Math.max(theirs[0], ours[0])) {
    throw new PeerloomError(
      'ERR_VERSION',
      `this node speaks versions ${ours[0]} to ${ours[1]} of the protocol, the other ${theirs[0]} to ${theirs[1]}: update the older of the two`,
    );
  }
  return version;
}

/** The JSON object that a body holds. */
export function parseObject(body: Uint8Array, what: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(decoder.decode(body));
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch (cause) {
    throw new PeerloomError('ERR_HANDSHAKE', `the ${what} of the other side is not JSON`, { cause });
  }
  throw new PeerloomError('ERR_HANDSHAKE', `the ${what} of the other side is not an object`);
}

function wrongHello(): PeerloomError {
  return new PeerloomError(
    'ERR_HANDSHAKE',
    'a field in the hello is missing or wrong: update the older of the two sides',
  );
}

function isWhole(value: unknown, minimum: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= minimum;
}

function isText(value: unknown, maxLength: number): value is string {
  return typeof value === 'string' && value.length <= maxLength && value.isWellFormed();
}
