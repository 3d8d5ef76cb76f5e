import type { Data } from '../base/data.ts';
import { PeerloomError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import type { Runtime } from '../base/runtime.ts';
import type {
  Channel,
  ChannelHandler,
  ConnectionMetrics,
  Handled,
  RemoteNode,
  SendOptions,
} from '../channel/channel.ts';
import type { WaitOptions } from '../channel/pending.ts';
import type { ChannelStream } from '../channel/streams/stream.ts';
import type { LinkPath } from '../transport/link-path.ts';
import type { Goodbye } from '../wire/frames/goodbye.ts';
import { DelayedSends } from './delayed-sends.ts';
import { type Envelope, type Letter, PendingEnvelope, whenReady } from './envelope.ts';
import { fieldsOf } from './fields.ts';
import { bringerOf, Hearing } from './hearing.ts';
import { type Bringer, DuplicateMessage, type Notary } from './notary.ts';
import type { Dispatch } from './outbox.ts';
import type { PeerTurns } from './peer-turns.ts';
import { Returns, readReturned } from './returns.ts';

/** What a {@link SecureChannel} reports, and the functions that it calls. */
export interface SecureChannelOptions {
  readonly ownId: string;
  readonly runtime: Runtime;
  readonly limits: Limits;
  readonly notary: Notary;
  /** The turns in which large messages of all neighbours are proven. */
  readonly turns: PeerTurns;
  /** Called when a message for all nodes has arrived again and was dropped. */
  readonly onDuplicate: () => void;
  /** Answers a stream that the other node opened without its user. Resolves with false if that failed. */
  readonly serve: (request: Envelope, stream: ChannelStream) => Promise<boolean>;
  /** Called with the bytes of each message that begins to wait for its signature. */
  readonly onGrowth: (bytes: number) => void;
  /** Runs the user's handlers. While they run, it remembers which message they handle. */
  readonly handle: <Result>(envelope: Envelope, run: (data: Data) => Result) => Result;
}

/** The result of the user's handlers, or false if the message was refused. */
type Received<Result> = Result | boolean | Promise<Result | boolean>;

/** A channel that signs everything it sends, and passes on only what is proven. */
export class SecureChannel implements Channel {
  readonly bringer: Bringer;
  readonly hearing: Hearing;
  readonly #channel: Channel;
  readonly #options: SecureChannelOptions;
  readonly #returns: Returns;
  #handler: ChannelHandler | undefined;
  /** Created when something first waits for a signature, which never happens with an `Identity`. */
  #usedDelayed: DelayedSends | undefined;

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
      send: (returned) => this.#send(options.notary.sign('returned', returned, channel.remote.id)),
    });
  }

  get remote(): RemoteNode {
    return this.#channel.remote;
  }

  get direction(): 'inbound' | 'outbound' {
    return this.#channel.direction;
  }

  get isOpen(): boolean {
    return this.#channel.isOpen && this.#usedDelayed?.isClosing !== true;
  }

  get isSuspended(): boolean {
    return this.#channel.isSuspended;
  }

  start(handler: ChannelHandler): void {
    this.#handler = handler;
    this.#channel.start({
      connected: () => handler.connected(),
      protocolOpened: (name) => handler.protocolOpened(name),
      protocol: (name, bytes) => handler.protocol(name, bytes),
      protocolClosed: (name) => handler.protocolClosed(name),
      unanswerable: (error) => handler.unanswerable(error),
      unsendable: (error) => handler.unsendable(error),
      rejected: (error) => handler.rejected(error),
      slow: (slow) => handler.slow(slow),
      returned: (messages) => handler.returned(messages),
      unlinked: () => handler.unlinked(),
      suspended: (reason) => handler.suspended(reason),
      resumed: () => handler.resumed(),
      message: (data) => this.#receive(data, (content) => handler.message(content)),
      delivery: (data) => this.#receive(data, (content) => handler.delivery(content)),
      request: (data) => this.#respond(data),
      stream: (header, stream) => this.#receiveStream(header, stream),
      closed: (reason, readUnacknowledged) => {
        this.#returns.close();
        this.hearing.close();
        this.#usedDelayed?.end(reason.message);
        handler.closed(reason, readUnacknowledged && (() => contentsOf(readUnacknowledged())));
      },
    });
  }

  send(data: Data, options?: SendOptions): boolean {
    return this.#send(this.#envelopeFor(data), options);
  }

  deliver(data: Data, options?: WaitOptions): Promise<void> {
    const envelope = this.#envelopeFor(data);
    if (this.#leavesAtOnce(envelope)) return this.#channel.deliver(envelope, options);
    const begin = (signed: Envelope, left: WaitOptions) => this.#channel.deliver(signed, left);
    return this.#delayed.call(envelope, { what: 'deliver', options, begin });
  }

  request(data: Data, options?: WaitOptions): Promise<Data> {
    const envelope = this.#options.notary.sign('request', data, this.remote.id);
    const begin = (signed: Envelope, left = options) => this.#channel.request(signed, left);
    const response = this.#leavesAtOnce(envelope)
      ? begin(envelope)
      : this.#delayed.call(envelope, { what: 'request', options, begin });
    return response.then((signed) => this.readResponse(envelope, signed));
  }

  drained(): Promise<void> {
    return (this.#usedDelayed ?? this.#channel).drained();
  }

  openStream(header: Data, options?: WaitOptions): Promise<ChannelStream> {
    return this.#open('stream', header, options);
  }

  /** Opens a stream that the other node answers without its user. */
  fetchStream(data: Data, options?: WaitOptions): Promise<ChannelStream> {
    return this.#open('fetch', data, options);
  }

  sendProtocol(name: string, bytes: Uint8Array): boolean {
    return this.#channel.sendProtocol(name, bytes);
  }

  ping(options?: WaitOptions): Promise<number> {
    return this.#channel.ping(options);
  }

  /** Data that waits for signatures counts as waiting to be sent. */
  get path(): LinkPath | undefined {
    return this.#channel.path;
  }

  metrics(): ConnectionMetrics {
    const metrics = this.#channel.metrics();
    const { unsignedBytes } = this;
    const { queuedBytes, heldBytes } = metrics;
    return { ...metrics, queuedBytes: queuedBytes + unsignedBytes, heldBytes: heldBytes + unsignedBytes };
  }

  checkLiveness(now: number, isSought?: boolean): number {
    return this.#channel.checkLiveness(now, isSought);
  }

  checkSilence(now: number, pingAfterMs: number): number {
    return this.#channel.checkSilence(now, pingAfterMs);
  }

  endSuspended(message: string): void {
    this.#channel.endSuspended(message);
  }

  /** Closes the channel. First sends everything that waits for signatures, if they come in time. */
  close(goodbye: Goodbye): void {
    const delayed = this.#usedDelayed;
    if (delayed?.isWaiting && this.isOpen && !this.isSuspended) void delayed.close(goodbye);
    else this.#channel.close(goodbye);
  }

  /** The bytes that wait for signatures. */
  get unsignedBytes(): number {
    return this.#usedDelayed?.heldBytes ?? 0;
  }

  /**
   * Sends an envelope that is not a message, after everything that was sent before.
   *
   * @throws PeerloomError `ERR_QUEUE_FULL`, `ERR_CONNECTION_CLOSED`, or the error of `send`.
   */
  dispatch(envelope: Envelope | PendingEnvelope, dispatch: Dispatch): boolean {
    return this.#leavesAtOnce(envelope) ? dispatch.send(envelope) : this.#delayed.add(envelope, dispatch);
  }

  /** Runs the user's handlers of a message. */
  hand(envelope: Envelope): Handled {
    return this.#options.handle(envelope, (data) => this.#handler!.message(data));
  }

  /** Reports a refusal to the user, and counts it. */
  refuse(error: Error): void {
    this.#handler!.rejected(error);
  }

  /** Returns the response that the other side signed to a request, when it is proven. */
  async readResponse(request: Envelope | PendingEnvelope, response: Data): Promise<Data> {
    const asked: Letter = request instanceof PendingEnvelope ? request.letter : request;
    const { request: id, answer } = fieldsOf((await this.hearing.examine(response, ['response'])).data);
    if (id === asked.id && answer !== undefined) return answer;
    const error = new PeerloomError('ERR_ENVELOPE_INVALID', 'a response belongs to another request');
    this.refuse(error);
    throw error;
  }

  #envelopeFor(data: Data): Envelope | PendingEnvelope {
    return this.#options.notary.envelopeFor(data, 'message', this.remote.id);
  }

  #send(envelope: Envelope | PendingEnvelope, options?: SendOptions): boolean {
    if (this.#leavesAtOnce(envelope)) return this.#channel.send(envelope, options);
    return this.#delayed.send(envelope, options);
  }

  #open(kind: 'stream' | 'fetch', header: Data, options?: WaitOptions): Promise<ChannelStream> {
    const envelope = this.#options.notary.sign(kind, header, this.remote.id);
    if (this.#leavesAtOnce(envelope)) return this.#channel.openStream(envelope, options);
    const begin = (signed: Envelope, left: WaitOptions) => this.#channel.openStream(signed, left);
    return this.#delayed.call(envelope, { what: 'openStream', options, begin });
  }

  /** Whether the envelope is signed and nothing waits before it, so that it can be sent immediately. */
  #leavesAtOnce(envelope: Envelope | PendingEnvelope): envelope is Envelope {
    return !(envelope instanceof PendingEnvelope) && !this.#usedDelayed?.isWaiting;
  }

  get #delayed(): DelayedSends {
    const { limits, runtime, onGrowth } = this.#options;
    this.#usedDelayed ??= new DelayedSends({
      channel: this.#channel,
      limits,
      runtime,
      onGrowth,
      onUnsendable: (error) => this.#handler!.unsendable(error),
    });
    return this.#usedDelayed;
  }

  #receive<Result>(data: Data, hand: (content: Data) => Result | Promise<Result>): Received<Result> {
    let examined: Envelope | Promise<Envelope>;
    try {
      examined = this.hearing.examine(data, ['message', 'returned']);
    } catch (error) {
      return this.#giveBack(data, error);
    }
    if (!(examined instanceof Promise)) return this.#handOn(examined, hand);
    return examined.then(
      (envelope) => this.#handOn(envelope, hand),
      (error) => this.#giveBack(data, error),
    );
  }

  #handOn<Result>(envelope: Envelope, hand: (content: Data) => Result | Promise<Result>): Received<Result> {
    return envelope.kind === 'message'
      ? this.#options.handle(envelope, hand)
      : this.#handOnReturned(envelope);
  }

  #giveBack(data: Data, error: unknown): Handled {
    if (error instanceof DuplicateMessage) return true;
    // A message that was itself returned is not returned again.
    const isMessage = fieldsOf(data).kind === 'message';
    const room = isMessage ? this.#returns.add(data, error) : undefined;
    return room === undefined ? false : room.then(() => false);
  }

  async #handOnReturned({ data }: Envelope): Promise<boolean> {
    const between = { ownId: this.#options.ownId, id: this.remote.id };
    try {
      const returned = await this.hearing.begin(readReturned(data, between));
      this.#handler!.returned(returned);
      return true;
    } catch {
      return false;
    }
  }

  /** Only the header is signed. The link protects the rest of the stream. */
  #receiveStream(data: Data, stream: ChannelStream): ReturnType<ChannelHandler['stream']> {
    let examined: Envelope | Promise<Envelope>;
    try {
      examined = this.hearing.examine(data, ['stream', 'fetch']);
    } catch {
      return undefined;
    }
    if (!(examined instanceof Promise)) return this.#handOnStream(examined, stream);
    return examined.then(
      (envelope) => this.#handOnStream(envelope, stream),
      () => undefined,
    );
  }

  #handOnStream(envelope: Envelope, stream: ChannelStream): ReturnType<ChannelHandler['stream']> {
    if (envelope.kind === 'fetch') return this.#options.serve(envelope, stream);
    return this.#options.handle(envelope, (header) => this.#handler!.stream(header, stream));
  }

  async #respond(data: Data): Promise<Data | undefined> {
    const examined = this.hearing.examine(data, ['request']);
    // Small ones are passed on in the order in which they came.
    const request = examined instanceof Promise ? await examined : examined;
    const answer = await this.#handler!.request(request.data);
    if (answer === undefined) return undefined;
    const content = { request: request.id, answer };
    return whenReady<Data>(
      this.#options.notary.sign('response', content, this.remote.id),
      (signed) => signed,
    );
  }
}

/** Returns the user's data in envelopes of this node. */
function contentsOf(envelopes: readonly Data[] | undefined): Data[] | undefined {
  const letters = envelopes?.map(fieldsOf);
  return letters?.filter(({ kind }) => kind === 'message' || kind === 'request').map(({ data }) => data!);
}
