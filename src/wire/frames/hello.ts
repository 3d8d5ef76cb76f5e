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
  /** Nodes of different networks do not connect; `''` is the default one. */
  readonly network: string;
  /** The texts of the addresses listened on. */
  readonly addresses: readonly string[];
  /** For people to read; may be empty, proves nothing. */
  readonly name: string;
  /** Random for each run of a node: tells a node that restarted from one that runs on. */
  readonly instance: string;
  /** The longest message taken, before and after decompression. */
  readonly maxMessageBytes: number;
  /** The compressions that can be read. */
  readonly compressions: readonly Compression[];
  /** What the receiver may send at first, the same each time within a session (clauses 12.x). */
  readonly windows: Windows;
  /** The protocols spoken beside messages; a frame names one of them by its place. */
  readonly protocols: readonly string[];
  /** The sender has no connection to the receiver left: an older one is to give way. */
  readonly replace: boolean;
  /** The connection is to outlive its link, or goes on with one that did. */
  readonly session?: HelloSession | undefined;
  /** What a node says that finds its neighbours by itself. */
  readonly membership?: MembershipWord | undefined;
}

/**
 * What a node asks with a link (docs/protocol.md, section 18): to join the network through the other side, or to be its
 * neighbour, as a request of that priority. `'open'`: nothing.
 */
export type MembershipWord = (typeof membershipWords)[number];

/**
 * How much a node wants another one as its neighbour. `'high'`: it has no neighbour, and the other one makes room.
 * `'low'`: it has a free place, and the other one accepts if it has one too. `'swap'`: it gives up a neighbour for the
 * other one, which does the same.
 */
export type Priority = Exclude<MembershipWord, 'open' | 'join' | 'anchor'>;

const membershipWords = ['open', 'join', 'high', 'low', 'swap', 'anchor'] as const;

/** The part of a hello about a session (docs/protocol.md, clauses 10.x). */
export interface HelloSession {
  /** Of a new session: chosen by the accepting side. */
  readonly id: string;
  /** Bytes received in it so far: the other side goes on from there. */
  readonly receivedBytes: number;
  /** How often its link broke for the sender so far. */
  readonly breaks: number;
  /** Said by the accepting side: it knows the session. Otherwise both begin the new one that it names. */
  readonly resumed: boolean;
  /** The sender can move the session to another link while it is carried by one. */
  readonly moves?: boolean;
  /** The session is there for moves only: it ends with its last link. */
  readonly brief?: boolean;
  /** The link is one more, to which the session moves: the present link stays. Said by both. */
  readonly beside?: boolean;
}

export const maxNameLength = 64;

/** The addresses that a hello may name, and how long each may be. */
export const maxAddresses = 8;
export const maxAddressLength = 256;

/** The protocols that a hello may name. */
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
 * Fields that are not known are passed over. The versions come first: they say which fields there are.
 *
 * @throws PeerloomError `ERR_HANDSHAKE` when it is no hello, `ERR_VERSION` when no version is shared.
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

/** A word of a later version asks for nothing. */
function decodeMembership(word: unknown): MembershipWord {
  return membershipWords.find((known) => known === word) ?? 'open';
}

/**
 * The highest version that both sides speak.
 *
 * @throws PeerloomError `ERR_VERSION` when there is none.
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
