import type { Stream } from '@libp2p/interface';
import { PeerloomError } from '../base/errors.ts';
import {
  decodeMessage,
  encodeMessage,
  type HolePunchMessage,
  maxMessageBytes,
} from './hole-punch-message.ts';
import { untilAborted } from './waiting.ts';

/** The most bytes that may wait to be read: two messages, each with its length. */
const maxWaitingBytes = 2 * (maxMessageBytes + 4);

/** The most pieces in which these bytes may arrive. Each piece costs a copy of the bytes before it. */
export const maxPieces = 64;

/** A stream that carries messages of DCUtR. */
export class MessageStream {
  readonly #stream: Stream;
  #arrived = new Uint8Array(0);
  #pieces = 0;
  #failure: unknown;
  #recheck = (): void => {};

  constructor(stream: Stream) {
    this.#stream = stream;
    stream.addEventListener('message', ({ data }) => this.#onData(data.subarray()));
    stream.addEventListener('remoteCloseWrite', () => this.#fail(new Error('the other node hung up')));
    stream.addEventListener('close', () => this.#fail(new Error('the other node hung up')));
  }

  send(message: HolePunchMessage): void {
    this.#stream.send(encodeMessage(message));
  }

  /** @throws PeerloomError `ERR_PROTOCOL` if another message arrives; Error if none does; the reason of the signal. */
  async next(type: HolePunchMessage['type'], signal: AbortSignal): Promise<HolePunchMessage> {
    await untilAborted<void>(signal, (resolve) => {
      this.#recheck = () => {
        if (this.#failure !== undefined || this.#isComplete()) resolve();
      };
      this.#recheck();
      return () => {
        this.#recheck = () => {};
      };
    });
    const found = decodeMessage(this.#arrived);
    if (found === undefined) throw this.#failure;
    this.#arrived = this.#arrived.slice(found.size);
    if (found.message.type === type) return found.message;
    throw new PeerloomError('ERR_PROTOCOL', `a message of DCUtR is not of the type ${type}`);
  }

  close(): void {
    void this.#stream.close().catch(() => {});
  }

  abort(why: string): void {
    this.#stream.abort(new Error(why));
  }

  #onData(data: Uint8Array): void {
    this.#pieces += 1;
    if (this.#pieces > maxPieces || this.#arrived.length + data.length > maxWaitingBytes) {
      const error = new PeerloomError('ERR_PROTOCOL', 'the other node sends more than DCUtR has to say');
      this.#fail(error);
      this.#stream.abort(error);
      return;
    }
    const both = new Uint8Array(this.#arrived.length + data.length);
    both.set(this.#arrived);
    both.set(data, this.#arrived.length);
    this.#arrived = both;
    this.#recheck();
  }

  /** Whether a whole message has arrived, or bytes that cannot become one. */
  #isComplete(): boolean {
    try {
      return decodeMessage(this.#arrived) !== undefined;
    } catch (error) {
      this.#failure ??= error;
      return true;
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#recheck();
  }
}
