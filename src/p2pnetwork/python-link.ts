import type { Socket } from 'node:net';
import type { Runtime } from '../base/runtime.ts';
import { PipeLink, type PipeLinkDetails } from '../transport/pipe/pipe-link.ts';
import { reset } from '../transport/tcp/reset.ts';

/** A Python node reads 4 KiB and sleeps 10 ms, and is slower with large messages. */
const pythonBytesPerMs = 256;

/** How long bytes may take on their way to a node that is not busy. */
const onTheWayMs = 50;

/**
 * A link with a node of the Python package. It is ended by a reset, the only end of a connection that such a node
 * notices. A reset discards what the system has not sent, and there is no way to know how much that is. So the link
 * first waits for as long as a Python node needs to read everything.
 */
export class PythonLink extends PipeLink {
  readonly speaks = 'packets';
  readonly #socket: Socket;
  readonly #runtime: Runtime;
  /** When the other side will have read everything. */
  #readAtMs = 0;

  constructor(socket: Socket, details: PipeLinkDetails) {
    super(socket, details);
    this.#socket = socket;
    this.#runtime = details.runtime;
  }

  override send(bytes: Uint8Array, sent?: () => void): boolean {
    const earliest = this.#runtime.now() + onTheWayMs;
    this.#readAtMs = Math.max(this.#readAtMs, earliest) + bytes.length / pythonBytesPerMs;
    return super.send(bytes, sent);
  }

  override close(timeoutMs: number): void {
    if (this.#socket.destroyed) return;
    // The link continues to read, because a Python node that cannot send does not read either.
    this.dropArrivals();
    const end = (): void => this.destroy();
    const timers = [this.#runtime.setTimeout(end, timeoutMs)];
    this.#socket.write('', () => {
      const waitMs = Math.max(0, this.#readAtMs - this.#runtime.now());
      timers.push(this.#runtime.setTimeout(end, waitMs));
    });
    void this.closed.then(() => {
      for (const timer of timers) timer.cancel();
    });
  }

  override destroy(): void {
    reset(this.#socket);
    super.destroy();
  }
}
