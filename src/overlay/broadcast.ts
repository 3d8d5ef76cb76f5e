import { hexToBytes } from '@noble/hashes/utils.js';
import { PeerloomError } from '../base/errors.ts';
import { sha256Hex } from '../base/sha256.ts';
import { publicKeyFromId } from '../identity/identity.ts';
import { rememberedId } from '../identity/remembered-ids.ts';
import { verifyById } from '../identity/verify-by-id.ts';
import type { Payload } from '../wire/payloads/payload.ts';
import { decodeText, encodeText } from '../wire/payloads/text.ts';
import { isInSignedBatch } from './batch-signature.ts';
import { alone, depthOf, hashBytes, maxPlace } from './batch-tree.ts';
import { sealBytes, sealedFormat } from './sealed-body.ts';
import { signatureBytes, signedInNetwork } from './signed-in-network.ts';
import type { TopicKey } from './topic-key.ts';

/** A message for every node of the network, signed by its origin. */
export interface Broadcast {
  /** The SHA-256 of the signed bytes, 64 hexadecimal digits. */
  readonly id: string;
  /** The id of the node that signed it. */
  readonly origin: string;
  /** The topic, or its name on the wire if the topic has a key. Empty if the broadcast is for every node. */
  readonly topic: string;
  /** Microseconds since 1970, by the origin's clock. No two broadcasts of an origin have the same time. */
  readonly timeUs: number;
  /** The time of the origin's previous broadcast with this topic. 0 if the origin knows of none. */
  readonly previousUs: number;
  /** The format of `body`: a `PayloadFormat`, or `sealedFormat`. */
  readonly format: number;
  readonly body: Uint8Array;
  /** The whole broadcast as it travels (docs/protocol.md, clause 14.2). */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The content of a broadcast. */
export interface Draft {
  /** The name of the origin's network. */
  readonly network: string;
  readonly origin: string;
  readonly topic: string;
  /** If set, it encrypts the payload and gives the topic another name on the wire. */
  readonly key?: TopicKey | undefined;
  readonly timeUs: number;
  /** See {@link Broadcast.previousUs}. Default 0. */
  readonly previousUs?: number | undefined;
  readonly payload: Pick<Payload, 'format' | 'body'>;
}

/** The layout of the signed bytes, which follow the proof. */
const keyBytes = 32;
const timeAt = keyBytes;
const previousAt = timeAt + 8;
const topicAt = previousAt + 8;

/** The most bytes of a body. It is limited because nodes keep broadcasts for neighbours that miss them. */
export const maxBodyBytes = 1_048_576;

/**
 * The same key signs handshakes and messages of SecureNodes. This prefix keeps a signature from being valid for another
 * purpose.
 */
const purpose = encodeText('peerloom broadcast 1\0');

/** Returns the length of the body of a broadcast that carries this payload. */
export function bodyBytesOf({ key, payload }: Pick<Draft, 'key' | 'payload'>): number {
  return payload.body.length + (key === undefined ? 0 : sealBytes);
}

/** Writes a broadcast, and leaves room for the signature over its {@link signedBytes}. */
export function draftBroadcast(draft: Draft): Broadcast {
  const { network, origin, key, timeUs, previousUs = 0, payload } = draft;
  const topic = key?.wireTopic ?? draft.topic;
  const format = key === undefined ? payload.format : sealedFormat;
  const topicText = encodeText(topic);
  const bodyAt = topicAt + 1 + topicText.length + 1;
  const proofBytes = proofBytesOf(alone);
  const bytes = new Uint8Array(proofBytes + bodyAt + bodyBytesOf(draft));
  bytes[0] = alone;
  const content = bytes.subarray(proofBytes);
  content.set(publicKeyFromId(origin));
  const view = new DataView(content.buffer, content.byteOffset);
  view.setBigUint64(timeAt, BigInt(timeUs));
  view.setBigUint64(previousAt, BigInt(previousUs));
  content[topicAt] = topicText.length;
  content.set(topicText, topicAt + 1);
  content[bodyAt - 1] = format;
  const body = content.subarray(bodyAt);
  const broadcast = { origin, topic, timeUs, previousUs, format, body, bytes };
  body.set(key?.seal(headerOf(broadcast), payload) ?? payload.body);
  return { ...broadcast, id: idOf(signedBytes(bytes, network)) };
}

/** Returns everything between the signature and the body: origin, time and topic. */
export function headerOf({ bytes, body }: Pick<Broadcast, 'bytes' | 'body'>): Uint8Array {
  return bytes.subarray(proofBytesOf(placeOf(bytes)), bytes.length - body.length);
}

/** Puts the signature into a draft, which makes it a broadcast. */
export function setSignature({ bytes }: Broadcast, signature: Uint8Array): void {
  bytes.set(signature, 1);
}

/** How a broadcast was signed together with others. */
export interface BatchProof {
  /**
   * The place of the broadcast's id in the tree of the batch. `path` leads to the root, see {@link BatchTree.proofOf}.
   */
  readonly place: number;
  readonly path: Uint8Array;
  /** The signature over {@link signedForBatch}. */
  readonly signature: Uint8Array;
}

/** Turns a draft that was signed together with others into a broadcast. */
export function inBatch(draft: Broadcast, { place, path, signature }: BatchProof): Broadcast {
  const proofBytes = proofBytesOf(place);
  const content = draft.bytes.subarray(proofBytesOf(alone));
  const bytes = new Uint8Array(proofBytes + content.length);
  bytes[0] = place;
  bytes.set(path, 1);
  bytes.set(signature, proofBytes - signatureBytes);
  bytes.set(content, proofBytes);
  return { ...draft, bytes, body: bytes.subarray(bytes.length - draft.body.length) };
}

/** Returns the id of a broadcast whose origin signs these bytes. */
export function idOf(signed: Uint8Array): string {
  return sha256Hex(signed);
}

/**
 * Reads a broadcast that a neighbour passed on. Its signature is not checked.
 *
 * @throws PeerloomError `ERR_PROTOCOL`, `ERR_MESSAGE_TOO_LARGE`.
 */
export function readBroadcast(bytes: Uint8Array<ArrayBuffer>, id: string): Broadcast {
  const content = bytes.subarray(proofBytesOf(placeOf(bytes)));
  const topicLength = content[topicAt] ?? 0;
  const bodyAt = topicAt + 1 + topicLength + 1;
  if (bytes[0] !== placeOf(bytes) || content.length < bodyAt) {
    throw new PeerloomError('ERR_PROTOCOL', 'a broadcast is cut short, or has a place that no batch has');
  }
  if (content.length > bodyAt + maxBodyBytes) {
    const message = `a broadcast of ${content.length - bodyAt} bytes; at most ${maxBodyBytes} are allowed`;
    throw new PeerloomError('ERR_MESSAGE_TOO_LARGE', message);
  }
  const view = new DataView(content.buffer, content.byteOffset);
  const timeUs = Number(view.getBigUint64(timeAt));
  const previousUs = Number(view.getBigUint64(previousAt));
  try {
    const origin = rememberedId(content.subarray(0, keyBytes));
    const topic = decodeText(content.subarray(topicAt + 1, bodyAt - 1));
    const [format, body] = [content[bodyAt - 1]!, content.subarray(bodyAt)];
    return { id, origin, topic, timeUs, previousUs, format, body, bytes };
  } catch (cause) {
    const message = 'a broadcast has a topic that is not UTF-8, or a key that no node can have';
    throw new PeerloomError('ERR_PROTOCOL', message, { cause });
  }
}

/** Whether the origin that a broadcast names has signed its {@link signedBytes}, or its batch. */
export function isSignedByOrigin({ id, origin, bytes }: Broadcast, signed: Uint8Array): boolean {
  const place = placeOf(bytes);
  const signatureAt = proofBytesOf(place) - signatureBytes;
  const signature = bytes.subarray(signatureAt, signatureAt + signatureBytes);
  if (place === alone) return verifyById(origin, signed, signature);
  const member = { leaf: hexToBytes(id), place, path: bytes.subarray(1, signatureAt) };
  return isInSignedBatch(origin, member, signature);
}

/** Returns what the origin signs if it signs a broadcast alone. It is not valid in another network. */
export function signedBytes(bytes: Uint8Array, network: string): Uint8Array {
  return signedInNetwork(purpose, network, bytes.subarray(proofBytesOf(placeOf(bytes)) - signatureBytes));
}

/** Returns the part before the content of a broadcast, which proves that its origin has signed it. */
export function proofOf({ bytes }: Pick<Broadcast, 'bytes'>): Uint8Array {
  return bytes.subarray(0, proofBytesOf(placeOf(bytes)));
}

/** Returns the place in the batch. Bytes that were never a broadcast get the place of one that was signed alone. */
function placeOf(bytes: Uint8Array): number {
  const place = bytes[0] ?? alone;
  return place >= alone && place <= maxPlace ? place : alone;
}

function proofBytesOf(place: number): number {
  return 1 + depthOf(place) * hashBytes + signatureBytes;
}
