import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { brotliCompressSync, deflateSync, gzipSync, inflateSync, zstdCompressSync } from 'node:zlib';
import { type Compression, type Data, Tensor } from '../../../src/index.ts';
import { lzmaOptions, requireLzma } from '../../support/lzma.ts';
import { connectPlain, eventOf, startNode } from './second-links.ts';
import { frame, kinds, type SecondPeer, textMessage } from './second-peer.ts';

/** Hexadecimal with blanks. */
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** Node.js 22 lacks the class. */
const hasFloat16 = 'Float16Array' in globalThis;

/** What travels, written by hand: both sides must agree. */
const examples: Record<string, readonly [Data, format: number, body: Buffer]> = {
  '5.2 JSON': [{ a: [1, 'x', null, true] }, 1, Buffer.from('{"a":[1,"x",null,true]}')],
  '5.2 a number': [1.5, 1, Buffer.from('1.5')],
  '5.2 text': ['ñ 123', 2, hex('c3b1 20 313233')],
  '5.3 a byte order mark': ['\ufeffa', 2, hex('efbbbf 61')],
  '5.2 bytes': [Uint8Array.of(0, 4, 255), 3, hex('00 04 ff')],
  '5.4 int8': [Int8Array.of(1, -1), 5, hex('01 ff')],
  '5.4 uint8, clamped': [Uint8ClampedArray.of(1, 255), 6, hex('01 ff')],
  '5.4 int16': [Int16Array.of(1, -2), 7, hex('0100 feff')],
  '5.4 uint16': [Uint16Array.of(1, 65_534), 8, hex('0100 feff')],
  '5.4 int32': [Int32Array.of(1, -2), 9, hex('01000000 feffffff')],
  '5.4 uint32': [Uint32Array.of(1), 10, hex('01000000')],
  '5.4 int64': [BigInt64Array.of(-2n), 11, hex('feffffffffffffff')],
  '5.4 uint64': [BigUint64Array.of(2n ** 63n), 12, hex('0000000000000080')],
  ...(hasFloat16 ? { '5.4 float16': [Float16Array.of(1.5), 13, hex('003e')] } : {}),
  '5.4 float32': [Float32Array.of(1.5, Number.NaN), 14, hex('0000c03f 0000c07f')],
  '5.4 float64': [Float64Array.of(-0), 15, hex('0000000000000080')],
  '5.5 an object with bytes': [{ a: Uint8Array.of(7) }, 4, hex('a1 6161 4107')],
  '5.5 a list with a typed array': [[1, Float32Array.of(1.5)], 4, hex('82 01 d855 44 0000c03f')],
  '5.5, 5.7 minus zero': [-0, 4, hex('f98000')],
  '5.5, 5.7 infinity': [Number.NEGATIVE_INFINITY, 4, hex('f9fc00')],
  '5.5 a bigint': [2n ** 64n, 4, hex('c249 010000000000000000')],
  '5.5 a negative bigint': [{ a: -1n }, 4, hex('a1 6161 c340')],
  '5.6 a tensor': [Tensor.from([[1.5], [-0]]), 4, hex('d828 82 820201 d855 48 0000c03f 00000080')],
  '5.6 a tensor of one bfloat16, inside an object': [
    { a: new Tensor('bfloat16', [], Uint8Array.of(0x80, 0x3f)) },
    4,
    hex('a1 6161 d9706c 83 80 6862666c6f61743136 42803f'),
  ],
  '5.6 a tensor without elements': [
    new Tensor('int8', [3, 0], new Uint8Array(0)),
    4,
    hex('d9706c 83 820300 64696e7438 40'),
  ],
  '5.6 a surrogate alone': ['a\ud800', 1, Buffer.from('"a\\ud800"')],
  '5.6 a surrogate alone, beside bytes': [
    ['\ud800', Uint8Array.of(7)],
    4,
    hex('82 d90106 48 22 5c7564383030 22 4107'),
  ],
};

