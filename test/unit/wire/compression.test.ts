import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { suite, test } from 'node:test';
import zlib from 'node:zlib';
import type { Compression } from '../../../src/base/data.ts';
import { PeerloomError } from '../../../src/base/errors.ts';
import {
  availableCompressions,
  compress,
  compressionCodes,
  decompress,
} from '../../../src/wire/compression/compression.ts';
import { hasXz } from '../../../src/wire/compression/xz.ts';
import { zlibCodecs } from '../../../src/wire/compression/zlib.ts';
import { lzmaOptions } from '../../support/lzma.ts';

const mebibyte = 1024 * 1024;
const sample = Buffer.from('a sentence that comes again, and again; '.repeat(100));

const rejects = (body: Uint8Array, code: number, maxBytes: number, message: RegExp) =>
  assert.throws(
    () => decompress(body, code, maxBytes),
    (error) =>
      error instanceof PeerloomError && error.code === 'ERR_DECOMPRESSION' && message.test(error.message),
  );

const unavailable = (error: unknown) =>
  error instanceof PeerloomError && error.code === 'ERR_COMPRESSION_UNAVAILABLE';

/** A stream of zero bytes, compressed a mebibyte at a time so that making it takes no memory. */
async function bomb(compressor: NodeJS.ReadWriteStream, mebibytes: number): Promise<Uint8Array> {
  const zeros = new Uint8Array(mebibyte);
  const output: Uint8Array[] = [];
  compressor.on('data', (chunk: Uint8Array) => output.push(chunk));
  const ended = new Promise((resolve, reject) => compressor.on('end', resolve).on('error', reject));
  for (let count = 0; count < mebibytes; count++) {
    await new Promise((resolve) => compressor.write(zeros, resolve));
  }
  compressor.end();
  await ended;
  return Buffer.concat(output);
}

const bombs = {
  zlib: () => zlib.createDeflate({ level: 1 }),
  brotli: () => zlib.createBrotliCompress({ params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } }),
  zstd: () => zlib.createZstdCompress({ params: { [zlib.constants.ZSTD_c_compressionLevel]: 1 } }),
};

test('every compression of this runtime is listed', () => {
  const lzma = hasXz() ? ['lzma'] : [];
  assert.deepEqual(availableCompressions(), ['none', 'zlib', 'brotli', 'zstd', 'bzip2', ...lzma]);
  assert.deepEqual(compressionCodes, { none: 0, zlib: 1, brotli: 2, zstd: 3, bzip2: 4, lzma: 5 });
});

for (const name of ['zlib', 'brotli', 'zstd'] as const) {
  const code = compressionCodes[name];
  suite(name, () => {
    test('gives back what went in, up to exactly the limit', () => {
      // 16 KiB is how much Node takes out at a time: at its multiples an end is easily overlooked.
      for (const length of [0, 1, 100, 16_383, 16_384, 16_385, 65_536, mebibyte]) {
        for (const body of [randomBytes(length), new Uint8Array(length)]) {
          const compressed = compress(body, name);
          assert.equal(Buffer.compare(decompress(compressed, code, length), body), 0);
          rejects(Buffer.concat([compressed, Uint8Array.of(0)]), code, 2 * length, /end/);
          rejects(Buffer.concat([compressed, compressed]), code, 2 * length, /end/);
          rejects(compressed.subarray(0, -1), code, length, /cut short|end of file/);
          if (length > 0) rejects(compressed, code, length - 1, /larger than/);
        }
      }
    });
    test('compresses', () => assert.ok(compress(sample, name).length < sample.length / 10));
    test('refuses every cut', () => {
      const compressed = compress(sample, name);
      for (let end = 0; end < compressed.length; end++) {
        rejects(compressed.subarray(0, end), code, sample.length, /./);
      }
    });
    test('refuses what is not compressed, or by another compression', () => {
      rejects(sample, code, mebibyte, /./);
      const others = (['zlib', 'brotli', 'zstd'] as const).filter((other) => other !== name);
      for (const other of others) rejects(compress(sample, other), code, mebibyte, /./);
    });
    test('stops a bomb at the limit, in time and memory', async () => {
      const body = await bomb(bombs[name](), 256);
      assert.ok(body.length < 2 * mebibyte);
      const before = process.resourceUsage().maxRSS;
      rejects(body, code, mebibyte, /larger than 1048576 bytes/);
      const grownMebibytes = (process.resourceUsage().maxRSS - before) / 1024;
      assert.ok(grownMebibytes < 64, `${grownMebibytes} MiB for a limit of 1 MiB`);
    });
  });
}

