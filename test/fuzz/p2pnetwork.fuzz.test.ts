import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { Data } from '../../src/base/data.ts';
import { PeerloomError } from '../../src/base/errors.ts';
import { readClaimedId } from '../../src/p2pnetwork/claimed-id.ts';
import {
  AnswerReader,
  type IdRead,
  type IdReader,
  IntroductionReader,
  introduction,
} from '../../src/p2pnetwork/ids.ts';
import { decodePacket, encodePacket } from '../../src/p2pnetwork/packet.ts';
import { PacketReader, type StreamEnd } from '../../src/p2pnetwork/packet-reader.ts';
import { compressBzip2 } from '../../src/wire/compression/bzip2/compress.ts';
import { decompressBzip2 } from '../../src/wire/compression/bzip2/decompress.ts';
import { hasXz } from '../../src/wire/compression/xz.ts';
import { xzUncompressedBytes } from '../../src/wire/compression/xz-size.ts';
import { encodeText } from '../../src/wire/payloads/text.ts';
import { fuzz } from './fuzz.ts';

const maxMessageBytes = 100_000;
const ownId = '12D3KooWours';
const compressions = hasXz() ? (['zlib', 'bzip2', 'lzma'] as const) : (['zlib', 'bzip2'] as const);

/** Any UTF-16 code units, so that surrogates come alone too, and the bytes that mean something in a packet. */
const anyString = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom('\ud83d', '\udc4b', '\u0002', '\u0004', '{', '[', '"', '\\', '1', '-', ' '),
  }),
  fc.constantFrom('NaN', ' -Infinity', 'true', 'null', '12345678901234567890', '1e999', '-0'),
);
const anyNumber = fc.oneof(fc.double(), fc.maxSafeInteger(), fc.constantFrom(-0, 2 ** 53));
const anyScalar = fc.oneof(anyString, anyNumber, fc.boolean(), fc.constant(null));
const anyKey = fc.oneof(anyString, fc.constantFrom('__proto__', 'toJSON', '\\', '"', 'é'));

/** Values without binary; whole numbers beyond 2^53 are left out, which the other side keeps and we refuse. */
const anyJson = fc.letrec<{ data: Data }>((tie) => ({
  data: fc.oneof(
    { maxDepth: 5, depthSize: 'small' },
    anyScalar.filter((value) => !isLargeWhole(value)),
    fc.array(tie('data'), { maxLength: 6 }),
    fc.array(fc.tuple(anyKey, tie('data')), { maxLength: 6 }).map((entries) => Object.fromEntries(entries)),
  ),
})).data;

function isLargeWhole(value: unknown): boolean {
  return (
    typeof value === 'number' &&
    Number.isInteger(value) &&
    Math.abs(value) < 1e21 &&
    !Number.isSafeInteger(value)
  );
}

/** Those that the format carries as they are, or `undefined`. */
function encoded(data: Data, compression?: 'zlib' | 'bzip2' | 'lzma'): Uint8Array | undefined {
  try {
    return encodePacket(data, { compression });
  } catch (error) {
    assert.ok(error instanceof PeerloomError && error.code === 'ERR_NOT_REPRESENTABLE', String(error));
    return undefined;
  }
}

suite('p2pnetwork packets, any data', () => {
  test('values come back equal, plain', () => {
    fuzz(
      'p2pnetwork packets',
      fc.property(anyJson, (data) => {
        const packet = encoded(data);
        if (packet === undefined) return;
        assert.equal(packet.indexOf(4), packet.length - 1, 'a packet ends once');
        assert.deepEqual(decodePacket(packet.subarray(0, -1), maxMessageBytes), data);
      }),
      1000,
    );
  });

  for (const compression of compressions) {
    test(`all values come back equal, ${compression}`, () => {
      fuzz(
        'p2pnetwork packets',
        fc.property(anyJson, (data) => {
          const packet = encodePacket(data, { compression });
          assert.equal(packet.indexOf(4), packet.length - 1, 'a packet ends once');
          assert.deepEqual(decodePacket(packet.subarray(0, -1), maxMessageBytes), data);
        }),
      );
    });
  }

  test('bigints beyond 2^53 come back equal where they are asked for', () => {
    const anyBig = fc.bigInt().filter((value) => value < -(2n ** 53n) || value > 2n ** 53n);
    fuzz(
      'p2pnetwork packets',
      fc.property(anyBig, fc.array(anyJson, { maxLength: 3 }), (value, beside) => {
        const packet = encoded([value, ...beside]);
        if (packet === undefined) return;
        assert.deepEqual(decodePacket(packet.subarray(0, -1), maxMessageBytes, true), [value, ...beside]);
      }),
    );
  });

  test('bytes come back as they were, or as the text that they are', () => {
    fuzz(
      'p2pnetwork packets',
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.constantFrom(undefined, ...compressions),
        (bytes, how) => {
          const packet = encoded(bytes, how);
          if (packet === undefined) return;
          const arrived = decodePacket(packet.subarray(0, -1), maxMessageBytes);
          const asBytes = typeof arrived === 'string' ? encodeText(arrived) : arrived;
          assert.deepEqual(new Uint8Array(asBytes as Uint8Array), bytes);
        },
      ),
      500,
    );
  });
});

