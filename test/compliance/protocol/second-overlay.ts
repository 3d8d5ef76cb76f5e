import { sign } from 'node:crypto';
import { newIdentity, type SecondIdentity } from './second-identity.ts';
import { frame, kinds } from './second-peer.ts';

/** A frame of `overlay/1`. */
export const overlayFrame = (kind: number, ...body: (Uint8Array | number)[]): Buffer =>
  frame(
    kinds.protocol,
    Buffer.concat([kind, ...body].map((part) => (typeof part === 'number' ? Buffer.of(part) : part))),
  );

/** Clauses 14.3 and 15.2: what a node of a network signs. */
export function signedFor(purpose: 'broadcast' | 'addresses', rest: Buffer, network = ''): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(Buffer.byteLength(network));
  return Buffer.concat([Buffer.from(`peerloom ${purpose} 1\0`), length, Buffer.from(network), rest]);
}

export interface RecordFields {
  readonly owner?: SecondIdentity;
  readonly sequence?: number;
  readonly addresses?: readonly string[];
  readonly network?: string;
}

/** Clauses 15.1 and 15.2. */
export function recordOf({
  owner = newIdentity(),
  sequence = Date.now(),
  addresses = ['tcp://127.0.0.1:1'],
  network = '',
}: RecordFields = {}): Buffer {
  const number = Buffer.alloc(8);
  number.writeBigUInt64BE(BigInt(sequence));
  const texts = addresses.flatMap((text) => [Buffer.of(text.length), Buffer.from(text)]);
  const rest = Buffer.concat([owner.publicKey, number, Buffer.of(addresses.length), ...texts]);
  return Buffer.concat([sign(null, signedFor('addresses', rest, network), owner.privateKey), rest]);
}
