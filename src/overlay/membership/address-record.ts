import { PeerloomError } from '../../base/errors.ts';
import { rememberedId } from '../../identity/remembered-ids.ts';
import { type NodeIdentity, whenSigned } from '../../identity/signer.ts';
import { verifyById } from '../../identity/verify-by-id.ts';
import { encodeText } from '../../wire/payloads/text.ts';
import { signatureBytes, signedInNetwork } from '../signed-in-network.ts';

/** The addresses of a node, signed by the node itself. Other nodes can pass the record on, but cannot change it. */
export interface AddressRecord {
  /** The id of the node that signed it. */
  readonly id: string;
  /** A record replaces the records of the same node with lower numbers. */
  readonly sequence: number;
  /** The texts of 1 to {@link maxRecordAddresses} addresses, the best first. */
  readonly addresses: readonly string[];
  /** The whole record as it travels (docs/protocol.md, clause 15.1). */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The content of a node's own record. */
export interface AddressDraft {
  /** The name of the node's network. */
  readonly network: string;
  /** A whole number: milliseconds since 1970, so that it is higher after a restart of the node. */
  readonly sequence: number;
  /** The addresses, the best first. The record contains those that fit. */
  readonly addresses: readonly string[];
}

/** The most addresses in a record. */
export const maxRecordAddresses = 8;

/** The most bytes of a record. */
export const maxRecordBytes = 1_024;

const keyBytes = 32;
const sequenceAt = signatureBytes + keyBytes;
const countAt = sequenceAt + 8;
const maxAddressBytes = 255;

/** Printable ASCII without spaces. This covers the addresses of all transports, and cannot hide anything in a log. */
const addressText = /^[!-~]+$/;

/** The same key signs broadcasts and handshakes. This prefix makes a signature invalid for any other purpose. */
const purpose = encodeText('peerloom addresses 1\0');

/**
 * Writes and signs a record.
 *
 * @returns a promise only if the identity signs asynchronously.
 * @throws RangeError if none of the addresses fits into a record, or if the sequence is not a whole number.
 */
export function signAddressRecord(
  identity: NodeIdentity,
  { network, sequence, addresses }: AddressDraft,
): AddressRecord | Promise<AddressRecord> {
  if (!Number.isSafeInteger(sequence) || sequence < 0) {
    throw new RangeError(`sequence must be a whole number of at least 0, not ${sequence}`);
  }
  const fitting = thatFit(addresses);
  if (fitting.length === 0) throw new RangeError('addresses must hold at least one that fits into a record');
  const bytes = new Uint8Array(countAt + 1 + lengthOf(fitting));
  bytes.set(identity.publicKey, signatureBytes);
  new DataView(bytes.buffer).setBigUint64(sequenceAt, BigInt(sequence));
  bytes[countAt] = fitting.length;
  let at = countAt + 1;
  for (const address of fitting) {
    bytes[at] = address.length;
    bytes.set(encodeText(address), at + 1);
    at += 1 + address.length;
  }
  return whenSigned(identity.sign(signedBytes(bytes, network)), (signature) => {
    bytes.set(signature);
    return { id: identity.id, sequence, addresses: fitting, bytes };
  });
}

/**
 * Reads a record that another node passed on. Its signature is not checked: a node that has a record of the same id
 * with the same or a higher sequence need not check it.
 *
 * @throws PeerloomError `ERR_PROTOCOL`.
 */
export function readAddressRecord(bytes: Uint8Array): AddressRecord {
  const count = bytes[countAt] ?? 0;
  if (count < 1 || count > maxRecordAddresses || bytes.length > maxRecordBytes) throw noRecord(bytes);
  const sequence = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(sequenceAt));
  const addresses: string[] = [];
  let at = countAt + 1;
  while (addresses.length < count) {
    const length = bytes[at] ?? 0;
    const address = String.fromCharCode.apply(
      null,
      bytes.subarray(at + 1, at + 1 + length) as unknown as number[],
    );
    if (address.length !== length || !addressText.test(address)) throw noRecord(bytes);
    addresses.push(address);
    at += 1 + length;
  }
  if (at !== bytes.length || !Number.isSafeInteger(sequence)) throw noRecord(bytes);
  try {
    const id = rememberedId(bytes.subarray(signatureBytes, sequenceAt));
    // Copied, because the frame that contains the record is larger.
    return { id, sequence, addresses, bytes: Uint8Array.from(bytes) };
  } catch (cause) {
    throw new PeerloomError('ERR_PROTOCOL', 'an address record has a key that no node can have', { cause });
  }
}

/** Whether the node that a record names has signed it, for this network. */
export function isSignedByOwner({ id, bytes }: AddressRecord, network: string): boolean {
  return verifyById(id, signedBytes(bytes, network), bytes.subarray(0, signatureBytes));
}

/** Returns the bytes that the signature covers. A record of one network is not valid in another. */
function signedBytes(bytes: Uint8Array, network: string): Uint8Array {
  return signedInNetwork(purpose, network, bytes);
}

function thatFit(addresses: readonly string[]): readonly string[] {
  const fitting: string[] = [];
  let room = maxRecordBytes - countAt - 1;
  for (const address of addresses) {
    const isShort = address.length <= Math.min(maxAddressBytes, room - 1);
    if (fitting.length === maxRecordAddresses || !isShort || !addressText.test(address)) continue;
    fitting.push(address);
    room -= 1 + address.length;
  }
  return fitting;
}

function lengthOf(addresses: readonly string[]): number {
  return addresses.reduce((sum, { length }) => sum + 1 + length, 0);
}

function noRecord(bytes: Uint8Array): PeerloomError {
  return new PeerloomError('ERR_PROTOCOL', `an address record of ${bytes.length} bytes that no node writes`);
}