/** More that CBOR of others may hold. */
const readable: Record<string, readonly [Data, Buffer]> = {
  'wide floats and integers': [
    [1, 1, 1.5, -1],
    hex('84 1b0000000000000001 fa3f800000 fb3ff8000000000000 20'),
  ],
  'the largest integers': [
    [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER],
    hex('82 1b001fffffffffffff 3b001ffffffffffffe'),
  ],
  'bigints with zeros before them': [[5n, -6n, 0n], hex('83 c2 42 0005 c3 41 05 c2 41 00')],
  'a tensor of uint8 with the own tag': [
    new Tensor('uint8', [2], Uint8Array.of(1, 2)),
    hex('d9706c 83 8102 6575696e7438 420102'),
  ],
  scalars: [{ a: false, b: true, c: null, d: 'ñ' }, hex('a4 6161f4 6162f5 6163f6 6164 62c3b1')],
  ...(hasFloat16
    ? {
        'every typed array': [
          [
            Int8Array.of(1),
            Uint8ClampedArray.of(1),
            Int16Array.of(1),
            Uint16Array.of(1),
            Int32Array.of(1),
            Uint32Array.of(1),
            BigInt64Array.of(1n),
            BigUint64Array.of(1n),
            Float16Array.of(1),
            Float64Array.of(1),
          ],
          hex(
            `8a d848 4101 d844 4101 d84d 420100 d845 420100 d84e 4401000000 d846 4401000000
       d84f 480100000000000000 d847 480100000000000000 d854 42003c d856 48000000000000f03f`.replaceAll(
              '\n',
              '',
            ),
          ),
        ],
      }
    : {}),
};

const undecodable: Record<string, readonly [format: number, body: Buffer, compression?: number]> = {
  '5.2 format 0': [0, hex('')],
  '5.2 format 16': [16, hex('00')],
  '5.2 JSON that is none': [1, Buffer.from('{')],
  '5.3 text that is not UTF-8': [2, hex('c3')],
  '5.3 JSON that is not UTF-8': [1, hex('22 ff 22')],
  '5.3 CBOR text that is not UTF-8': [4, hex('61 ff')],
  '5.3 JSON nested 257 deep': [1, Buffer.from('['.repeat(257) + ']'.repeat(257))],
  '5.3 CBOR nested 257 deep': [4, Buffer.concat([Buffer.alloc(256, 0x81), hex('80')])],
  '5.4 a rest': [9, hex('01000000 00')],
  '5.5 two items': [4, hex('01 01')],
  '5.5 an item cut short': [4, hex('82 01')],
  '5.5 indefinite length': [4, hex('9f 01 ff')],
  '5.5 undefined': [4, hex('f7')],
  '5.5 an integer too large': [4, hex('1b0020000000000000')],
  '5.5 a negative integer too large': [4, hex('3b001fffffffffffff')],
  '5.5 a bigint of more than 4,300 digits': [4, Buffer.concat([hex('c2 5906fb'), Buffer.alloc(1_787, 1)])],
  '5.5 a key twice': [4, hex('a2 616101 616102')],
  '5.5 a key that is no text': [4, hex('a1 0101')],
  '5.5 a simple value': [4, hex('e0')],
  '5.5, 5.6 big-endian elements': [4, hex('d841 420001')],
  '5.6 a tensor with more bytes than its shape needs': [4, hex('d828 82 8101 d845 4401000200')],
  '5.6 a tensor with a dimension of 0 and the tag 40': [4, hex('d828 82 8100 d845 40')],
  '5.6 a tensor of 33 dimensions': [4, hex(`d828 82 9821 ${'01'.repeat(33)} d840 4101`)],
  '5.6 a tensor of big-endian elements': [4, hex('d828 82 8101 d841 420001')],
  '5.6 a tensor of an unknown type': [4, hex('d9706c 83 8101 6474657874 4101')],
  '5.6 a tensor of bool with a byte that is 2': [4, hex('d9706c 83 8101 64626f6f6c 4102')],
  '5.6 a tag on text': [4, hex('d84d 6161')],
  '5.6 an unknown tag': [4, hex('c0 4100')],
  '5.6 embedded JSON that is no text': [4, hex('d90106 4131')],
  '5.13 JSON of more than a million lists': [1, deflateSync(`[${'[],'.repeat(1_000_000)}0]`), 1],
  '5.13 CBOR of more than a million lists': [
    4,
    deflateSync(Buffer.concat([hex('9a 000f4240'), Buffer.alloc(1_000_000, 0x80)])),
    1,
  ],
  '5.8 an unknown compression': [2, hex('61'), 6],
};

