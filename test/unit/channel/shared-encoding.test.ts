import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeFor, shareEncoding } from '../../../src/channel/send/shared-encoding.ts';
import type { Compression, Data } from '../../../src/index.ts';
import { decompress } from '../../../src/wire/compression/compression.ts';
import { decodePayload } from '../../../src/wire/payloads/payload.ts';
import { withCode } from '../../support/errors.ts';

const maxContainers = 1_000;
const anybody = {
  maxMessageBytes: 1_000,
  maxContainers,
  compressions: ['none', 'zlib', 'brotli'] as Compression[],
};

/** Data that counts how often it is looked at. */
function countingData() {
  const counted = { reads: 0, data: {} as Data };
  counted.data = {
    get text() {
      counted.reads += 1;
      return 'hello';
    },
  };
  return counted;
}

test('data for one is encoded for it, with the compression that was asked for', () => {
  const plain = encodeFor(anybody, { a: 1 }, undefined);
  assert.deepEqual(decodePayload(plain.format, plain.body), { a: 1 });
  const packed = encodeFor(anybody, 'x'.repeat(900), { compression: 'zlib' });
  assert.equal(packed.compression, 1);
  assert.equal(decodePayload(packed.format, decompress(packed.body, 1, 1_000)), 'x'.repeat(900));
});

test('data that is shared is encoded once, and the same for all', () => {
  const counted = countingData();
  const options = shareEncoding(counted.data, { compression: 'brotli' }, maxContainers);
  const { reads } = counted;
  assert.ok(reads > 0);
  const [one, other] = [encodeFor(anybody, counted.data, options), encodeFor(anybody, counted.data, options)];
  assert.equal(one, other);
  assert.equal(counted.reads, reads);
});

test('a connection that passes other data on gets that encoded', () => {
  const options = shareEncoding('for all', { compression: 'zlib' }, maxContainers);
  const other = 'for this one '.repeat(50);
  const { format, body, compression } = encodeFor(anybody, other, options);
  assert.equal(compression, 1);
  assert.equal(decodePayload(format, decompress(body, 1, 1_000)), other);
});

test('each other side has its own limit, which is held against the plain data', () => {
  const text = 'x'.repeat(1_001);
  for (const options of [
    undefined,
    {},
    { compression: 'zlib' } as const,
    shareEncoding(text, { compression: 'zlib' }, maxContainers),
  ]) {
    assert.throws(
      () => encodeFor(anybody, text, options),
      withCode('ERR_MESSAGE_TOO_LARGE', /has 1001 bytes, but the other side allows at most 1000/),
    );
    encodeFor({ ...anybody, maxMessageBytes: 1_001 }, text, options);
  }
});

test('what the other side cannot read is refused, and so is what is no compression', () => {
  const options = shareEncoding('text', { compression: 'zstd' }, maxContainers);
  assert.throws(() => encodeFor(anybody, 'text', options), withCode('ERR_COMPRESSION_UNAVAILABLE', /zstd/));
  const wrong = { compression: 'gzip' as Compression };
  assert.throws(() => encodeFor(anybody, 'text', wrong), /compression must be one of .*, not 'gzip'/);
  assert.throws(() => shareEncoding('text', wrong, maxContainers), TypeError);
});

test('options are checked, once where they are shared', () => {
  const misspelt = { compresion: 'zlib' } as object;
  const unknown = /compresion is not an option.* The options are compression/;
  assert.throws(() => encodeFor(anybody, 'text', misspelt), unknown);
  assert.throws(() => shareEncoding('text', misspelt, maxContainers), unknown);
  const shared = shareEncoding('text', {}, maxContainers);
  // Somebody adds to it, after it was checked.
  assert.doesNotThrow(() => encodeFor(anybody, 'other', { ...shared, ...misspelt }));
});

test('NaN is shared as well', () => {
  const options = shareEncoding(Number.NaN, {}, maxContainers);
  assert.equal(encodeFor(anybody, Number.NaN, options), encodeFor(anybody, Number.NaN, options));
});

test('what holds too many lists is refused, on its own and shared', () => {
  const few = { ...anybody, maxContainers: 100 };
  const lists = (count: number) => Array.from({ length: count - 1 }, () => []);
  for (const compression of ['none', 'zlib'] as const) {
    for (const [fits, tooMany] of [
      [lists(100), lists(101)],
      [
        [...lists(98), new Uint8Array(1)],
        [...lists(100), Int8Array.of(1)],
      ],
    ] as const) {
      const shared = [fits, tooMany].map((data) => shareEncoding(data, { compression }, 100));
      encodeFor(few, fits, undefined);
      encodeFor(few, fits, { compression });
      encodeFor(few, fits, shared[0]);
      for (const options of [undefined, { compression }, shared[1]]) {
        assert.throws(
          () => encodeFor(few, tooMany, options),
          withCode('ERR_MESSAGE_TOO_LARGE', /more than 100 lists.*limits\.maxContainers on both sides/),
        );
      }
    }
  }
});
