import type { ProtocolPeer } from '../api/protocol.ts';
import type { Data } from '../base/data.ts';
import { PeerloomError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import type { Runtime } from '../base/runtime.ts';
import type { Steps } from '../base/steps.ts';
import type { Handled, RemoteNode } from '../channel/channel.ts';
import { PendingAnswers, type WaitOptions } from '../channel/pending.ts';
import type { ChannelStream } from '../channel/streams/stream.ts';
import { goodbye } from '../wire/frames/goodbye.ts';
import { type Envelope, PendingEnvelope, whenReady } from './envelope.ts';
import { GivenLetters } from './given-letters.ts';
import type { Hearing } from './hearing.ts';
import { LinkRoom } from './link-room.ts';
import type { Bringer, Notary } from './notary.ts';
import type { SecureChannel } from './secure-channel.ts';
import {
  dataSteps,
  encodeSecureFrame,
  invalid,
  largeBytes,
  type RelayAnswer,
  type RelayRequest,
  readSecureFrame,
  relayAnswerOf,
  relayRequestOf,
  type SecureFrame,
  SecureFrameKind,
  unfoldedBeside,
} from './secure-frames.ts';
import { WorkQueue } from './work-queue.ts';

/** Hexadecimal digits. */
const hashLength = 64;

const text = new TextDecoder();

export interface NeighbourOptions {
  readonly notary: Notary;
  readonly runtime: Runtime;
  readonly limits: Limits;
  /** Called with the bytes of memory that are newly taken for the neighbour. */
  readonly onGrowth: (bytes: number) => void;
  /** Responds to a request. The neighbour does not learn the reason of a rejection. */
  readonly respond: (request: Envelope, neighbour: Neighbour) => Promise<Data>;
  /** Handles what the neighbour asks this node to pass on, and reports back to it. */
  readonly relay: (request: RelayRequest, neighbour: Neighbour) => Promise<void>;
  /** Handles the neighbour's answer to something that it was asked to pass on. */
  readonly relayed: (answer: RelayAnswer, neighbour: Neighbour) => Promise<void>;
}

/** A letter and the frame that carries it. */
export interface OutgoingLetter {
  readonly hash: string;
  readonly frame: Uint8Array;
}

interface ArrivedResponse {
  readonly frame: SecureFrame;
  /** Called when the response has been read, or refused. */
  readonly done: () => void;
}

/** The conversation with a neighbour in frames of the protocol of SecureNodes, apart from the user's messages. */
export class Neighbour {
  readonly #peer: ProtocolPeer;
  readonly #channel: SecureChannel;
  readonly #options: NeighbourOptions;
  /** The work that the neighbour asks for. */
  readonly #work: WorkQueue;
  /** The responses that are being read. They are apart from `#work`, because work may wait for them. */
  readonly #reading: WorkQueue;
  readonly #responses: PendingAnswers<ArrivedResponse>;
  readonly #given: GivenLetters;
  readonly #room: LinkRoom;
  #isClosed = false;

  constructor(peer: ProtocolPeer, channel: SecureChannel, options: NeighbourOptions) {
    const { limits, onGrowth, runtime } = options;
    this.#peer = peer;
    this.#channel = channel;
    this.#options = options;
    this.#responses = new PendingAnswers(runtime);
    this.#given = new GivenLetters(runtime);
    this.#room = new LinkRoom(channel);
    const bounds = { maxJobs: limits.maxRequests, maxBytes: limits.unhandledMaxBytes, onGrowth };
    this.#work = new WorkQueue(bounds);
    this.#reading = new WorkQueue(bounds);
  }

  get remote(): RemoteNode {
    return this.#channel.remote;
  }

  get bringer(): Bringer {
    return this.#channel.bringer;
  }

  get hearing(): Hearing {
    return this.#channel.hearing;
  }

  /** Whether a frame can be sent now, without waiting for another link. */
  get hasLink(): boolean {
    return this.#room.hasLink;
  }

  /** Bytes of memory that decoded frames and envelopes waiting for signatures take. */
  get heldBytes(): number {
    return this.#work.heldBytes + this.#reading.heldBytes + this.#channel.unsignedBytes;
  }

  /** Ends the connection, because it takes too much memory. */
  shed(): void {
    this.#channel.close(goodbye('overload'));
  }

  /** Sends a request, and returns the response when it is proven. */
  request(data: Data, options?: WaitOptions): Promise<Data> {
    const request = this.#options.notary.sign('ask', data, this.remote.id);
    const response = this.#responses.call('request', options, (number) => this.#sendRequest(request, number));
    return response.then(({ frame, done }) => this.#readResponse(request, frame).finally(done));
  }

  /**
   * Asks the neighbour to pass a letter on. The letter proves itself, so nothing else is signed.
   *
   * @returns whether an answer will come, or has come.
   */
  relay({ hash, frame }: OutgoingLetter, timeoutMs: number): Promise<boolean> {
    this.#send(frame);
    return this.#given.wait(hash, timeoutMs);
  }

  /** Tells the neighbour that its letter is passed on, and that an answer will follow. */
  tellTaken(hash: string): void {
    this.#tell(SecureFrameKind.taken, hash);
  }

  /** Sends the answer to a letter that the neighbour brought, if the neighbour can be reached. */
  answerRelay(hash: string, answer: Data): void {
    this.#tell(SecureFrameKind.relayed, { hash, answer });
  }

  /** Opens a stream that the other node answers without its user. */
  fetchStream(data: Data, options?: WaitOptions): Promise<ChannelStream> {
    return this.#channel.fetchStream(data, options);
  }

  /** Resolves when little data waits to be sent. */
  drained(): Promise<void> {
    return this.#channel.drained();
  }

  /** Resolves when the neighbour can be reached again, or when the connection has closed. */
  linked(): Promise<void> {
    return this.#room.linked();
  }

  /** Resolves when there is room for a large frame, see {@link LinkRoom.roomForLarge}. */
  roomForLarge(done: Promise<void>): Promise<void> {
    return this.#room.roomForLarge(done);
  }

  /** Runs the user's handlers of a message. */
  hand(envelope: Envelope): Handled {
    return this.#channel.hand(envelope);
  }

  /** Reports a refusal to the user, and counts it. Does nothing after the connection has closed. */
  refuse(error: Error): void {
    if (!this.#isClosed) this.#channel.refuse(error);
  }

  /**
   * Handles a frame. The work that a neighbour asks for runs concurrently, within bounds.
   *
   * @returns a promise for the end of the work.
   */
  receive(bytes: Uint8Array): void | Promise<void> {
    let frame: SecureFrame;
    try {
      frame = readSecureFrame(bytes);
    } catch (error) {
      return this.refuse(error as Error);
    }
    switch (frame.kind) {
      case SecureFrameKind.taken:
        return this.#onTaken(frame);
      case SecureFrameKind.response:
      case SecureFrameKind.failure:
        return this.#onResponse(frame);
    }
    return this.#work.add({ bytes: () => unfoldedBeside(frame), run: () => this.#do(frame) });
  }

  /** Called when the connection has closed. */
  close(): void {
    this.#isClosed = true;
    this.#work.close();
    this.#reading.close();
    this.#given.close();
    this.#responses.failAll(connectionClosed);
  }

  #sendRequest(request: Envelope | PendingEnvelope, number: number): void {
    const send = (signed: Envelope): boolean => {
      this.#send(encodeSecureFrame(SecureFrameKind.request, signed, number));
      return true;
    };
    if (!(request instanceof PendingEnvelope)) return void send(request);
    const failed = (error: Error): void => this.#responses.fail(number, error as PeerloomError);
    this.#channel.dispatch(request, { send, failed });
  }

  #onTaken({ body }: SecureFrame): void {
    this.#given.taken(text.decode(body.subarray(0, hashLength)));
  }

  /** Handles a response. Drops it without decoding it if no request waits for it. */
  #onResponse(frame: SecureFrame): void | Promise<void> {
    const { kind, number } = frame;
    if (!this.#responses.has(number)) return;
    if (kind === SecureFrameKind.failure) return this.#responses.fail(number, failed());
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#responses.answer(number, { frame, done: resolve });
    return promise;
  }

  /** Decodes and proves a response. Its memory counts until then. */
  async #readResponse(request: Envelope | PendingEnvelope, frame: SecureFrame): Promise<Data> {
    let answer: Data | undefined;
    const run = async (): Promise<void> => {
      answer = await this.#channel.readResponse(request, await this.#read(frame, (data) => data));
    };
    await this.#reading.add({ bytes: () => unfoldedBeside(frame), run });
    if (answer === undefined) throw connectionClosed();
    return answer;
  }

  async #do(frame: SecureFrame): Promise<void> {
    try {
      switch (frame.kind) {
        case SecureFrameKind.relay:
          return await this.#options.relay(relayRequestOf(frame, this.#maxContainers), this);
        case SecureFrameKind.relayed:
          return await this.#onRelayed(frame);
        case SecureFrameKind.request:
          return await this.#onRequest(frame);
      }
      await this.#read(frame, () => {
        throw invalid(`there is no frame of the kind ${frame.kind}`);
      });
    } catch {
      // The error has been reported to the user.
    }
  }

  async #onRelayed(frame: SecureFrame): Promise<void> {
    const answer = await this.#read(frame, relayAnswerOf);
    this.#given.taken(answer.hash);
    await this.#options.relayed(answer, this);
  }

  async #onRequest(frame: SecureFrame): Promise<void> {
    const { number } = frame;
    try {
      this.#send(encodeSecureFrame(SecureFrameKind.response, await this.#respondTo(frame), number));
    } catch (error) {
      // The neighbour does not read its responses, so the connection ends.
      if ((error as PeerloomError).code === 'ERR_QUEUE_FULL') this.shed();
      else this.#tell(SecureFrameKind.failure, null, number);
    }
  }

  async #respondTo(frame: SecureFrame): Promise<Data> {
    const data = await this.#read(frame, (read) => read);
    const request = await this.hearing.examine(data, ['ask']);
    const answer = await this.#options.respond(request, this);
    const content = { request: request.id, answer };
    return whenReady<Data>(
      this.#options.notary.sign('response', content, this.remote.id),
      (signed) => signed,
    );
  }

  /** Decodes a frame in this neighbour's share of the time, and refuses it if it cannot be read. */
  #read<Result>(frame: SecureFrame, read: (data: Data) => Result): Result | Promise<Result> {
    const { hearing } = this;
    const work = this.#readSteps(frame, read);
    return frame.body.length > largeBytes ? hearing.beginInTurn(work) : hearing.begin(work);
  }

  *#readSteps<Result>(frame: SecureFrame, read: (data: Data) => Result): Steps<Result> {
    return read(yield* dataSteps(frame, this.#maxContainers));
  }

  get #maxContainers(): number {
    return this.#options.limits.maxContainers;
  }

  /** Sends a frame if the neighbour can be reached. Otherwise it does nothing. */
  #tell(kind: SecureFrameKind, data: Data, number?: number): void {
    try {
      this.#send(encodeSecureFrame(kind, data, number));
    } catch {
      // The connection has closed, or its queue is full.
    }
  }

  /** @throws PeerloomError `ERR_CONNECTION_CLOSED`, and the errors of {@link ProtocolPeer.send}. */
  #send(bytes: Uint8Array): void {
    if (this.#isClosed) throw connectionClosed();
    this.#peer.send(bytes);
  }
}

function failed(): PeerloomError {
  return new PeerloomError('ERR_HANDLER', 'the other side failed to answer this request');
}

function connectionClosed(): PeerloomError {
  return new PeerloomError('ERR_CONNECTION_CLOSED', 'the connection has closed');
}
