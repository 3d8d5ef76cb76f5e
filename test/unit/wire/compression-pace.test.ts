import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Pace } from '../../../src/base/computing-pace.ts';
import { PeerloomError } from '../../../src/base/errors.ts';
import {
  availableCompressions,
  compress,
  compressionCodes,
  decompress,
} from '../../../src/wire/compression/compression.ts';
import { turn } from '../../support/turns.ts';

const mebibyte = 1024 * 1024;
const large = Buffer.alloc(2 * mebibyte, 'two MiB of this sentence; ');
const small = large.subarray(0, 10_000);

const threaded: Pace = { pause: () => undefined, aside: (work) => work };

/** Rests at each pause, in one thread. */
function resting(): Pace & { readonly pauses: number } {
  const pace = {
    pauses: 0,
    aside: undefined,
    pause: () => {
      pace.pauses++;
      return turn();
    },
  };
  return pace;
}

/** Damaged in its last bytes, where the checksum is. */
function damaged(compressed: Uint8Array): Uint8Array {
  return compressed.map((byte, index) => (index > compressed.length - 9 ? byte ^ 0x55 : byte));
}

const isDecompressionError = (error: unknown) =>
  error instanceof PeerloomError && error.code === 'ERR_DECOMPRESSION';

/** What is left to other threads; bzip2 goes in steps. */
const aside = availableCompressions().filter((name) => name !== 'none' && name !== 'bzip2');

for (const name of aside) {
  const code = compressionCodes[name];
  suite(`${name} where threads may be used`, () => {
    test('is decompressed by another one when it is large', async () => {
      const output = decompress(compress(large, name), code, large.length, threaded);
      assert.ok(output instanceof Promise);
      assert.equal(Buffer.compare(await output, large), 0);
    });
    test('fails like at once', async () => {
      const compressed = compress(large, name);
      const cases: [Uint8Array, number][] = [
        [compressed.subarray(0, -1), large.length],
        [Buffer.concat([compressed, Uint8Array.of(0)]), large.length],
        [compressed, large.length - 1],
        [compressed, 100_000],
      ];
      // Brotli has no checksum.
      if (name !== 'brotli') cases.push([damaged(compressed), large.length]);
      for (const [body, maxBytes] of cases) {
        assert.throws(() => decompress(body, code, maxBytes), isDecompressionError);
        await assert.rejects(
          async () => decompress(body, code, maxBytes, threaded),
          isDecompressionError,
          `${body.length} bytes, at most ${maxBytes}`,
        );
      }
    });
    test('is decompressed at once when it is small, or threads may not be used', () => {
      const atOnce: [Uint8Array, Pace][] = [
        [small, threaded],
        [large, resting()],
      ];
      for (const [body, pace] of atOnce) {
        const output = decompress(compress(body, name), code, large.length, pace);
        assert.ok(output instanceof Uint8Array);
        assert.equal(Buffer.compare(output, body), 0);
      }
    });
  });
}

suite('bzip2 that may pause', () => {
  const code = compressionCodes.bzip2;
  test('pauses within a block too, and gives the same', async () => {
    for (const body of [large, Buffer.alloc(large.length)]) {
      const pace = resting();
      const output = decompress(compress(body, 'bzip2'), code, large.length, pace);
      assert.ok(output instanceof Promise);
      assert.equal(Buffer.compare(await output, body), 0);
      assert.ok(pace.pauses >= body.length / mebibyte, `${pace.pauses} pauses`);
    }
  });
  test('fails like at once', async () => {
    const compressed = compress(large, 'bzip2');
    const cases: [Uint8Array, number][] = [
      [compressed.subarray(0, -1), large.length],
      [Buffer.concat([compressed, Uint8Array.of(0)]), large.length],
      [compressed, large.length - 1],
      [damaged(compressed), large.length],
    ];
    for (const [body, maxBytes] of cases) {
      await assert.rejects(async () => decompress(body, code, maxBytes, resting()), isDecompressionError);
    }
  });
  test('is decompressed at once where no pause is wanted', () => {
    const output = decompress(compress(large, 'bzip2'), code, large.length, threaded);
    assert.ok(output instanceof Uint8Array);
  });
});
