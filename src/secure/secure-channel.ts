import type { Data } from '../base/data.ts';
import { PeerloomError } from '../base/errors.ts';
import type { Runtime } from '../base/runtime.ts';
import type { Channel, ChannelHandler, Handled, RemoteNode, SendOptions } from '../channel/channel.ts';
import type { WaitOptions } from '../channel/pending.ts';
import type { SharedRequest } from '../channel/send/shared-encoding.ts';
import type { ChannelStream } from '../channel/streams/stream.ts';
import type { Goodbye } from '../wire/frames/goodbye.ts';
import type { Envelope } from './envelope.ts';
import { fieldsOf } from './fields.ts';
import { bringerOf, Hearing } from './hearing.ts';
import { type Bringer, DuplicateMessage, type Notary } from './notary.ts';
import type { PeerTurns } from './peer-turns.ts';
import {
  type RelayAnswer,
  type RelayRequest,
  relayAnswer,
  relayAnswerOf,
  relayRequestOf,
} from './relay-messages.ts';
import { Returns, readReturned } from './returns.ts';

/** What neighbours ask each other: for the user, and for the node itself. */
export type RequestKind = 'request' | 'ask';

/** What a {@link SecureChannel} tells of itself and hands on. */
export interface SecureChannelOptions {
  readonly ownId: string;
  readonly runtime: Runtime;
  readonly notary: Notary;
  /** In which large messages of all neighbours are proven. */
  readonly turns: PeerTurns;
  readonly onOpen: (channel: SecureChannel) => void;
  readonly onClosed: (channel: SecureChannel) => void;
  /** A message for all nodes came that this node has seen, and was dropped. */
  readonly onDuplicate: () => void;
  /** Answers an `ask`. What it rejects with, the other side is not told. */
  readonly answer: (question: Envelope, channel: SecureChannel) => Promise<Data>;
  /** Takes what the other side passes on: false when nothing follows. */
  readonly relay: (request: RelayRequest, channel: SecureChannel) => Promise<boolean>;
  /** Takes what the other side answers to something that it was to pass on. */
  readonly relayed: (answer: RelayAnswer, channel: SecureChannel) => Promise<void>;
  /** Answers a stream that the other node, not its user, opened: false when it has failed. */
  readonly serve: (question: Envelope, stream: ChannelStream) => Promise<boolean>;
  /** Runs handlers of the user while the node can tell which message they are given. */
  readonly handle: <Result>(envelope: Envelope, run: (data: Data) => Result) => Result;
}

/** What handlers of the user make of a message; false where it is refused. */
type Received<Result> = Result | boolean | Promise<Result | boolean>;

/** A conversation in which everything that is said is signed, and nothing is heard before it is proven. */
export class SecureChannel implements Channel {
  readonly bringer: Bringer;
  readonly hearing: Hearing;
  readonly #channel: Channel;
  readonly #options: SecureChannelOptions;
  readonly #returns: Returns;
  /** The large things that wait for room, one after another. */
  #lane: Promise<void> = Promise.resolve();
  #linkBack: Promise<void> | undefined;
  #handler: ChannelHandler | undefined;

