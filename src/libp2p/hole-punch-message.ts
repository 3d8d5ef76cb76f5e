import { PeerloomError } from '../base/errors.ts';

/*
 * The messages that two nodes exchange before both dial simultaneously (libp2p specification "DCUtR", section "RPC
 * messages"): the length of a protobuf, then the protobuf: `1: type` (100: CONNECT, 300: SYNC), `2: observed
 * addresses`, as multiaddrs.
 */

export interface HolePunchMessage {
  readonly type: 'connect' | 'sync';
  /** The addresses at which the sender expects to be reachable, as binary multiaddrs. */
  readonly addresses: readonly Uint8Array[];
}

/** The longest message that is read, in bytes. `maxAddresses` is the most addresses taken from it. */
export const maxMessageBytes = 4_096;
export const maxAddresses = 4;

const typeNumbers = { connect: 100, sync: 300 } as const;
/** Field number and wire type in one byte, for a number and for bytes with their length. */
const typeTag = (1 << 3) | 0;
const addressTag = (2 << 3) | 2;

export function encodeMessage({ type, addresses }: HolePunchMessage): Uint8Array {
  const fields = [typeTag, ...varint(typeNumbers[type])];
  for (const address of addresses) fields.push(addressTag, ...varint(address.length), ...address);
  return Uint8Array.from([...varint(fields.length), ...fields]);
}

/**
 * Reads the message at the beginning of the received bytes.
 *
 * @returns the message, or `undefined` until it is complete.
 * @throws PeerloomError `ERR_PROTOCOL`.
 */
export function decodeMessage(
  bytes: Uint8Array,
): { readonly message: HolePunchMessage; readonly size: number } | undefined {
  const reader = new Reader(bytes);
  const length = reader.varint();
  if (length === undefined) return undefined;
  if (length > maxMessageBytes) throw wrong(`has ${length} bytes, more than ${maxMessageBytes}`);
  const size = reader.at + length;
  if (bytes.length < size) return undefined;
  return { message: decodeFields(bytes.subarray(reader.at, size)), size };
}

function decodeFields(bytes: Uint8Array): HolePunchMessage {
  const reader = new Reader(bytes);
  const addresses: Uint8Array[] = [];
  let type: HolePunchMessage['type'] | undefined;
  while (reader.at < bytes.length) {
    const tag = reader.varint();
    const value = reader.varint();
    if (tag === undefined || value === undefined) throw wrong('ends in the middle of a field');
    if (tag === typeTag) {
      type = value === typeNumbers.connect ? 'connect' : value === typeNumbers.sync ? 'sync' : undefined;
    } else if ((tag & 7) === 2) {
      const content = reader.bytes(value);
      if (content === undefined) throw wrong('ends in the middle of a field');
      if (tag === addressTag && addresses.length < maxAddresses) addresses.push(content);
    } else if ((tag & 7) !== 0) throw wrong(`has a field of the unknown kind ${tag & 7}`);
  }
  if (type === undefined) throw wrong('is neither CONNECT nor SYNC');
  return { type, addresses };
}

class Reader {
  readonly #bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** @returns the number, or `undefined` if it is not complete. */
  varint(): number | undefined {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#bytes[this.at];
      if (byte === undefined) return undefined;
      this.at += 1;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw wrong('has a number of more than four bytes');
  }

  bytes(length: number): Uint8Array | undefined {
    const found = this.#bytes.subarray(this.at, this.at + length);
    this.at += length;
    return found.length === length ? found : undefined;
  }
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

function wrong(what: string): PeerloomError {
  return new PeerloomError('ERR_PROTOCOL', `a message of DCUtR ${what}`);
}