suite('p2pnetwork packets, any bytes', () => {
  const wellKnown = fc.constantFrom(
    '{"a":',
    '[',
    'NaN',
    '\\u00e9',
    '"',
    'eJwDAAAAAAF6bGli',
    '123456789012345678',
    ' ',
  );
  const anyPacket = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.array(wellKnown, { maxLength: 12 }).map((parts) => encodeText(parts.join(''))),
    fc.base64String().map((text) => encodeText(`${text}\u0002`)),
    fc
      .tuple(fc.uint8Array(), fc.constantFrom('zlib', 'bzip2', 'lzma'))
      .map(([bytes, name]) =>
        encodeText(`${Buffer.concat([bytes, Buffer.from(name)]).toString('base64')}\u0002`),
      ),
  );

  test('decode or are refused, and nothing else', () => {
    fuzz(
      'p2pnetwork packets',
      fc.property(anyPacket, (packet) => {
        try {
          decodePacket(packet, maxMessageBytes);
        } catch (error) {
          assert.ok(error instanceof PeerloomError, String(error));
        }
      }),
      2000,
    );
  });
});

function isClaimable(id: string): boolean {
  try {
    return readClaimedId(encodeText(id)) === id;
  } catch {
    return false;
  }
}

suite('p2pnetwork connections in any split', () => {
  /** Each cut splits what is left at a share of its length. */
  const anyCuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 });

  function cut(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
    const reads: Uint8Array[] = [];
    let rest = bytes;
    for (const share of cuts) {
      const length = Math.floor(rest.length * share);
      reads.push(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
    return [...reads, rest];
  }

  interface Heard {
    id: string | undefined;
    port: number | undefined;
    readonly messages: Data[];
    end: StreamEnd | undefined;
  }

  /** All that a node is heard to say, from its first byte to the end of the connection. */
  function hear(ids: IdReader, reads: readonly Uint8Array[]): Heard {
    const heard: Heard = { id: undefined, port: undefined, messages: [], end: undefined };
    const onPacket = (packet: Uint8Array) => heard.messages.push(decodePacket(packet, maxMessageBytes));
    const packets = new PacketReader(onPacket, maxMessageBytes);
    const onId = (read: IdRead | undefined) => {
      if (read === undefined) return;
      heard.id = read.id;
      heard.port = read.port;
      packets.push(read.rest);
    };
    for (const read of reads) {
      if (heard.id === undefined) onId(ids.push(read));
      else packets.push(read);
    }
    if (heard.id === undefined) onId(ids.settle());
    heard.end = packets.end();
    return heard;
  }

  test('give the same id and the same data', () => {
    const anyMadeId = fc.string({
      unit: fc.constantFrom(...'0123456789abcdef'),
      minLength: 128,
      maxLength: 128,
    });
    fuzz(
      'p2pnetwork connections',
      fc.property(anyMadeId, fc.array(anyJson, { maxLength: 6 }), anyCuts, (id, messages, cuts) => {
        const carried = messages.filter((data) => encoded(data) !== undefined);
        const bytes = Buffer.concat([encodeText(id), ...carried.map((data) => encodePacket(data))]);
        const heard = hear(new AnswerReader({ ownId }), cut(bytes, cuts));
        assert.deepEqual(heard, { id, port: 0, messages: carried, end: { kind: 'whole' } });
      }),
    );
  });

  test('give the same introduction', () => {
    const anyId = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
      .filter((id) => !/[:{]/.test(id) && isClaimable(id));
    fuzz(
      'p2pnetwork connections',
      fc.property(anyId, fc.integer({ min: 0, max: 0xffff }), anyCuts, (id, port, cuts) => {
        const heard = hear(new IntroductionReader(), cut(introduction(id, port), cuts));
        assert.deepEqual(heard, { id, port, messages: [], end: { kind: 'whole' } });
      }),
    );
  });

  test('of any bytes are read or refused, and nothing else', () => {
    fuzz(
      'p2pnetwork connections',
      fc.property(fc.uint8Array({ maxLength: 600 }), anyCuts, fc.boolean(), (bytes, cuts, isAnswer) => {
        try {
          hear(
            isAnswer ? new AnswerReader({ ownId, expectedId: 'node' }) : new IntroductionReader(),
            cut(bytes, cuts),
          );
        } catch (error) {
          assert.ok(error instanceof PeerloomError, String(error));
        }
      }),
      1000,
    );
  });
});

suite('bzip2 and xz, any bytes', () => {
  /** Bytes with the runs and repetitions that the format is about. */
  const anyBytes = fc
    .array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 20 }), fc.integer({ min: 1, max: 300 })), {
      maxLength: 20,
    })
    .map((parts) => Buffer.concat(parts.flatMap(([bytes, times]) => Array<Uint8Array>(times).fill(bytes))));

  test('bzip2 brings all back', () => {
    fuzz(
      'bzip2 and xz',
      fc.property(anyBytes, (bytes) => {
        const back = decompressBzip2(compressBzip2(bytes), bytes.length);
        assert.ok(Buffer.compare(back, bytes) === 0, `of ${bytes.length} bytes`);
      }),
    );
  });

  test('damaged bzip2 is never other bytes', () => {
    const anyDamage = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    fuzz(
      'bzip2 and xz',
      fc.property(fc.uint8Array({ maxLength: 400 }), anyDamage, (bytes, damage) => {
        const damaged = compressBzip2(bytes);
        for (const [at, change] of damage) damaged[at % damaged.length]! ^= change;
        try {
          assert.deepEqual(decompressBzip2(damaged, maxMessageBytes), bytes);
        } catch (error) {
          assert.ok(!(error instanceof RangeError || error instanceof TypeError), String(error));
          if (error instanceof assert.AssertionError) throw error;
        }
      }),
      1000,
    );
  });

  test('any xz-like bytes have a size or none', () => {
    const head = Buffer.from('/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj', 'base64');
    fuzz(
      'bzip2 and xz',
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          assert.ok(xzUncompressedBytes(Buffer.concat([head, bytes])) >= 0);
        } catch (error) {
          assert.ok(error instanceof Error && !(error instanceof RangeError || error instanceof TypeError));
        }
      }),
    );
  });
});
