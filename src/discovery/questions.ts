import { bytesToHex } from '@noble/hashes/utils.js';
import { PeerloomError } from '../base/errors.ts';
import type { Runtime, RuntimeTimer } from '../base/runtime.ts';
import { TokenBucket } from '../base/token-bucket.ts';
import type { AddressRecord } from '../overlay/membership/address-record.ts';
import {
  type FindingFrame,
  findFrame,
  foundFrame,
  maxQuestionHops,
  unknownFrame,
} from './question-frames.ts';

/** Questions that one peer may ask in a second, in the long run; this node answers others that it does not know. */
const questionsPerSecond = 2;

/** Questions that one peer may ask at once. */
const questionBurst = 16;

/** Questions of others that wait for answers, or were answered a moment ago. Beyond them the earliest is dropped. */
const maxQuestions = 512;

/** A question is passed on to so many peers, picked at random. */
const maxAsked = 6;

/** For each link that a question may still pass over, an answer may take so long, in milliseconds. */
const patienceMs = 2_000;

/** Question numbers are remembered for so long, in milliseconds, so that none goes in a circle. */
const rememberMs = 20_000;

export interface QuestionsOptions<Peer> {
  readonly runtime: Runtime;
  /** All peers that can be asked. */
  peers(): readonly Peer[];
  /** Sends a frame, unless the peer cannot take it. */
  send(peer: Peer, frame: Uint8Array): void;
  /** The host from which this node hears a peer. */
  hostOf(peer: Peer): string;
  idOf(peer: Peer): string;
  /**
   * The address record that this node itself has for an id: its own, or another node's.
   *
   * @param seenAs the host from which the peer that asks hears this node.
   */
  recordOf(id: string, seenAs: string): AddressRecord | Promise<AddressRecord | undefined> | undefined;
  /** Whether the node that a record names has signed it. */
  isSigned(record: AddressRecord): boolean;
}

/** A question that this node was asked, or asks. */
interface Question<Peer> {
  readonly number: string;
  readonly id: string;
  readonly isOwn: boolean;
  /** Peers that have not answered yet. */
  readonly waiting: Set<Peer>;
  readonly forgetAtMs: number;
  /** Hands on the answer. Called once. */
  settle: ((record: AddressRecord | undefined, from: Peer | undefined) => void) | undefined;
  timer: RuntimeTimer | undefined;
}

/**
 * Asks neighbours where a node can be dialled, and answers such questions. A question passes over at most four further
 * links, each node passes it on once and to six peers at most, and the answer returns the way of the question. So it
 * costs a network a bounded number of small frames, and each peer may ask this node only so often.
 */
export class Questions<Peer> {
  readonly #options: QuestionsOptions<Peer>;
  /** The earliest first. */
  readonly #questions = new Map<string, Question<Peer>>();
  readonly #rates = new Map<Peer, TokenBucket>();

  constructor(options: QuestionsOptions<Peer>) {
    this.#options = options;
  }

