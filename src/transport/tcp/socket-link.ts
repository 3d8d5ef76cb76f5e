import type { Socket } from 'node:net';
import type { Address } from '../../base/address.ts';
import type { Runtime } from '../../base/runtime.ts';
import type { Security } from '../security.ts';
import type { Link } from '../transport.ts';
import { FairReader } from './fair-reader.ts';

export interface SocketLinkDetails {
  readonly remoteId: string;
  readonly security: Security;
  readonly startedAt: number;
  readonly announcedPort?: number;
  readonly isOfOtherNetwork?: boolean;
  readonly runtime: Runtime;
}

/** Bytes on their way through the socket at which the link is full: two chunks keep it busy, and a ping waits for no more. */
const highWaterBytes = 128 * 1024;

/** What a write under way costs beside its bytes: tiny ones would pile up to many times the high-water mark. */
const writeCostBytes = 2 * 1024;

/** A link over a socket, TLS or plain, whose other side has been authenticated. */
export class SocketLink implements Link {
  readonly remoteId: string;
  readonly remoteAddress: Address;
  readonly security: Security;
  readonly startedAt: number;
  readonly announcedPort: number | undefined;
  readonly isOfOtherNetwork: boolean;
  readonly closed: Promise<Error | undefined>;
  readTarget: (() => Uint8Array | undefined) | undefined;

  readonly #socket: Socket;
  readonly #runtime: Runtime;
  #onMessage: ((bytes: Uint8Array) => void) | undefined;
  #isDestroyedHere = false;
  #reader: FairReader | undefined;
  #drainWaiters: (() => void)[] = [];
  #writesUnderWay = 0;

  constructor(socket: Socket, details: SocketLinkDetails) {
    const { remoteId, security, startedAt, announcedPort, isOfOtherNetwork = false, runtime } = details;
    this.remoteId = remoteId;
    this.remoteAddress = remoteAddressOf(socket);
    this.security = security;
    this.startedAt = startedAt;
    this.announcedPort = announcedPort;
    this.isOfOtherNetwork = isOfOtherNetwork;
    this.#socket = socket;
    this.#runtime = runtime;
    // The socket may have failed before this link was made of it.
    this.closed = new Promise((resolve) => {
      // Deno reports a write that was under way when this side destroyed the socket as an error of the socket.
      const settle = (): void => resolve(this.#isDestroyedHere ? undefined : (socket.errored ?? undefined));
      const end = (): void => {
        if (this.#reader === undefined) settle();
        else this.#reader.whenEmpty(settle);
      };
      if (socket.closed) end();
      else socket.once('close', end);
    });
    socket.once('close', () => this.#wakeDrained());
  }

  get onMessage(): (bytes: Uint8Array) => void {
    return this.#onMessage ?? ignore;
  }

  /** Reading begins with the first of them. */
  set onMessage(onMessage: (bytes: Uint8Array) => void) {
    const isFirst = this.#onMessage === undefined;
    this.#onMessage = onMessage;
    if (isFirst) this.#startReading();
  }

  send(bytes: Uint8Array, sent?: () => void): boolean {
    const socket = this.#socket;
    if (!socket.writable) return true;
    let told = sent;
    this.#writesUnderWay += 1;
    socket.write(bytes, (error) => {
      this.#writesUnderWay -= 1;
      // Versions of Node.js differ in what they report of a write that was given up when the socket was destroyed.
      if ((error === undefined || error === null) && !socket.destroyed) told?.();
      if (this.#underWayBytes <= highWaterBytes / 2) this.#wakeDrained();
    });
    // Nothing waits after a write that failed at once, either.
    if (socket.writableLength === 0 && socket.errored === null) {
      // The system has copied it; the callback comes only when no promise is left that a sender in a loop waits for.
      told?.();
      told = undefined;
      return true;
    }
    return this.#underWayBytes < highWaterBytes;
  }

  drained(): Promise<void> {
    if (this.#socket.destroyed || this.#underWayBytes < highWaterBytes) return Promise.resolve();
    return new Promise((resolve) => this.#drainWaiters.push(resolve));
  }

  pause(): void {
    this.#reader?.pause();
  }

  resume(): void {
    this.#reader?.resume();
  }

  close(timeoutMs: number): void {
    if (this.#socket.destroyed) return;
    this.dropArrivals();
    this.#socket.end();
    const timer = this.#runtime.setTimeout(() => this.#socket.destroy(), timeoutMs);
    void this.closed.then(() => timer.cancel());
  }

  destroy(): void {
    this.#detach();
    this.#isDestroyedHere ||= !this.#socket.destroyed;
    this.#socket.destroy();
  }

  /**
   * From now on what arrives is read and dropped. Unread bytes would make the system reset the connection, and the
   * other side would lose what was sent to it last.
   */
  dropArrivals(): void {
    if (this.#onMessage === undefined) this.onMessage = ignore;
    this.#detach();
  }

  /** The link calls no listener any more and asks for no target: what they belong to may be gone. */
  #detach(): void {
    this.#onMessage = ignore;
    this.readTarget = undefined;
    this.#reader?.drop();
  }

  get #underWayBytes(): number {
    const { writableLength } = this.#socket;
    return writableLength === 0 ? 0 : writableLength + this.#writesUnderWay * writeCostBytes;
  }

  #startReading(): void {
    this.#reader = new FairReader(this.#socket, {
      runtime: this.#runtime,
      deliver: (bytes) => this.#onMessage!(bytes),
      target: () => this.readTarget?.(),
    });
  }

  #wakeDrained(): void {
    for (const wake of this.#drainWaiters.splice(0)) wake();
  }
}

function ignore(): void {}

/** IPv4 addresses that a dual-stack socket shows as IPv6 are shown as what they are. */
export function remoteAddressOf(socket: Socket): Address {
  const host = (socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/, '');
  return { scheme: undefined, host, port: socket.remotePort ?? 0 };
}
