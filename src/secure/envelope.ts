import { base64urlnopad } from '@scure/base';
import type { Data } from '../base/data.ts';
import { PeerloomError } from '../base/errors.ts';
import { runNow, type Steps } from '../base/steps.ts';
import { type Identity, isPeerId } from '../identity/identity.ts';
import type { NodeIdentity } from '../identity/signer.ts';
import { checkData } from '../wire/payloads/check-data.ts';
import { decodePayload, encodePayload } from '../wire/payloads/payload.ts';
import { hashOf, hashSteps, isHash, signHash, verifyHash } from './digest.ts';

/** The content of an envelope: everything except the hash and the signature, which are computed from it. */
export type Letter = {
  /** The id of the node that wrote and signed it, whoever brought it. */
  readonly author: string;
  /** Milliseconds since 1970, by the author's clock. */
  readonly time: number;
  /** 32 hexadecimal digits, random: no two envelopes of an author have the same. */
  readonly id: string;
  /** The purpose: `'message'`, `'sealed'`, and others that nodes use among themselves. */
  readonly kind: string;
  /** The id of the only node that may accept it. Left out if it is meant for all nodes. */
  readonly to?: string;
  /** The data of the author. */
  readonly data: Data;
};

/**
 * A letter with the proof of who wrote it. It is plain data: a node that passes it on unchanged passes on the proof as
 * well.
 */
export type Envelope = Letter & {
  /** The SHA-256 of the letter's canonical JSON, 64 hexadecimal digits. */
  readonly hash: string;
  /** The author's Ed25519 signature of the hash for the purpose `'peerloom-envelope-1'`, base64url. */
  readonly signature: string;
};

export const messageIdBytes = 16;

const purpose = 'peerloom-envelope-1';
const idPattern = /^[0-9a-f]{32}$/;
const kindPattern = /^[a-z][a-z-]{0,31}$/;
const signaturePattern = /^[\w-]{86}$/;
const fields: ReadonlySet<string> = new Set<keyof Letter | 'hash' | 'signature'>([
  'author',
  'time',
  'id',
  'kind',
  'to',
  'data',
  'hash',
  'signature',
]);

/** An envelope whose signature comes later, because the node's key signs asynchronously. */
export class PendingEnvelope {
  readonly letter: Letter;
  /** The size of the encoded letter in bytes. */
  readonly bytes: number;
  /** Rejects with `ERR_SIGNER`. It counts as handled, so a caller that does not need it may ignore it. */
  readonly signed: Promise<Envelope>;

  /** The letter is copied, so later changes of the data cannot invalidate the signature. */
  constructor(letter: Letter, hash: string, signature: Promise<Uint8Array>) {
    const { format, body } = encodePayload(letter as unknown as Data);
    this.letter = letter;
    this.bytes = body.length;
    this.signed = signature.then((bytes) =>
      withSignature(decodePayload(format, body) as unknown as Letter, hash, bytes),
    );
    this.signed.catch(() => {});
  }
}

/** Calls a function with the envelope when it is signed: immediately if it already is. */
export function whenReady<Result>(
  envelope: Envelope | PendingEnvelope,
  make: (envelope: Envelope) => Result,
): Result | Promise<Awaited<Result>> {
  return envelope instanceof PendingEnvelope
    ? (envelope.signed.then(make) as Promise<Awaited<Result>>)
    : make(envelope);
}

/**
 * Signs a letter.
 *
 * @throws TypeError if a message cannot hold the data, or if its text is not well-formed Unicode.
 */
export function sign(identity: Identity, letter: Letter): Envelope;
export function sign(identity: NodeIdentity, letter: Letter): Envelope | PendingEnvelope;
export function sign(identity: NodeIdentity, letter: Letter): Envelope | PendingEnvelope {
  checkData(letter.data);
  const hash = hashOf(letter as unknown as Data);
  const signature = signHash(identity, purpose, hash);
  return signature instanceof Promise
    ? new PendingEnvelope(letter, hash, signature)
    : withSignature(letter, hash, signature);
}

function withSignature(letter: Letter, hash: string, signature: Uint8Array): Envelope {
  return { ...letter, hash, signature: base64urlnopad.encode(signature) };
}

/**
 * Checks that data has the form of an envelope, and returns it. Nothing in it is proven yet.
 *
 * @throws PeerloomError `ERR_ENVELOPE_INVALID`.
 */
export function readEnvelope(data: Data): Envelope {
  const offence = offenceOf(data);
  if (offence !== undefined) {
    throw new PeerloomError('ERR_ENVELOPE_INVALID', `not a signed message of a SecureNode: ${offence}`);
  }
  return data as Envelope;
}

/**
 * Proves that the letter is what its author signed.
 *
 * @throws PeerloomError `ERR_HASH_MISMATCH`, `ERR_SIGNATURE_INVALID`, `ERR_ENVELOPE_INVALID`.
 */
export function verify(envelope: Envelope): void {
  runNow(verifySteps(envelope));
}

/** {@link verify} in steps. One step is enough for most letters. */
export function* verifySteps(envelope: Envelope): Steps<void> {
  const { hash, signature } = envelope;
  yield* verifyHashSteps(envelope);
  if (!verifyHash(envelope.author, purpose, hash, base64urlnopad.decode(signature))) {
    const message = `the message ${envelope.id} was not signed by ${envelope.author}`;
    throw new PeerloomError('ERR_SIGNATURE_INVALID', message);
  }
}

/**
 * Proves in steps that the hash is the letter's. The signature is not checked.
 *
 * @throws PeerloomError `ERR_HASH_MISMATCH`, `ERR_ENVELOPE_INVALID`.
 */
export function* verifyHashSteps({ hash, signature: _, ...letter }: Envelope): Steps<void> {
  if ((yield* hashReceived(letter as unknown as Data)) === hash) return;
  throw new PeerloomError('ERR_HASH_MISMATCH', `the message ${letter.id} was altered after it was signed`);
}

function* hashReceived(letter: Data): Steps<string> {
  try {
    return yield* hashSteps(letter);
  } catch (cause) {
    throw new PeerloomError('ERR_ENVELOPE_INVALID', 'a message cannot be hashed', { cause });
  }
}

function offenceOf(data: Data): string | undefined {
  if (typeof data !== 'object' || data === null || Array.isArray(data) || ArrayBuffer.isView(data)) {
    return 'it is not an object';
  }
  const { author, time, id, kind, to, hash, signature } = data as Partial<Record<keyof Envelope, Data>>;
  if (!Object.hasOwn(data, 'data')) return 'it has no data';
  if (typeof author !== 'string' || !isPeerId(author)) return 'its author is not an id';
  if (!Number.isSafeInteger(time)) return 'its time is not a whole number';
  if (typeof id !== 'string' || !idPattern.test(id)) return 'its id is not 32 hexadecimal digits';
  if (typeof kind !== 'string' || !kindPattern.test(kind)) return 'its kind is not a word';
  if (to !== undefined && (typeof to !== 'string' || !isPeerId(to))) return 'its recipient is not an id';
  if (!isHash(hash)) return 'its hash is not 64 hexadecimal digits';
  if (typeof signature !== 'string' || !signaturePattern.test(signature)) return 'its signature is malformed';
  return Object.keys(data).every((key) => fields.has(key)) ? undefined : 'it has an unknown field';
}