const damaged: Record<string, Buffer> = {
  'is cut short': deflateSync(Buffer.from('text')).subarray(0, -1),
  'is followed by more': Buffer.concat([deflateSync(Buffer.from('text')), hex('00')]),
  'is gzip, not zlib': gzipSync(Buffer.from('text')),
  'is too long, decompressed': deflateSync(Buffer.alloc(2 ** 24 + 1, 'x')),
};

suite('protocol 5: payloads', () => {
  for (const [name, [data, format, body]] of Object.entries(examples)) {
    test(`${name}, both ways`, async (t) => {
      const { peer, next, connection } = await pair(t);
      peer.write(frame(kinds.message, body, { format }));
      assert.deepEqual(await next(), data);
      connection.send(data);
      const sent = await peer.expect(kinds.message);
      assert.deepEqual([sent.format, sent.body.toString('hex')], [format, body.toString('hex')]);
    });
  }

  for (const [name, [data, body]] of Object.entries(readable)) {
    test(`5.5 CBOR: ${name}`, async (t) => {
      const { peer, next } = await pair(t);
      peer.write(frame(kinds.message, body, { format: 4 }));
      assert.deepEqual(await next(), data);
    });
  }

  test('5.3 256 deep', async (t) => {
    const { peer, next } = await pair(t);
    const deep = '['.repeat(256) + ']'.repeat(256);
    peer.write(frame(kinds.message, deep, { format: 1 }));
    assert.equal(JSON.stringify(await next()), deep);
    peer.write(frame(kinds.message, Buffer.concat([Buffer.alloc(255, 0x81), hex('80')]), { format: 4 }));
    assert.equal(JSON.stringify(await next()), deep);
  });

  for (const [name, [format, body, compression = 0]] of Object.entries(undecodable)) {
    test(`5.11 rejected, and no more: ${name}`, async (t) => {
      const { node, peer, next } = await pair(t);
      const rejected = eventOf(node, 'node_message_rejected');
      peer.write(frame(kinds.message, body, { format, compression }), textMessage('goes on'));
      await rejected;
      assert.equal(await next(), 'goes on');
      assert.equal(node.messageCountRerr, 1);
    });
  }

  test('5.13 a million lists and objects are taken', async (t) => {
    const { node, peer, next, connection } = await pair(t);
    const body = `[${'{"a":[]},'.repeat(499_999)}0]`;
    peer.write(frame(kinds.message, deflateSync(body), { format: 1, compression: 1 }));
    const data = await next();
    assert.equal((data as Data[]).length, 500_000);
    assert.equal(node.messageCountRerr, 0);
    const error = { code: 'ERR_MESSAGE_TOO_LARGE' };
    assert.throws(() => connection.send([data, []]), error);
  });

  for (const [name, body] of Object.entries(damaged)) {
    test(`5.8, 5.9, 5.12 a stream that ${name} is a breach`, async (t) => {
      const { node, peer } = await pair(t);
      const rejected = eventOf(node, 'node_message_rejected');
      peer.write(frame(kinds.message, body, { format: 2, compression: 1 }), textMessage('too late'));
      node.on('node_message', () => assert.fail('a message'));
      assert.equal((await peer.goodbye()).code, 'protocol');
      await rejected;
    });
  }

  const long = 'compressible '.repeat(100);
  const streams = {
    zlib: deflateSync(long),
    brotli: brotliCompressSync(long),
    zstd: zstdCompressSync(long),
    // Python's bz2.compress and lzma.compress of the same text.
    bzip2: Buffer.from(
      'QlpoOTFBWSZTWWYm01YAAJWRgEAAGibYACAAUIBppoClUGh6Toi7IuSLRFhFsi8IsIviLCLZFoi2Rfi7kinChIMxNpqw',
      'base64',
    ),
    lzma: Buffer.from(
      '/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4AUTABpdADGbyfP2vI7FzwxL6q2cV3DMh3cdF8Hh2YsAAAAAUgx3eJPC8eAAATaUCgAAANlRTVqxxGf7AgAAAAAEWVo=',
      'base64',
    ),
  };
  for (const [index, [compression, body]] of Object.entries(streams).entries()) {
    test(`5.8 ${compression}`, compression === 'lzma' ? lzmaOptions : {}, async (t) => {
      if (compression === 'lzma') requireLzma();
      const { peer, next, connection } = await pair(t, { compressions: Object.keys(streams) });
      peer.write(frame(kinds.message, body, { format: 2, compression: index + 1 }));
      assert.equal(await next(), long);
      connection.send(long, { compression: compression as Compression });
      const sent = await peer.expect(kinds.message);
      assert.deepEqual([sent.format, sent.compression], [2, index + 1]);
      assert.ok(sent.body.length < long.length);
      if (compression === 'zlib') assert.equal(inflateSync(sent.body).toString(), long);
    });
  }

  test('5.8 the number of a request is not compressed', async (t) => {
    const { node, peer } = await pair(t);
    node.on('node_request', (_peer, data) => data);
    const number = hex('00000009');
    const body = Buffer.concat([number, deflateSync(long)]);
    peer.write(frame(kinds.request, body, { format: 2, compression: 1 }));
    const { body: answer } = await peer.expect(kinds.response);
    assert.deepEqual([answer.subarray(0, 4), answer.subarray(4).toString()], [number, long]);
  });

  test('5.8 a compression that the receiver did not name is not used', async (t) => {
    const { connection } = await pair(t, { compressions: ['zlib'] });
    const error = { code: 'ERR_COMPRESSION_UNAVAILABLE' };
    assert.throws(() => connection.send(long, { compression: 'brotli' }), error);
  });

  test('5.9 the limit of the receiver is kept, before compression', async (t) => {
    const { connection, peer } = await pair(t, { maxMessageBytes: 1_000 });
    const error = { code: 'ERR_MESSAGE_TOO_LARGE' };
    assert.throws(() => connection.send('x'.repeat(1_001)), error);
    assert.throws(() => connection.send('x'.repeat(1_001), { compression: 'zlib' }), error);
    connection.send('x'.repeat(1_000));
    assert.equal((await peer.expect(kinds.message)).body.length, 1_000);
  });

  test('5.10 what does not shrink goes without compression', async (t) => {
    const { connection, peer } = await pair(t);
    connection.send('short', { compression: 'zlib' });
    const { compression, body } = await peer.expect(kinds.message);
    assert.deepEqual([compression, body.toString()], [0, 'short']);
  });

  test('5.1 values are handed on one at a time, in their order', async (t) => {
    const { node, peer } = await pair(t);
    const steps: string[] = [];
    const all = Promise.withResolvers<void>();
    node.on('node_message', async (_peer, data) => {
      steps.push(`begin ${data}`);
      await new Promise(setImmediate);
      steps.push(`end ${data}`);
      if (data === 'c') all.resolve();
    });
    const number = hex('00000001');
    const delivery = frame(kinds.deliver, Buffer.concat([number, Buffer.from('b')]), { format: 2 });
    peer.write(textMessage('a'), delivery, textMessage('c'));
    await all.promise;
    assert.deepEqual(steps, ['begin a', 'end a', 'begin b', 'end b', 'begin c', 'end c']);
  });
});

/** A node, a second peer that is connected with it, and both ends of what they say. */
async function pair(t: TestContext, hello: Record<string, unknown> = {}) {
  const node = await startNode(t);
  const connected = eventOf(node, 'inbound_node_connected');
  const peer: SecondPeer = await connectPlain(node, { hello });
  const [connection] = await connected;
  const arrived: Data[] = [];
  let wake = (): void => {};
  node.on('node_message', (_peer, data) => {
    arrived.push(data);
    wake();
  });
  const next = async (): Promise<Data> => {
    while (arrived.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return arrived.shift()!;
  };
  return { node, peer, connection, next };
}
