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

/** The most questions of one peer in a second, in the long run. This node answers further ones with `unknown`. */
const questionsPerSecond = 2;

/** The most questions of one peer in a burst. */
const questionBurst = 16;

/**
 * The most questions that are remembered: those that wait for answers, and those answered recently. Beyond that, the
 * earliest question of another node is dropped.
 */
const maxQuestions = 512;

/** The most peers to which a question is passed on. They are picked at random. */
const maxAsked = 6;

/** Milliseconds that an answer may take for each link that the question may still pass over. */
const patienceMs = 2_000;

/** Milliseconds for which the numbers of questions are remembered, so that no question goes in a circle. */
const rememberMs = 20_000;

export interface QuestionsOptions<Peer> {
  readonly runtime: Runtime;
  /** Returns all peers that can be asked. */
  peers(): readonly Peer[];
  /** Sends a frame, unless the peer cannot take it. */
  send(peer: Peer, frame: Uint8Array): void;
  /** Returns the host at which this node sees a peer. */
  hostOf(peer: Peer): string;
  idOf(peer: Peer): string;
  /**
   * Returns the address record that this node itself has for an id: its own, or another node's.
   *
   * @param seenAs the host at which the asking peer sees this node.
   */
  recordOf(id: string, seenAs: string): AddressRecord | Promise<AddressRecord | undefined> | undefined;
  /** Whether the node that a record names has signed it. */
  isSigned(record: AddressRecord): boolean;
}

/** A question of this node, or of a peer. */
interface Question<Peer> {
  readonly number: string;
  readonly id: string;
  readonly isOwn: boolean;
  /** Peers that have not answered yet. */
  readonly waiting: Set<Peer>;
  readonly forgetAtMs: number;
  /** Passes on the answer. Called once, and then cleared. */
  settle: ((record: AddressRecord | undefined, from: Peer | undefined) => void) | undefined;
  timer: RuntimeTimer | undefined;
}

/**
 * Asks neighbours for the address of a node, and answers such questions. A question passes over at most four further
 * links. Each node passes it on once, to at most six peers. The answer returns the way of the question. So a question
 * costs the network a bounded number of small frames. The rate of each peer's questions is limited.
 */
export class Questions<Peer> {
  readonly #options: QuestionsOptions<Peer>;
  /** The questions by their numbers, the earliest first. */
  readonly #questions = new Map<string, Question<Peer>>();
  readonly #rates = new Map<Peer, TokenBucket>();

  constructor(options: QuestionsOptions<Peer>) {
    this.#options = options;
  }

  /**
   * Asks all peers.
   *
   * @param hops the number of links over which the question may be passed on.
   * @returns a record that its owner has signed, and the peer that brought it; `undefined` if no peer answered with
   * one.
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

  /**
   * Handles a frame. @throws PeerloomError `ERR_SIGNATURE_INVALID` for a false record, because honest nodes check
   * records before they pass them on; `ERR_PROTOCOL` for a record of another node.
   */
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

  /** Returns the peers to pass a question on to: the node itself if it is a peer, whatever number of links is left. */
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
    // The answer is too late, or was not asked for.
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
      // Questions of others cannot drive out this node's own.
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