  constructor(channel: Channel, options: SecureChannelOptions) {
    this.bringer = bringerOf(channel.remote);
    this.#channel = channel;
    this.#options = options;
    this.hearing = new Hearing({
      ownId: options.ownId,
      bringer: this.bringer,
      notary: options.notary,
      runtime: options.runtime,
      turns: options.turns,
      onRefused: (error) => this.refuse(error),
      onDuplicate: options.onDuplicate,
    });
    this.#returns = new Returns({
      id: channel.remote.id,
      runtime: options.runtime,
      send: (returned) => channel.send(options.notary.sign('returned', returned, channel.remote.id)),
    });
  }

  get remote(): RemoteNode {
    return this.#channel.remote;
  }

  get direction(): 'inbound' | 'outbound' {
    return this.#channel.direction;
  }

  get isOpen(): boolean {
    return this.#channel.isOpen;
  }

  get isSuspended(): boolean {
    return this.#channel.isSuspended;
  }

  /** What is sent need not wait for another link. */
  get hasLink(): boolean {
    return this.isOpen && !this.isSuspended;
  }

  start(handler: ChannelHandler): void {
    this.#handler = handler;
    this.#channel.start({
      ...handler,
      connected: () => {
        this.#options.onOpen(this);
        return handler.connected();
      },
      message: (data) => this.#receive(data, (content) => handler.message(content)),
      delivery: (data) => this.#receive(data, (content) => handler.delivery(content)),
      request: (data) => this.#answer(data),
      stream: (header, stream) => this.#receiveStream(header, stream),
      closed: (reason, readUnacknowledged) => {
        this.#returns.close();
        this.hearing.close();
        this.#options.onClosed(this);
        handler.closed(reason, readUnacknowledged && (() => contentsOf(readUnacknowledged())));
      },
    });
  }

  send(data: Data, options?: SendOptions): boolean {
    return this.#channel.send(this.#envelopeFor(data), options);
  }

  deliver(data: Data, options?: WaitOptions): Promise<void> {
    return this.#channel.deliver(this.#envelopeFor(data), options);
  }

  request(data: Data, options?: WaitOptions): Promise<Data> {
    return this.exchange('request', data, options);
  }

  drained(): Promise<void> {
    return this.#channel.drained();
  }

  openStream(header: Data, options?: WaitOptions): Promise<ChannelStream> {
    return this.#channel.openStream(this.#options.notary.sign('stream', header, this.remote.id), options);
  }

  /** Opens a stream that the node on the other side answers, not its user. */
  fetchStream(data: Data, options?: WaitOptions): Promise<ChannelStream> {
    return this.#channel.openStream(this.#options.notary.sign('fetch', data, this.remote.id), options);
  }

  sendProtocol(name: string, bytes: Uint8Array): boolean {
    return this.#channel.sendProtocol(name, bytes);
  }

  ping(options?: WaitOptions): Promise<number> {
    return this.#channel.ping(options);
  }

  checkLiveness(now: number, isSought?: boolean): number {
    return this.#channel.checkLiveness(now, isSought);
  }

  giveUp(message: string): void {
    this.#channel.giveUp(message);
  }

  close(goodbye: Goodbye): void {
    this.#channel.close(goodbye);
  }

  /** Asks, and gives the answer once it is proven. */
  exchange(kind: RequestKind, data: Data, options?: WaitOptions): Promise<Data> {
    const question = this.#options.notary.sign(kind, data, this.remote.id);
    return this.#channel.request(question, options).then((answer) => this.#answerTo(question, answer));
  }

  /**
   * Has the other side pass a letter on. It proves itself, so nothing else is signed.
   *
   * @returns whether an answer follows.
   */
  async relay(request: SharedRequest, timeoutMs: number): Promise<boolean> {
    return (await this.#channel.request(request.data, request.optionsWith({ timeoutMs }))) === true;
  }

  /** Answers what the other side brought, if it can be reached. */
  answerRelay(hash: string, answer: Data): void {
    try {
      this.#channel.request(relayAnswer(hash, answer)).catch(() => {});
    } catch {
      // It has closed, or takes no more: nobody hears the answer.
    }
  }

  /** Resolves when the other side can be reached again, or the channel has closed. */
  linked(): Promise<void> {
    if (this.hasLink) return Promise.resolve();
    // The answer to a ping is the first sign of it.
    const done = (): void => {
      this.#linkBack = undefined;
    };
    this.#linkBack ??= this.#channel.ping({ timeoutMs: Number.POSITIVE_INFINITY }).then(done, done);
    return this.#linkBack;
  }

  /**
   * Resolves when little waits to go out, and everybody who asked for that before is done: what has left this process
   * may still fill the link, and whatever else the other side is to hear waits behind it.
   *
   * @param done until then nobody else has room.
   */
  roomForLarge(done: Promise<void>): Promise<void> {
    const room = this.#lane.then(() => this.linked()).then(() => this.#channel.drained());
    this.#lane = room.then(() => done);
    return room;
  }

  /** Runs the user's handlers of a message. */
  hand(envelope: Envelope): Handled {
    return this.#options.handle(envelope, (data) => this.#handler!.message(data));
  }

  /** Tells the user of what was not let through, and counts it. */
  refuse(error: Error): void {
    this.#handler!.rejected(error);
  }

  #envelopeFor(data: Data): Envelope {
    return this.#options.notary.envelopeFor(data, 'message', this.remote.id);
  }

  #receive<Result>(data: Data, hand: (content: Data) => Result | Promise<Result>): Received<Result> {
    let examined: Envelope | Promise<Envelope>;
    try {
      examined = this.hearing.examine(data, ['message', 'returned']);
    } catch (error) {
      return this.#giveBack(data, error);
    }
    if (!(examined instanceof Promise)) return this.#take(examined, hand);
    return examined.then(
      (envelope) => this.#take(envelope, hand),
      (error) => this.#giveBack(data, error),
    );
  }

  #take<Result>(envelope: Envelope, hand: (content: Data) => Result | Promise<Result>): Received<Result> {
    return envelope.kind === 'message' ? this.#options.handle(envelope, hand) : this.#takeReturned(envelope);
  }

  #giveBack(data: Data, error: unknown): Handled {
    if (error instanceof DuplicateMessage) return true;
    // Never what was returned, which would go back and forth.
    const isMessage = fieldsOf(data).kind === 'message';
    const room = isMessage ? this.#returns.add(data, error) : undefined;
    return room === undefined ? false : room.then(() => false);
  }

  async #takeReturned({ data }: Envelope): Promise<boolean> {
    const between = { ownId: this.#options.ownId, id: this.remote.id };
    try {
      const returned = await this.hearing.begin(readReturned(data, between));
      this.#handler!.returned(returned);
      return true;
    } catch {
      return false;
    }
  }

  /** The header is signed; what follows in the stream is as safe as the link. */
  #receiveStream(data: Data, stream: ChannelStream): ReturnType<ChannelHandler['stream']> {
    let examined: Envelope | Promise<Envelope>;
    try {
      examined = this.hearing.examine(data, ['stream', 'fetch']);
    } catch {
      return undefined;
    }
    if (!(examined instanceof Promise)) return this.#takeStream(examined, stream);
    return examined.then(
      (envelope) => this.#takeStream(envelope, stream),
      () => undefined,
    );
  }

  #takeStream(envelope: Envelope, stream: ChannelStream): ReturnType<ChannelHandler['stream']> {
    if (envelope.kind === 'fetch') return this.#options.serve(envelope, stream);
    return this.#options.handle(envelope, (header) => this.#handler!.stream(header, stream));
  }

  async #answer(data: Data): Promise<Data | undefined> {
    const relayed = relayRequestOf(data);
    if (relayed !== undefined) return this.#options.relay(relayed, this);
    const relayAnswered = relayAnswerOf(data);
    if (relayAnswered !== undefined) return this.#options.relayed(relayAnswered, this).then(() => null);
    const examined = this.hearing.examine(data, ['request', 'ask']);
    // Small ones are handed on in the order in which they came.
    const question = examined instanceof Promise ? await examined : examined;
    const isForUser = question.kind === 'request';
    const { notary, answer } = this.#options;
    const content = await (isForUser ? this.#handler!.request(question.data) : answer(question, this));
    if (content === undefined) return undefined;
    return notary.sign('response', { question: question.id, answer: content }, this.remote.id);
  }

  async #answerTo(question: Envelope, response: Data): Promise<Data> {
    const { question: id, answer } = fieldsOf((await this.hearing.examine(response, ['response'])).data);
    if (id === question.id && answer !== undefined) return answer;
    const error = new PeerloomError('ERR_ENVELOPE_INVALID', 'a response belongs to another request');
    this.refuse(error);
    throw error;
  }
}

/** What the user put into envelopes of ours. */
function contentsOf(envelopes: readonly Data[] | undefined): Data[] | undefined {
  const letters = envelopes?.map(fieldsOf);
  return letters?.filter(({ kind }) => kind === 'message' || kind === 'request').map(({ data }) => data!);
}
