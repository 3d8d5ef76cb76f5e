import type { Data } from '../base/data.ts';
import { type ErrorCode, PeerloomError } from '../base/errors.ts';
import type { Runtime, RuntimeTimer } from '../base/runtime.ts';
import type { Steps } from '../base/steps.ts';
import type { ReturnedMessages } from '../channel/channel.ts';
import { MessageTooLate } from '../overlay/seen/seen-messages.ts';
import { encodePayload } from '../wire/payloads/payload.ts';
import { CanonicalJson } from './canonical-json.ts';
import { readEnvelope, verifySteps } from './envelope.ts';
import { fieldsOf } from './fields.ts';

export interface ReturnsOptions {
  /** The id of the neighbour. */
  readonly id: string;
  readonly runtime: Runtime;
  /** Sends some messages back. */
  readonly send: (returned: Data) => void;
}

/**
 * Milliseconds for which refused messages are gathered, counted from the first one. Then they are sent back together.
 */
const gatheringMs = 50;

/** If either bound is reached, the neighbour's next message waits until the gathered messages have been sent back. */
const maxGathered = 64;
const maxGatheredBytes = 64 * 1024;

/** The errors that an honest neighbour can cause. It can send such messages again. */
const returnedCodes = [
  'ERR_TIME_WINDOW',
  'ERR_TOO_MANY_MESSAGES',
  'ERR_REPLAYED',
] as const satisfies ErrorCode[];

/**
 * Sends a neighbour's messages back that this node refused for reasons that are not the neighbour's fault, so that the
 * neighbour learns of the loss. It returns no more than it received, and no faster than the neighbour reads.
 */
export class Returns {
  readonly #options: ReturnsOptions;
  readonly #gathered = new Map<string, { count: number; readonly messages: Data[] }>();
  #count = 0;
  #bytes = 0;
  #left = Promise.withResolvers<void>();
  #timer: RuntimeTimer | undefined;

  constructor(options: ReturnsOptions) {
    this.#options = options;
  }

  /**
   * Adds a message that was refused.
   *
   * @returns a promise that resolves when there is room for the next message; `undefined` if there is room already, or
   * if the message is not returned.
   */
  add(message: Data, error: unknown): Promise<void> | undefined {
    if (!isReturned(error)) return undefined;
    // A message that the neighbour passed on for another author is only counted, because the neighbour could not check
    // the report.
    const isOwn = fieldsOf(message).author === this.#options.id;
    const bytes = isOwn ? lengthOf(message) : Number.POSITIVE_INFINITY;
    const gathered = this.#gathered.get(error.code) ?? { count: 0, messages: [] };
    this.#gathered.set(error.code, gathered);
    gathered.count += 1;
    this.#count += 1;
    if (bytes <= maxGatheredBytes) {
      gathered.messages.push(message);
      this.#bytes += bytes;
    }
    this.#timer ??= this.#options.runtime.setTimeout(() => this.#leave(), gatheringMs);
    return this.#count < maxGathered && this.#bytes < maxGatheredBytes ? undefined : this.#left.promise;
  }

  /** Call this when nothing can be sent any more. */
  close(): void {
    this.#timer?.cancel();
    this.#gathered.clear();
    this.#left.resolve();
  }

  #leave(): void {
    const left = this.#left;
    this.#left = Promise.withResolvers();
    this.#timer = undefined;
    for (const [code, { count, messages }] of this.#gathered) {
      try {
        this.#options.send({ code, count, messages });
      } catch {
        // The neighbour does not read what it receives, so it cannot be told.
      }
    }
    this.#gathered.clear();
    this.#count = this.#bytes = 0;
    left.resolve();
  }
}

/** The size of a message in bytes. Infinity for a message that takes long to encode. */
function lengthOf(message: Data): number {
  const json = new CanonicalJson(message);
  json.nextPiece();
  return json.isWhole ? encodePayload(message).body.length : Number.POSITIVE_INFINITY;
}

/**
 * Reads the messages that a neighbour sends back. Pauses after each message, and during long ones.
 *
 * @throws PeerloomError `ERR_ENVELOPE_INVALID`, `ERR_HASH_MISMATCH`, `ERR_SIGNATURE_INVALID` if a message is not one
 * that this node sent to that neighbour, or to all nodes.
 */
export function* readReturned(
  data: Data,
  between: { readonly ownId: string; readonly id: string },
): Steps<ReturnedMessages> {
  const { code, count, messages } = fieldsOf(data);
  const known = returnedCodes.find((one) => one === code);
  const isReturn = known !== undefined && Number.isSafeInteger(count) && Array.isArray(messages);
  if (!isReturn || (count as number) < messages.length || messages.length > maxGathered) throw invalid();
  const contents: Data[] = [];
  for (const message of messages) {
    contents.push(yield* contentOf(message, between));
    yield;
  }
  return { code: known, count: count as number, data: contents };
}

function* contentOf(
  message: Data,
  { ownId, id }: { readonly ownId: string; readonly id: string },
): Steps<Data> {
  const envelope = readEnvelope(message);
  const { author, kind, to = id } = envelope;
  if (author !== ownId || kind !== 'message' || to !== id) throw invalid();
  yield* verifySteps(envelope);
  return envelope.data;
}

function invalid(): PeerloomError {
  return new PeerloomError(
    'ERR_ENVELOPE_INVALID',
    'a neighbour returned a message that this node did not send',
  );
}

function isReturned(error: unknown): error is PeerloomError {
  if (error instanceof MessageTooLate) return true;
  const { code } = error as PeerloomError;
  return code === 'ERR_TIME_WINDOW' || code === 'ERR_TOO_MANY_MESSAGES';
}
