import type { Link } from '../../src/index.ts';
import { type Frame, FrameReader } from '../../src/wire/frames/frame-reader.ts';
import './checked-pools.ts';

/** A link with no other side: the test takes what is sent, and says what arrives. */
export class FakeLink implements Link {
  readonly remoteId = 'the other side';
  readonly remoteAddress = { scheme: undefined, host: '192.0.2.1', port: 50_000 };
  readonly security = { protocol: 'memory', encrypted: true, authenticated: true } as const;
  readonly startedAt: number;
  readonly closed: Promise<Error | undefined>;
  onMessage: (bytes: Uint8Array) => void = () => {};
  /** How many more pieces go until the link is full. */
  room = Number.POSITIVE_INFINITY;
  isPaused = false;
  /** What was done to it: `'close 5000'`, `'destroy'`. */
  readonly endings: string[] = [];
  /** What was sent, piece by piece. */
  readonly pieces: Uint8Array[] = [];
  #drained = Promise.withResolvers<void>();
  #settleClosed: (error?: Error) => void;

  constructor(startedAt = 0) {
    this.startedAt = startedAt;
    const { promise, resolve } = Promise.withResolvers<Error | undefined>();
    this.closed = promise;
    this.#settleClosed = resolve;
  }

  send(bytes: Uint8Array, sent?: () => void): boolean {
    this.pieces.push(bytes.slice());
    sent?.();
    this.room -= 1;
    return this.room > 0;
  }

  drained(): Promise<void> {
    return this.room > 0 ? Promise.resolve() : this.#drained.promise;
  }

  /** Makes room for so many pieces. */
  makeRoom(pieces = Number.POSITIVE_INFINITY): void {
    this.room = pieces;
    this.#drained.resolve();
    this.#drained = Promise.withResolvers();
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  close(timeoutMs: number): void {
    this.endings.push(`close ${timeoutMs}`);
  }

  destroy(): void {
    this.endings.push('destroy');
    this.end();
  }

  /** The link ends, whoever did it. */
  end(error?: Error): void {
    this.#drained.resolve();
    this.#settleClosed(error);
  }

  /** The frames in what was sent, which is forgotten. */
  takeFrames(): Frame[] {
    const frames: Frame[] = [];
    const reader = new FrameReader(
      (kind, format, compression, body) => void frames.push({ kind, format, compression, body }),
      { maxMessageBytes: 2 ** 26 },
    );
    for (const piece of this.pieces.splice(0)) reader.push(piece);
    return frames;
  }
}