for (const name of ['bzip2', 'lzma'] as const) {
  const code = compressionCodes[name];
  suite(name, name === 'lzma' ? lzmaOptions : {}, () => {
    test('gives back what went in, up to exactly the limit', () => {
      for (const body of [new Uint8Array(0), sample, randomBytes(10_000), new Uint8Array(mebibyte)]) {
        const compressed = compress(body, name);
        assert.equal(Buffer.compare(decompress(compressed, code, body.length), body), 0);
        rejects(Buffer.concat([compressed, Uint8Array.of(0)]), code, mebibyte, /end/);
        if (body.length > 0) rejects(compressed, code, body.length - 1, /larger than/);
      }
    });
    test('refuses every cut, and what is not compressed', () => {
      const compressed = compress(sample, name);
      for (let end = 0; end < compressed.length; end++) {
        rejects(compressed.subarray(0, end), code, sample.length, /./);
      }
      rejects(sample, code, mebibyte, /./);
    });
  });
}

suite('zstd frames', () => {
  const { ZSTD_c_checksumFlag, ZSTD_c_contentSizeFlag, ZSTD_c_windowLog } = zlib.constants;
  test('of every kind of head are read', () => {
    for (const length of [0, 200, 300, 70_000, 5 * mebibyte]) {
      const body = randomBytes(length);
      for (const checksum of [0, 1]) {
        for (const contentSize of [0, 1]) {
          const params = { [ZSTD_c_checksumFlag]: checksum, [ZSTD_c_contentSizeFlag]: contentSize };
          for (const options of [{ params }, { params, pledgedSrcSize: length }]) {
            const compressed = zlib.zstdCompressSync(body, options);
            assert.equal(Buffer.compare(decompress(compressed, 3, length), body), 0);
            rejects(compressed.subarray(0, -1), 3, length, /cut short/);
          }
        }
      }
    }
  });
  test('may ask for a window of 8 MiB, not of 128', async () => {
    const withWindow = (log: number) => zlib.createZstdCompress({ params: { [ZSTD_c_windowLog]: log } });
    const body = await bomb(withWindow(23), 4);
    assert.equal(decompress(body, 3, 4 * mebibyte).length, 4 * mebibyte);
    rejects(await bomb(withWindow(27), 4), 3, 4 * mebibyte, /memory/);
  });
});

test('no compression passes the same bytes, and keeps the limit', () => {
  assert.equal(compress(sample, 'none'), sample);
  assert.equal(decompress(sample, compressionCodes.none, sample.length), sample);
  rejects(sample, compressionCodes.none, sample.length - 1, /larger than/);
});

test('what this runtime lacks is ERR_COMPRESSION_UNAVAILABLE', () => {
  for (const code of [6, 255]) assert.throws(() => decompress(sample, code, mebibyte), unavailable);
  assert.throws(() => compress(sample, 'gzip' as Compression), unavailable);
});

test('a runtime without node:zlib has none of its compressions', (t) => {
  const { getBuiltinModule } = process;
  t.after(() => {
    process.getBuiltinModule = getBuiltinModule;
  });
  assert.deepEqual(
    zlibCodecs().map(({ name }) => name),
    ['zlib', 'brotli', 'zstd'],
  );
  delete (process as { getBuiltinModule?: unknown }).getBuiltinModule;
  assert.deepEqual(zlibCodecs(), []);
});
