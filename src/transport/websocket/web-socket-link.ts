import type { Address } from '../../base/address.ts';
import { PeerloomError } from '../../base/errors.ts';
import type { Runtime, RuntimeTimer } from '../../base/runtime.ts';
import { Waiters } from '../../base/waiters.ts';
import { free } from '../../wire/frames/memory.ts';
import type { LimitsByAddress } from '../address-limits.ts';
import { Arrivals } from '../arrivals.ts';
import type { NoiseSession } from '../noise/noise-handshake.ts';
import type { Link } from '../transport.ts';
import type { MessageQueue, MessageSocket, SocketEnd } from './message-socket.ts';
import { OutgoingRecords } from './outgoing-records.ts';
import {
  costOf,
  creditRecord,
  creditStepBytes,
  endRecord,
  type ReceivedData,
  readRecord,
  windowBytes,
} from './records.ts';
import { type SealedSocket, sealedSocketOf } from './sealed-socket.ts';

export interface WebSocketLinkDetails {
  readonly socket: MessageSocket;
  /** The messages that arrived after the handshake. */
  readonly messages: MessageQueue;
  readonly session: NoiseSession;
  readonly remoteId: string;
  readonly remoteAddress: Address;
  readonly isOfOtherNetwork: boolean;
  readonly limitsByAddress: LimitsByAddress;
  readonly startedAt: number;
  readonly runtime: Runtime;
}

/** How long the closing handshake may take once both sides have ended. */
const closingMs = 1_000;

const normalCode = 1000;

/**
 * A link over a WebSocket, whose messages are sealed records (records.ts).
 *
 *    open ──(close)──► ending ──(all is sent: end record)──► closing ──(the socket has ended)──► closed
 *    open ──(end record of the other side, and all was delivered)──► closing
 */
export class WebSocketLink implements Link {
  readonly remoteId: string;
  readonly remoteAddress: Address;
  readonly security = { protocol: 'websocket', encrypted: true, authenticated: true };
  readonly isOfOtherNetwork: boolean;
  readonly limitsByAddress: LimitsByAddress;
  readonly startedAt: number;
  readonly closed: Promise<Error | undefined>;

  readonly #socket: SealedSocket;
  readonly #runtime: Runtime;
  readonly #drained = new Waiters();
  #state: 'open' | 'ending' | 'closing' | 'closed' = 'open';
  #settle!: (error: Error | undefined) => void;
  #timer: RuntimeTimer | undefined;
  /** The error with which this side ended the link. */
  #failure: Error | undefined;
  #socketEnd: SocketEnd | undefined;

  readonly #outgoing = new OutgoingRecords((record) => this.#seal(record));