  /**
   * Asks all peers.
   *
   * @param hops over how many links the question may be passed on.
   * @returns a record that its owner has signed, and the peer that brought it; undefined if nobody answered with one.
   */
  ask(
    id: string,
    hops: number,
    signal: AbortSignal,
  ): Promise<{ readonly record: AddressRecord; readonly from: Peer } | undefined> {
    const { promise, resolve } = Promise.withResolvers<
      { readonly record: AddressRecord; readonly from: Peer } | undefined
    >();
    const { runtime, peers } = this.#options;
    const number = bytesToHex(runtime.randomBytes(8, 'numbers of questions'));
    const question = this.#remember({ number, id, isOwn: true }, (record, from) => {
      signal.removeEventListener('abort', onAbort);
      resolve(record === undefined || from === undefined ? undefined : { record, from });
    });
    const onAbort = (): void => this.#settle(question, undefined, undefined);
    signal.addEventListener('abort', onAbort);
    if (signal.aborted) onAbort();
    else this.#passOn(question, hops, peers());
    return promise;
  }

  /** @throws PeerloomError `ERR_SIGNATURE_INVALID`: honest nodes check a record before they pass it on. */
  received(peer: Peer, frame: FindingFrame): void {
    if (frame.kind === 'find') this.#onQuestion(peer, frame);
    else this.#onAnswer(peer, frame);
  }

  closed(peer: Peer): void {
    this.#rates.delete(peer);
    for (const question of this.#questions.values()) this.#unanswered(question, peer);
  }

  stop(): void {
    for (const question of [...this.#questions.values()]) this.#settle(question, undefined, undefined);
    this.#questions.clear();
  }

  #onQuestion(peer: Peer, { number, hops, id, seenAs }: Extract<FindingFrame, { kind: 'find' }>): void {
    const { send, recordOf } = this.#options;
    if (this.#questions.has(number) || !this.#rateOf(peer).take()) {
      send(peer, unknownFrame(number));
      return;
    }
    const question = this.#remember({ number, id, isOwn: false }, (record) => {
      send(peer, record === undefined ? unknownFrame(number) : foundFrame(number, record));
    });
    const known = recordOf(id, seenAs);
    const goOn = (record: AddressRecord | undefined): void => {
      if (record !== undefined) this.#settle(question, record, undefined);
      else this.#passOn(question, hops - 1, this.#peersToAsk(peer, id, hops));
    };
    if (known instanceof Promise) void known.then(goOn, () => goOn(undefined));
    else goOn(known);
  }

  #rateOf(peer: Peer): TokenBucket {
    let rate = this.#rates.get(peer);
    if (rate === undefined) {
      rate = new TokenBucket({ burst: questionBurst, perSecond: questionsPerSecond }, this.#options.runtime);
      this.#rates.set(peer, rate);
    }
    return rate;
  }

  /** The node that is looked for knows best, whatever number of links is left. */
  #peersToAsk(asker: Peer, id: string, hops: number): readonly Peer[] {
    const { peers, idOf } = this.#options;
    const others = peers().filter((peer) => peer !== asker);
    const sought = others.find((peer) => idOf(peer) === id);
    if (sought !== undefined) return [sought];
    return hops > 0 ? others : [];
  }

  #passOn(question: Question<Peer>, hops: number, to: readonly Peer[]): void {
    if (question.settle === undefined) return;
    const { runtime, send, hostOf } = this.#options;
    const left = Math.max(0, Math.min(hops, maxQuestionHops));
    const asked = this.#pick(to);
    for (const peer of asked) question.waiting.add(peer);
    if (asked.length === 0) {
      this.#settle(question, undefined, undefined);
      return;
    }
    question.timer = runtime.setTimeout(
      () => this.#settle(question, undefined, undefined),
      (left + 1) * patienceMs,
    );
    const { number, id } = question;
    for (const peer of asked) send(peer, findFrame({ number, hops: left, id, seenAs: hostOf(peer) }));
  }

  #onAnswer(peer: Peer, frame: Exclude<FindingFrame, { kind: 'find' }>): void {
    const question = this.#questions.get(frame.number);
    // It comes too late, or nobody asked.
    if (question === undefined || !question.waiting.has(peer)) return;
    if (frame.kind === 'unknown') {
      this.#unanswered(question, peer);
      return;
    }
    const { record } = frame;
    if (record.id !== question.id) {
      throw new PeerloomError('ERR_PROTOCOL', 'an answer about another node than the one that was asked for');
    }
    if (!this.#options.isSigned(record)) {
      throw new PeerloomError('ERR_SIGNATURE_INVALID', `an address record that ${record.id} has not signed`);
    }
    this.#settle(question, record, peer);
  }

  #unanswered(question: Question<Peer>, peer: Peer): void {
    if (question.waiting.delete(peer) && question.waiting.size === 0) {
      this.#settle(question, undefined, undefined);
    }
  }

  #settle(question: Question<Peer>, record: AddressRecord | undefined, from: Peer | undefined): void {
    const { settle } = question;
    question.settle = undefined;
    question.timer?.cancel();
    question.waiting.clear();
    settle?.(record, from);
  }

  #remember(
    asked: Pick<Question<Peer>, 'number' | 'id' | 'isOwn'>,
    settle: NonNullable<Question<Peer>['settle']>,
  ): Question<Peer> {
    const nowMs = this.#options.runtime.now();
    for (const earlier of this.#questions.values()) {
      const isOver = earlier.forgetAtMs <= nowMs;
      if (!isOver && this.#questions.size < maxQuestions) break;
      // What others ask cannot push out what this node asks.
      if (earlier.isOwn && !isOver) continue;
      this.#questions.delete(earlier.number);
      this.#settle(earlier, undefined, undefined);
    }
    const forgetAtMs = nowMs + rememberMs;
    const question: Question<Peer> = { ...asked, waiting: new Set(), forgetAtMs, settle, timer: undefined };
    this.#questions.set(question.number, question);
    return question;
  }

  #pick(peers: readonly Peer[]): readonly Peer[] {
    const { runtime } = this.#options;
    const left = [...peers];
    const picked: Peer[] = [];
    while (left.length > 0 && picked.length < maxAsked) {
      picked.push(...left.splice(Math.floor(left.length * runtime.random('whom to ask')), 1));
    }
    return picked;
  }
}
