import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { before, suite, test } from 'node:test';
import { deflateSync, inflateSync } from 'node:zlib';
import { compressZlib, decompressZlib, loadZlib } from '../../../src/wire/compression/zlib-in-browsers.ts';

const threads = { pause: () => undefined, aside: <Result>(work: Promise<Result>) => work };

const early = Buffer.alloc(10_000);
const compressedEarly = compressZlib(early);

suite('zlib in browsers', () => {
  before(loadZlib);

  test('leaves messages as they are until what compresses is loaded', () => {
    assert.equal(compressedEarly, early);
    assert.ok(compressZlib(early).length < 100);
  });

  for (const [where, pace] of Object.entries({
    'at once': undefined,
    'where threads may be used': threads,
  })) {
    test(`${where}: gives back what went in, up to exactly the limit`, async () => {
      for (const length of [0, 1, 100, 5_552, 65_536, 300_000]) {
        for (const body of [randomBytes(length), Buffer.alloc(length, 'again ')]) {
          for (const compressed of [deflateSync(body), compressZlib(body)]) {
            assert.ok(body.equals(await decompressZlib(compressed, length, pace)));
            if (length > 0) {
              await assert.rejects(async () => decompressZlib(compressed, length - 1, pace), /larger than/);
            }
          }
        }
      }
    });

    test(`${where}: refuses damaged data`, async () => {
      const body = Buffer.from('a sentence that comes again, and again; '.repeat(100));
      const compressed = deflateSync(body);
      const last = compressed.length - 1;
      const damaged = compressed.map((byte, index) => (index === last ? byte ^ 1 : byte));
      for (const bytes of [damaged, compressed.subarray(0, last), body, Buffer.alloc(0)]) {
        await assert.rejects(async () => decompressZlib(bytes, body.length, pace));
      }
    });
  }

  test('stops at the limit, however much would follow', async () => {
    const bomb = deflateSync(Buffer.alloc(2 ** 27));
    let pauses = 0;
    const pause = () => {
      pauses++;
      return undefined;
    };
    await assert.rejects(async () => decompressZlib(bomb, 100_000, { ...threads, pause }), /larger than/);
    // A stream takes a few pieces ahead.
    assert.ok(pauses <= 5, `${pauses} pieces of ${Math.ceil(bomb.length / 16_384)} went in`);
  });

  test('stops when nobody wants the message any more', async () => {
    const pause = () => Promise.reject(new Error('not wanted'));
    const compressed = deflateSync(Buffer.alloc(100_000));
    await assert.rejects(
      async () => decompressZlib(compressed, 100_000, { ...threads, pause }),
      /not wanted/,
    );
  });

  test('what it compresses is zlib for others', () => {
    const body = randomBytes(10_000);
    assert.ok(inflateSync(compressZlib(body)).equals(body));
  });
});
