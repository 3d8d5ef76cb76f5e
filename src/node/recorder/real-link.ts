import { concatBytes } from '@noble/hashes/utils.js';
import type { Link } from '../../transport/transport.ts';
import { type ErrorRecord, recordOfError } from './error-record.ts';
import type { AddInput } from './tape.ts';

/** The bytes waiting for their turn above which the link stops reading. */
const highWaterBytes = 256 * 1024;

/** Pieces that wait together are passed on as one input, up to this number of bytes. */
const joinedBytes = 64 * 1024;

export interface RealLinkParts {
  readonly number: number;
  readonly add: AddInput;
  /** Called when the link has ended and the node receives that as an input. */
  readonly onGone: () => void;
}

/** A link of a transport. Arriving bytes wait in order until their turn comes. */
export class RealLink {
  readonly #link: Link;
  readonly #parts: RealLinkParts;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  /** Set when the link has ended: the error, or `null` if there was none. */
  #end: { readonly error: ErrorRecord | null } | undefined;
  #isDropping = false;
  /** Whether the node has paused the link. */
  #isPaused = false;
  #isReading = true;
  #hasInput = false;

  constructor(link: Link, parts: RealLinkParts) {
    this.#link = link;
    this.#parts = parts;
    link.onMessage = (bytes) => this.#arrive(bytes);
    void link.closed.then((error) => {
      this.#end = { error: error === undefined ? null : recordOfError(error) };
      this.#addInput();
    });
  }

  send(bytes: Uint8Array): boolean {
    return this.#link.send(new Uint8Array(bytes));
  }

  drained(call: number): void {
    const { add, number } = this.#parts;
    void this.#link.drained().then(() => add(() => ['drained', number, call]));
  }

  pause(): void {
    this.#isPaused = true;
    this.#read();
  }

  resume(): void {
    this.#isPaused = false;
    this.#read();
    this.#addInput();
  }

  close(timeoutMs: number): void {
    this.#drop();
    this.#link.close(timeoutMs);
  }

  destroy(): void {
    this.#drop();
    this.#link.destroy();
  }

  /** Drops all waiting bytes, because a node that closes a link reads nothing more from it. */
  #drop(): void {
    this.#isDropping = true;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.resume();
  }

  #arrive(bytes: Uint8Array): void {
    if (this.#isDropping) return;
    this.#waiting.push(new Uint8Array(bytes));
    this.#waitingBytes += bytes.length;
    this.#read();
    this.#addInput();
  }

  /** Resumes or pauses the link: it reads unless the node has paused it, or too much waits. */
  #read(): void {
    const reads = !this.#isPaused && this.#waitingBytes < highWaterBytes;
    if (reads === this.#isReading) return;
    this.#isReading = reads;
    if (reads) this.#link.resume();
    else this.#link.pause();
  }

  #addInput(): void {
    if (this.#hasInput || !this.#isReady) return;
    this.#hasInput = true;
    this.#parts.add(() => {
      this.#hasInput = false;
      return this.#isReady ? this.#next() : undefined;
    });
  }

  /** Whether there is an input to add. Even a paused link may end when nothing waits. */
  get #isReady(): boolean {
    return this.#waiting.length > 0 ? !this.#isPaused : this.#end !== undefined;
  }

  #next(): ['bytes', number, string] | ['closed', number, ErrorRecord | null] {
    const { number, onGone } = this.#parts;
    if (this.#waiting.length > 0) {
      const bytes = this.#takeJoined();
      this.#waitingBytes -= bytes.length;
      this.#read();
      this.#addInput();
      return ['bytes', number, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')];
    }
    onGone();
    return ['closed', number, this.#end!.error];
  }

  #takeJoined(): Uint8Array {
    let count = 1;
    let length = this.#waiting[0]!.length;
    while (count < this.#waiting.length && length + this.#waiting[count]!.length <= joinedBytes) {
      length += this.#waiting[count]!.length;
      count += 1;
    }
    const pieces = this.#waiting.splice(0, count);
    return count === 1 ? pieces[0]! : concatBytes(...pieces);
  }
}
