import type { Data } from '../base/data.ts';
import { PeerloomError } from '../base/errors.ts';
import type { Steps } from '../base/steps.ts';
import { canonicalJson } from './canonical-json.ts';
import { dataFromBytesSteps, dataToBytes } from './data-bytes.ts';
import { readEnvelope, verifySteps } from './envelope.ts';
import { fieldsOf } from './fields.ts';
import type { HpkeContext } from './hpke.ts';
import { checkContainers, maxLetterContainers } from './secure-frames.ts';

/** A request of one node to another, and its topic. */
export type Mail = { readonly topic: string; readonly data: Data };

/** The most bytes of a letter, or of an answer. Longer data goes to a neighbour, through a stream, or into a vault. */
export const maxLetterBytes = 4 * 1024 * 1024;

/** The most bytes of a sealed letter: HPKE adds a key and a tag. */
export const maxSealedBytes = maxLetterBytes + 48;

/** Returns HPKE's context of a letter. With it, a ciphertext that another author signs as its own cannot be opened. */
export function contextOf(author: string, to: string): HpkeContext {
  return { info: 'peerloom-letter-1', associated: canonicalJson([author, to]) };
}

/** @throws PeerloomError `ERR_MESSAGE_TOO_LARGE`; TypeError if a message cannot hold the data. */
export function letterBytesOf(data: Data): Uint8Array {
  const bytes = dataToBytes(data);
  checkLength(bytes, maxLetterBytes);
  checkContainers(bytes[0]!, bytes.subarray(1));
  return bytes;
}

/** Decodes what {@link letterBytesOf} wrote. */
export function openedSteps(bytes: Uint8Array): Steps<Data> {
  return dataFromBytesSteps(bytes, maxLetterContainers);
}

/** Whether this is the answer that the addressee of a letter signed, without anything added to it. */
export function* isAnswer(
  data: Data,
  letter: { readonly author: string; readonly id: string; readonly to: string | undefined },
): Steps<boolean> {
  try {
    const answer = readEnvelope(data);
    const { request, sealed, ...rest } = fieldsOf(answer.data);
    const isOfAddressee = answer.author === letter.to && answer.to === letter.author;
    const isToThis = answer.kind === 'answer' && request === letter.id && sealed instanceof Uint8Array;
    if (!isOfAddressee || !isToThis || Object.keys(rest).length > 0) return false;
    checkLength(sealed, maxSealedBytes);
    yield* verifySteps(answer);
    return true;
  } catch {
    return false;
  }
}

export function mailOf(data: Data): Mail {
  const { topic, data: content } = fieldsOf(data);
  if (typeof topic !== 'string' || content === undefined) throw invalid('it has no topic');
  return { topic, data: content };
}

export function checkLength({ length }: Uint8Array, maxBytes: number): void {
  if (length <= maxBytes) return;
  const message = `the message or its answer has ${length} bytes, but at most ${maxBytes} are allowed: use a stream or the vault`;
  throw new PeerloomError('ERR_MESSAGE_TOO_LARGE', message);
}

export function invalid(message: string): PeerloomError {
  return new PeerloomError('ERR_ENVELOPE_INVALID', message);
}

export function cannotDecrypt(what: string): PeerloomError {
  return new PeerloomError(
    'ERR_NOT_SUPPORTED',
    `${what}, because its identity is a Signer, which only signs: connect with the node and send a message`,
  );
}
