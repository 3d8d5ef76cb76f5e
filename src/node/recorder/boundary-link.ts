import { errorOf } from '../../base/arguments.ts';
import { sha256Hex } from '../../base/sha256.ts';
import type { Link } from '../../transport/transport.ts';
import type { Outside } from './outside.ts';
import type { LinkFacts, Tape } from './tape.ts';

/** The node's side of a link that is recorded or replayed. */
export class BoundaryLink implements Link {
  readonly remoteId: Link['remoteId'];
  readonly remoteAddress: Link['remoteAddress'];
  readonly security: Link['security'];
  readonly speaks: 'frames' | 'packets';
  readonly limitsByAddress: NonNullable<Link['limitsByAddress']>;
  readonly announcedPort: number | undefined;
  readonly isOfOtherNetwork: boolean;
  readonly startedAt: number;
  readonly closed: Promise<Error | undefined>;
  onMessage: (bytes: Uint8Array) => void = () => {};
  readonly #tape: Tape;
  readonly #outside: Outside;
  readonly #number: number;
  readonly #drains = new Map<number, () => void>();
  #lastDrain = 0;
  #settleClosed: (error: Error | undefined) => void = () => {};
  #hasEnded = false;

  constructor(tape: Tape, outside: Outside, { number, facts }: { number: number; facts: LinkFacts }) {
    this.#tape = tape;
    this.#outside = outside;
    this.#number = number;
    this.remoteId = facts.remoteId;
    this.remoteAddress = facts.remoteAddress;
    this.security = facts.security;
    this.speaks = facts.speaks ?? 'frames';
    this.limitsByAddress = facts.limitsByAddress ?? true;
    this.announcedPort = facts.announcedPort;
    this.isOfOtherNetwork = facts.isOfOtherNetwork ?? false;
    this.startedAt = facts.startedAt;
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve;
    });
  }

  /** Passes bytes to the listener. If it throws, the link ends, as it does without a recorder. */
  arrive(bytes: Uint8Array): void {
    if (this.#hasEnded) return;
    try {
      this.onMessage(bytes);
    } catch (error) {
      this.destroy();
      this.onClosed(errorOf(error));
    }
  }

  onDrained(call: number): void {
    this.#drains.get(call)?.();
    this.#drains.delete(call);
  }

  onClosed(error: Error | undefined): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#settleClosed(error);
    for (const wake of this.#drains.values()) wake();
    this.#drains.clear();
  }

  send(bytes: Uint8Array, sent?: () => void): boolean {
    this.#tape.put(`send ${this.#number} ${bytes.length} ${sha256Hex(bytes).slice(0, 16)}`);
    const hasRoom = this.#tape.take('room', () => this.#outside.send(this.#number, bytes));
    sent?.();
    return hasRoom;
  }

  drained(): Promise<void> {
    if (this.#hasEnded) return Promise.resolve();
    this.#lastDrain += 1;
    const call = this.#lastDrain;
    const drained = new Promise<void>((resolve) => this.#drains.set(call, resolve));
    this.#outside.drained(this.#number, call);
    return drained;
  }

  pause(): void {
    this.#outside.pause(this.#number);
  }

  resume(): void {
    this.#outside.resume(this.#number);
  }

  close(timeoutMs: number): void {
    this.#tape.put(`close ${this.#number}`);
    this.#outside.close(this.#number, timeoutMs);
  }

  destroy(): void {
    this.#tape.put(`destroy ${this.#number}`);
    this.#outside.destroy(this.#number);
  }
}
