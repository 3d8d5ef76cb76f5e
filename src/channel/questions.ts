import type { Data } from '../base/data.ts';
import { PeerloomError } from '../base/errors.ts';
import { printable } from '../base/printable.ts';
import type { Runtime } from '../base/runtime.ts';
import { FrameKind, idBody, idOf } from '../wire/frames/frame.ts';
import type { Frame } from '../wire/frames/frame-reader.ts';
import { PendingAnswers, type WaitOptions } from './pending.ts';
import type { OutgoingPayload } from './send/cut-message.ts';
import type { Outgoing } from './send/outgoing.ts';

export interface QuestionsOptions {
  readonly outgoing: Outgoing;
  readonly runtime: Runtime;
  readonly encode: (data: Data) => OutgoingPayload;
  /** Decodes an answer, at once or in its turn; then {@link Questions.conclude} is called. */
  readonly read: (answer: Frame) => void;
}

/** Characters of what the other side says of a failure. */
const maxFailureLength = 500;

/** What this side asks of the other: to handle a message, to answer a request, to show that it lives. */
export class Questions {
  readonly #options: QuestionsOptions;
  /** Of requests, and of deliveries, whose answer is `undefined`. */
  readonly #answers: PendingAnswers<Data | undefined>;
  readonly #pongs: PendingAnswers<void>;
  /** When each delivery was sent that is not confirmed. */
  readonly #deliveries = new Map<number, number>();
  /** The numbers of compressed answers that have come, and were not read yet. */
  readonly #arrived = new Set<number>();

  constructor(options: QuestionsOptions) {
    this.#options = options;
    this.#answers = new PendingAnswers(options.runtime);
    this.#pongs = new PendingAnswers(options.runtime);
  }

  deliver(data: Data, options: WaitOptions | undefined): Promise<void> {
    const { outgoing, runtime } = this.#options;
    const payload = this.#options.encode(data);
    let delivery: number | undefined;
    const forget = (): void => void this.#deliveries.delete(delivery!);
    return this.#answers
      .ask('deliver', options, (id) => {
        outgoing.send(FrameKind.deliver, payload, id);
        delivery = id;
        this.#deliveries.set(id, runtime.now());
      })
      .finally(forget)
      .then(() => {});
  }

  /** Deliveries begun since a time that are not confirmed. */
  deliveriesSince(beganAtMs: number): number {
    return [...this.#deliveries.values()].filter((sentAtMs) => sentAtMs >= beganAtMs).length;
  }

  request(data: Data, options: WaitOptions | undefined): Promise<Data> {
    const payload = this.#options.encode(data);
    const send = (id: number): void => void this.#options.outgoing.send(FrameKind.request, payload, id);
    return this.#answers.ask('request', options, send).then((answer) => {
      if (answer !== undefined) return answer;
      throw new PeerloomError('ERR_PROTOCOL', 'the other side confirmed a request instead of answering it');
    });
  }

  /** @returns the round trip in milliseconds. */
  async ping(options: WaitOptions | undefined): Promise<number> {
    const { outgoing, runtime } = this.#options;
    const sentAt = runtime.now();
    await this.#pongs.ask('ping', options, (id) => outgoing.urgent(FrameKind.ping, idBody(id)));
    return runtime.now() - sentAt;
  }

  onPong({ kind, body }: Frame): void {
    this.#pongs.answer(idOf(kind, body), undefined);
  }

  /** The numbers of the deliveries and requests whose answer somebody waits for. */
  awaited(): ReadonlySet<number> {
    const ids = new Set(this.#answers.ids());
    for (const id of this.#arrived) ids.delete(id);
    return ids;
  }

  /** Somebody still waits for this answer. */
  isAwaited({ kind, body }: Frame): boolean {
    return this.#answers.has(idOf(kind, body));
  }

  /** Answers that nobody waits for are not even decoded. */
  onAnswer(frame: Frame): void {
    const id = idOf(frame.kind, frame.body);
    if (frame.kind === FrameKind.delivered) this.#answers.answer(id, undefined);
    if (!this.#answers.has(id) || this.#arrived.has(id)) return;
    if (frame.compression !== 0) this.#arrived.add(id);
    this.#options.read(frame);
  }

  /** @param decoded `undefined`: it cannot be decoded. */
  conclude(frame: Frame, decoded: { readonly data: Data } | undefined): void {
    const id = idOf(frame.kind, frame.body);
    this.#arrived.delete(id);
    if (decoded === undefined) {
      this.#answers.fail(id, new PeerloomError('ERR_MESSAGE_INVALID', 'the answer could not be decoded'));
    } else if (frame.kind === FrameKind.failure) {
      this.#answers.fail(id, failureOf(decoded.data));
    } else {
      this.#answers.answer(id, decoded.data);
    }
  }

  /** No answer comes any more: all fail but those whose answer is being read, until `answersRead`. */
  end(reason: () => PeerloomError, answersRead: Promise<void>): void {
    this.#pongs.failAll(reason);
    this.#answers.failAll(reason, this.#arrived);
    if (this.#arrived.size > 0) void answersRead.then(() => this.#answers.failAll(reason));
  }
}

/** What the other side says of its failure, fit for people to read: a sentence, or one with a code that it may choose. */
function failureOf(data: Data): PeerloomError {
  const { code, message = data } = (typeof data === 'object' && data !== null ? data : {}) as Record<
    string,
    unknown
  >;
  const text =
    typeof message === 'string' ? printable(message.slice(0, maxFailureLength)) : 'the other side failed';
  return new PeerloomError(code === 'ERR_SCHEMA' ? code : 'ERR_HANDLER', text);
}
