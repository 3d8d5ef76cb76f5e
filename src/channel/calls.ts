import type { Data } from '../base/data.ts';
import { PeerloomError } from '../base/errors.ts';
import { printable } from '../base/printable.ts';
import type { Runtime } from '../base/runtime.ts';
import { FrameKind, idBody, idBytes, idOf, readUint32 } from '../wire/frames/frame.ts';
import type { Frame } from '../wire/frames/frame-reader.ts';
import { PendingAnswers, type WaitOptions } from './pending.ts';
import { type Decoded, isSlow, isSlowAt, type PayloadReader } from './receive/payload-reader.ts';
import type { OutgoingPayload } from './send/cut-message.ts';
import type { Outgoing } from './send/outgoing.ts';

export interface CallsHost {
  readonly outgoing: Outgoing;
  readonly runtime: Runtime;
  encode(data: Data): OutgoingPayload;
  /** Decodes an answer, at once or in its turn; then {@link Calls.conclude} is called. */
  readAnswer(answer: Frame): void;
}

/** The most characters of the other side's reason for a failure. */
const maxFailureLength = 500;

/** The calls of this side that wait for an answer: deliveries, requests and pings. */
export class Calls {
  readonly #host: CallsHost;
  /** Waiting requests and deliveries. The answer to a delivery is `undefined`. */
  readonly #answers: PendingAnswers<Data | undefined>;
  readonly #pongs: PendingAnswers<void>;

  constructor(host: CallsHost) {
    this.#host = host;
    this.#answers = new PendingAnswers(host.runtime);
    this.#pongs = new PendingAnswers(host.runtime);
  }

  deliver(data: Data, options: WaitOptions | undefined): Promise<void> {
    const payload = this.#host.encode(data);
    const send = (id: number): void => void this.#host.outgoing.send(FrameKind.deliver, payload, id);
    return this.#answers.call('deliver', options, send) as Promise<void>;
  }

  /** How many unconfirmed deliveries began at `beganAtMs` or later. */
  deliveriesSince(beganAtMs: number): number {
    let count = 0;
    for (const { what, calledAtMs } of this.#answers.calls.values()) {
      if (what === 'deliver' && calledAtMs >= beganAtMs) count += 1;
    }
    return count;
  }

  request(data: Data, options: WaitOptions | undefined): Promise<Data> {
    const payload = this.#host.encode(data);
    const send = (id: number): void => void this.#host.outgoing.send(FrameKind.request, payload, id);
    return this.#answers.call('request', options, send) as Promise<Data>;
  }

  /** @returns the round trip in milliseconds. */
  async ping(options: WaitOptions | undefined): Promise<number> {
    const { outgoing, runtime } = this.#host;
    const sentAt = runtime.now();
    await this.#pongs.call('ping', options, (id) => outgoing.urgent(FrameKind.ping, idBody(id)));
    return runtime.now() - sentAt;
  }

  onPong(id: number): void {
    this.#pongs.answer(id, undefined);
  }

  /** The numbers of the deliveries and requests that still wait for their answers. */
  awaited(): ReadonlySet<number> {
    const ids = new Set<number>();
    for (const [id, { isAnswered }] of this.#answers.calls) if (!isAnswered) ids.add(id);
    return ids;
  }

  /** Whether a caller still waits for this answer. */
  isAwaited({ kind, body }: Frame): boolean {
    return this.#answers.has(idOf(kind, body));
  }

  /** Skips answers that no caller waits for, without decoding them. */
  onAnswer(frame: Frame): void {
    const id = idOf(frame.kind, frame.body);
    const call = this.#answers.get(id);
    if (call === undefined) return;
    if (frame.kind === FrameKind.delivered) {
      this.#settle(id, undefined);
    } else if (!call.isAnswered) {
      call.isAnswered = isSlow(frame);
      this.#host.readAnswer(frame);
    }
  }

  /**
   * Takes an uncompressed response without an object for its frame. Its body lies in `bytes` from `start` to `end`,
   * only during the call.
   *
   * @returns false: it must be given to {@link Calls.onAnswer} as a frame.
   */
  tryNow(payloads: PayloadReader, format: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (end - start < idBytes || isSlowAt(format, bytes, start + idBytes, end)) return false;
    const id = readUint32(bytes, start);
    const call = this.#answers.get(id);
    if (call === undefined || call.isAnswered) return true;
    this.#conclude(FrameKind.response, id, payloads.dataAt(format, bytes, start + idBytes, end));
    return true;
  }

  /** @param decoded `undefined` if the answer could not be decoded. */
  conclude({ kind, body }: Frame, decoded: Pick<Decoded, 'data'> | undefined): void {
    this.#conclude(kind, idOf(kind, body), decoded?.data);
  }

  #conclude(kind: number, id: number, data: Data | undefined): void {
    if (data === undefined) {
      this.#answers.fail(id, new PeerloomError('ERR_MESSAGE_INVALID', 'the answer could not be decoded'));
    } else if (kind === FrameKind.failure) {
      this.#answers.fail(id, failureOf(data));
    } else {
      this.#settle(id, data);
    }
  }

  /** @param answer `undefined` if the other side only confirms a delivery. */
  #settle(id: number, answer: Data | undefined): void {
    const isDelivery = this.#answers.get(id)?.what === 'deliver';
    if (isDelivery || answer !== undefined) {
      this.#answers.answer(id, isDelivery ? undefined : answer);
      return;
    }
    const message = 'the other side confirmed a request instead of answering it';
    this.#answers.fail(id, new PeerloomError('ERR_PROTOCOL', message));
  }

  /** No more answers will arrive: all calls fail. Calls whose answer is being read fail only after `answersRead`. */
  end(reason: () => PeerloomError, answersRead: Promise<void>): void {
    this.#pongs.failAll(reason);
    this.#answers.failAll(reason, ({ isAnswered }) => !isAnswered);
    if (this.#answers.calls.size > 0) void answersRead.then(() => this.#answers.failAll(reason));
  }
}

/** The other side's reason for a failure, made printable: a sentence, or a sentence and an error code. */
function failureOf(data: Data): PeerloomError {
  const { code, message = data } = (typeof data === 'object' && data !== null ? data : {}) as Record<
    string,
    unknown
  >;
  const text =
    typeof message === 'string' ? printable(message.slice(0, maxFailureLength)) : 'the other side failed';
  return new PeerloomError(code === 'ERR_SCHEMA' ? code : 'ERR_HANDLER', text);
}