  readonly #arrivals = new Arrivals<ReceivedData>({
    bytesOf: ({ bytes }) => bytes,
    done: (data) => this.#giveBack(data),
    failed: (error) => this.#abandon(error),
  });
  #hasOtherEnded = false;
  /** The credit that the other side still has, and the credit that this side owes. */
  #granted = windowBytes;
  #owed = 0;

  constructor(details: WebSocketLinkDetails) {
    const { socket, messages, session, runtime } = details;
    this.remoteId = details.remoteId;
    this.remoteAddress = details.remoteAddress;
    this.isOfOtherNetwork = details.isOfOtherNetwork;
    this.limitsByAddress = details.limitsByAddress;
    this.startedAt = details.startedAt;
    this.#runtime = runtime;
    this.closed = new Promise((resolve) => {
      this.#settle = resolve;
    });
    const { arrived, end } = messages.handOver();
    this.#socket = sealedSocketOf(socket, session, {
      onRecord: (record) => this.#receive(record),
      onBroken: (cause) => this.#onBroken(cause),
      onEnd: (socketEnd) => this.#onSocketEnd(socketEnd),
    });
    for (const sealed of arrived) this.#socket.receive(sealed);
    if (end !== undefined) this.#socket.end(end);
  }

  get onMessage(): (bytes: Uint8Array) => void {
    return this.#arrivals.listener;
  }

  /** What arrives is held until this is set. */
  set onMessage(onMessage: (bytes: Uint8Array) => void) {
    this.#arrivals.listener = onMessage;
    this.#deliverHeld();
  }

  send(bytes: Uint8Array, sent?: () => void): boolean {
    if (this.#state !== 'open' || this.#socketEnd !== undefined) return true;
    this.#outgoing.add(bytes, sent);
    this.#outgoing.flush();
    return this.#hasRoom;
  }

  drained(): Promise<void> {
    const isOver = this.#state === 'closed' || this.#state === 'closing' || this.#socketEnd !== undefined;
    return isOver || this.#hasRoom ? Promise.resolve() : this.#drained.wait();
  }

  pause(): void {
    this.#arrivals.pause();
  }

  resume(): void {
    this.#arrivals.resume();
    this.#deliverHeld();
  }

  close(timeoutMs: number): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    this.#endBefore(timeoutMs);
    this.#arrivals.drop();
    this.#flush();
    if (this.#hasOtherEnded) this.#finish();
  }

  destroy(): void {
    this.#abandon(undefined);
  }

  get #hasRoom(): boolean {
    return this.#outgoing.isEmpty && this.#socket.bufferedBytes < this.#socket.highWaterBytes;
  }

  #flush(): void {
    this.#outgoing.flush();
    if (this.#state === 'ending' && this.#outgoing.isEmpty) this.#finish();
  }

  #seal(record: Uint8Array): void {
    if (this.#socketEnd !== undefined) return;
    this.#socket.send(record);
  }

  /** Everything was sent: tells the other side, and begins the closing handshake. */
  #finish(): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    this.#state = 'closing';
    this.#outgoing.clear();
    this.#seal(endRecord());
    this.#socket.close(normalCode);
    if (this.#timer === undefined) this.#endBefore(closingMs);
    this.#drained.wake();
  }

  #receive(record: Uint8Array): void {
    if (this.#failure !== undefined || this.#state === 'closed') return;
    try {
      this.#take(record);
    } catch (cause) {
      this.#onBroken(cause);
    }
  }

  #onBroken(cause: unknown): void {
    const message = 'the other side sent a record that cannot be opened: it was altered on the way';
    const isOurs = cause instanceof PeerloomError;
    this.#abandon(isOurs ? cause : new PeerloomError('ERR_PROTOCOL', message, { cause }));
  }

  /** @throws PeerloomError `ERR_PROTOCOL`. */
  #take(opened: Uint8Array): void {
    const record = readRecord(opened);
    if (this.#hasOtherEnded)
      throw new PeerloomError('ERR_PROTOCOL', 'the other side sent more after its end');
    if (record.kind === 'data') {
      this.#granted -= costOf(record.bytes.length);
      if (this.#granted < 0) {
        throw new PeerloomError('ERR_PROTOCOL', 'the other side sent more than its credit allows');
      }
      this.#arrivals.take(record);
    } else if (record.kind === 'credit') {
      this.#outgoing.addCredit(record.amount);
      this.#flush();
      if (this.#hasRoom) this.#drained.wake();
    } else {
      this.#hasOtherEnded = true;
      this.#deliverHeld();
    }
  }

  #deliverHeld(): void {
    this.#arrivals.handOut();
    if (!this.#arrivals.isEmpty) return;
    if (this.#hasOtherEnded) this.#finish();
    this.#settleIfOver();
  }

  /** The data was handled: returns its memory and its credit. */
  #giveBack({ bytes, record }: ReceivedData): void {
    this.#owed += costOf(bytes.length);
    free(record);
    if (this.#owed < creditStepBytes || this.#state === 'closing' || this.#state === 'closed') return;
    this.#granted += this.#owed;
    this.#seal(creditRecord(this.#owed));
    this.#owed = 0;
  }

  #abandon(error: Error | undefined): void {
    if (this.#state === 'closed') return;
    this.#failure ??= error;
    this.#outgoing.clear();
    this.#state = 'closing';
    this.#arrivals.drop();
    this.#socket.destroy();
    this.#drained.wake();
    this.#settleIfOver();
  }

  #endBefore(timeoutMs: number): void {
    this.#timer = this.#runtime.setTimeout(() => this.destroy(), timeoutMs);
  }

  #onSocketEnd(end: SocketEnd): void {
    this.#socketEnd = end;
    this.#outgoing.clear();
    this.#drained.wake();
    this.#settleIfOver();
  }

  /** Settles `closed`, after everything that the other side sent before its end was delivered. */
  #settleIfOver(): void {
    if (this.#socketEnd === undefined || !this.#arrivals.isEmpty || this.#state === 'closed') return;
    const isInOrder = this.#hasOtherEnded || this.#state !== 'open';
    this.#state = 'closed';
    this.#timer?.cancel();
    this.#settle(this.#failure ?? (isInOrder ? undefined : cutOff(this.#socketEnd)));
  }
}

function cutOff({ code, error }: SocketEnd): Error {
  return (
    error ?? new PeerloomError('ERR_CONNECTION_CLOSED', `the WebSocket was cut off, with the code ${code}`)
  );
}
