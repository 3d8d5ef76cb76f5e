import assert from 'node:assert/strict';
import './checked-pools.ts';
import { FakeLink } from './fake-link.ts';

interface Held {
  readonly bytes: Uint8Array;
  /** What the bytes were when the link was handed them. */
  readonly expected: Uint8Array;
  readonly sent: (() => void) | undefined;
}

/** A link that holds by reference what it is handed, as a socket does, until the test lets it go out. */
export class HoldingLink extends FakeLink {
  /** What the link has not sent. */
  readonly #held: Held[] = [];
  #isDestroyed = false;

  /** The memory of the pieces that the link holds. */
  get heldMemory(): readonly ArrayBufferLike[] {
    return this.#held.map(({ bytes }) => bytes.buffer);
  }

  override send(bytes: Uint8Array, sent?: () => void): boolean {
    this.#held.push({ bytes, expected: bytes.slice(), sent });
    this.room -= 1;
    return this.room > 0;
  }

  /** Lets so many pieces go out, the oldest first. */
  transmit(count = Number.POSITIVE_INFINITY): void {
    for (const { bytes, sent } of this.#isDestroyed ? [] : this.#held.splice(0, count)) {
      this.pieces.push(bytes.slice());
      sent?.();
    }
  }

  /** The link never sends what it still holds. A system may look at that memory for a while all the same. */
  override destroy(): void {
    this.#isDestroyed = true;
    super.destroy();
  }

  /** Nobody has changed what the link holds. */
  assertIntact(): void {
    for (const { bytes, expected } of this.#held) {
      assert.ok(Buffer.from(expected).equals(bytes), 'memory changed while a link held it');
    }
  }
}
