import assert from 'node:assert/strict';
import { before, suite, test } from 'node:test';
import {
  availableCompressions,
  compress,
  compressionCodes,
} from '../../../src/wire/compression/compression.ts';
import { FrameKind } from '../../../src/wire/frames/frame.ts';
import { PayloadFormat } from '../../../src/wire/payloads/payload.ts';
import { lzmaOptions } from '../../support/lzma.ts';
import { pause } from '../../support/turns.ts';
import { bombs, bzip2OfBlocks } from './support/bombs.ts';
import { type FrameFields, RawPeer, rawFrame, rawFrames, uint32 } from './support/raw-peer.ts';
import { attackScene } from './support/scene.ts';
import { bzip2Tables, xzTables, zlibTables } from './support/tables.ts';

const { message, request, deliver, failure } = FrameKind;
const { json, text, bytes, cbor, float32 } = PayloadFormat;
const maxMessageBytes = 16 * 2 ** 20;

interface Payload extends FrameFields {
  readonly body: string | Uint8Array;
}

/** Nests lists by a byte for each level. */
function nested(byte: number, end: string, levels: number): Uint8Array {
  return Buffer.concat([Buffer.alloc(levels, byte), Buffer.from(end.repeat(levels))]);
}

/** The CBOR of a list of the same item many times over. */
function listOf(count: number, item: Uint8Array): Uint8Array {
  const head = Buffer.concat([Uint8Array.of(0x9a), uint32(count)]);
  return Buffer.concat([head, Buffer.alloc(count * item.length, item)]);
}

/** The attackers answer no ping, and a slow machine takes long to work through what they send. */
const patient = { deadAfterMs: 600_000 };

suite('payloads that cannot be decoded', () => {
  const scene = attackScene();

  const undecodable: Record<string, Payload> = {
    'text that is not UTF-8': { format: text, body: Uint8Array.of(0x61, 0xff) },
    'UTF-8 that is cut': { format: text, body: Uint8Array.of(0xe2, 0x82) },
    'JSON that is not UTF-8': { format: json, body: Uint8Array.of(0x22, 0xff, 0x22) },
    'JSON that is none': { format: json, body: '{"a":\u001b[2J\u202e' },
    'no JSON at all': { format: json, body: '' },
    'JSON nested 100,000 deep': { format: json, body: nested(0x5b, ']', 100_000) },
    'CBOR that is cut': { format: cbor, body: Uint8Array.of(0x82, 0x01) },
    'CBOR whose text is not UTF-8': { format: cbor, body: Uint8Array.of(0x62, 0xc3, 0x28) },
    'CBOR that claims 4 GiB': { format: cbor, body: Uint8Array.of(0x5a, 0xff, 0xff, 0xff, 0xff, 1) },
    'a CBOR list of a claimed 2^53 items': {
      format: cbor,
      body: Uint8Array.of(0x9b, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1),
    },
    'CBOR nested 100,000 deep': { format: cbor, body: nested(0x81, '', 100_000) },
    'CBOR that does not end': { format: cbor, body: Uint8Array.of(0x9f, 0x01, 0xff) },
    'JSON with 5 million lists': {
      format: json,
      compression: compressionCodes.zlib,
      body: compress(Buffer.from(`[${'[],'.repeat(5_000_000)}0]`), 'zlib'),
    },
    'CBOR with 16 million empty objects': {
      format: cbor,
      compression: compressionCodes.zlib,
      body: compress(listOf(maxMessageBytes - 5, Uint8Array.of(0xa0)), 'zlib'),
    },
    'CBOR with 3 million typed arrays': {
      format: cbor,
      compression: compressionCodes.zlib,
      body: compress(listOf(3_000_000, Uint8Array.of(0xd8, 0x45, 0x42, 1, 2)), 'zlib'),
    },
    'three bytes of 32-bit numbers': { format: float32, body: Uint8Array.of(1, 2, 3) },
    'format 0': { format: 0, body: 'x' },
    'format 255': { format: 255, body: 'x' },
    'an unknown compression': { format: text, compression: 99, body: 'x' },
  };
  for (const [name, { body, ...fields }] of Object.entries(undecodable)) {
    test(`${name}: rejected and counted, and the connection lives`, async () => {
      const { victim, port } = scene;
      const peer = await RawPeer.connect(port);
      const before = await victim.call('stats');

      peer.write(rawFrame(message, body, fields));
      const { message: reason } = await victim.event('rejected', peer.id);
      assert.match(reason, /^[^\p{Cc}\p{Cf}]{10,300}$/u, 'a short reason, fit for a terminal');
      for (const kind of [request, deliver]) {
        peer.write(rawFrame(kind, Buffer.concat([uint32(7), Buffer.from(body)]), fields));
        const answer = await peer.next(failure);
        assert.deepEqual(answer.body.subarray(0, 4), new Uint8Array(uint32(7)));
      }

      const after = await victim.call('stats');
      assert.equal(after.rejected - before.rejected, 3);
      assert.equal(after.handled, before.handled);
      await peer.synced();
    });
  }

  const hostileObjects: Record<string, Payload> = {
    JSON: {
      format: json,
      body: '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}',
    },
    CBOR: {
      format: cbor,
      body: Buffer.from(
        'a2695f5f70726f746f5f5fa168706f6c6c75746564f56b636f6e7374727563746f72a16970726f746f74797065a168706f6c6c75746564f5',
        'hex',
      ),
    },
  };
  for (const [name, { body, ...fields }] of Object.entries(hostileObjects)) {
    test(`${name} with keys such as __proto__ is data like any other`, async () => {
      const peer = await RawPeer.connect(scene.port);
      peer.write(rawFrame(message, body, fields));
      await peer.synced();
      const { json, isPlain, isPolluted } = await scene.victim.call('lastMessage');
      assert.equal(json, hostileObjects.JSON!.body);
      assert.deepEqual({ isPlain, isPolluted }, { isPlain: true, isPolluted: false });
    });
  }
});

suite('messages that take long to decode', () => {
  const scene = attackScene({ limits: patient, maxGrowthMiB: 300 });

  const count = 50_000;
  /** No two objects share a key, which takes longest. */
  const key = (index: number): string => `k${index}`;
  const bodies: Record<string, { format: number; body: () => Uint8Array }> = {
    JSON: {
      format: json,
      body: () => Buffer.from(`[${Array.from({ length: count }, (_, at) => `{"${key(at)}":0}`).join(',')}]`),
    },
    CBOR: {
      format: cbor,
      body: () => {
        const objects = Array.from({ length: count }, (_, at) =>
          Buffer.from([0xa1, 0x60 + key(at).length, ...Buffer.from(key(at)), 0]),
        );
        return Buffer.concat([Uint8Array.of(0x9a), uint32(count), ...objects]);
      },
    },
  };
  for (const [name, { format, body }] of Object.entries(bodies)) {
    test(`${name} of four peers is read in turns with everything else`, async () => {
      const { victim, port } = scene;
      const peers = await Promise.all(Array.from({ length: 4 }, () => RawPeer.connect(port)));
      const { handled } = await victim.call('stats');
      const frames = rawFrames(message, body(), { format });
      await scene.attackBegins();
      for (const peer of peers) peer.write(...frames, ...frames);
      await victim.until((stats) => stats.handled >= handled + 8, 'stats');
      await victim.call('forget');
    });
  }
});

suite('compressed messages of many peers', () => {
  const scene = attackScene({ limits: patient });

  test('eight peers that send what takes longest leave an honest one its answers', async () => {
    const { victim, port } = scene;
    const blockBytes = 800_000;
    const slow = bzip2OfBlocks(Buffer.alloc(blockBytes, 'ab'), Math.floor(maxMessageBytes / blockBytes));
    assert.ok(slow.length < 1_000);
    const frame = rawFrame(message, slow, { format: bytes, compression: compressionCodes.bzip2 });
    const peers = await Promise.all(Array.from({ length: 8 }, () => RawPeer.connect(port)));
    const honest = await RawPeer.connect(port);
    const { handled } = await victim.call('stats');
    for (const peer of peers) peer.write(...Array.from({ length: 40 }, () => frame));
    let answers = 0;
    for (; (await victim.call('stats')).handled === handled; answers++) {
      await honest.synced();
      await pause(10);
    }
    assert.ok(answers > 10, `${answers} answers before one such message was handled`);
    // Whoever just leaves has still handled what it sent.
    for (const peer of peers) peer.write(rawFrame(FrameKind.part, 'breach'));
    for (const peer of peers) assert.equal((await peer.goodbye()).code, 'protocol');
  });
});

suite('compressed messages that are all tables', () => {
  const scene = attackScene();

  test('16 MiB of zlib, which take more than a second and give nothing', async () => {
    const { victim, port } = scene;
    const peer = await RawPeer.connect(port);
    const { handled } = await victim.call('stats');
    const body = zlibTables(maxMessageBytes);
    peer.write(...rawFrames(message, body, { format: bytes, compression: compressionCodes.zlib }));
    await victim.until((stats) => stats.handled > handled, 'stats');
    assert.equal((await victim.call('lastMessage')).json, '{}');
  });

  test('bzip2 in many small messages, of next to nothing', async () => {
    const { victim, port } = scene;
    const frame = rawFrame(message, bzip2Tables(30), { format: bytes, compression: compressionCodes.bzip2 });
    const peer = await RawPeer.connect(port);
    const { handled } = await victim.call('stats');
    await victim.call('handlers', 'hold');
    peer.write(rawFrame(message, 'held', { format: text }), ...Array.from({ length: 50 }, () => frame));
    await peer.synced();
    await victim.call('handlers', 'prompt');
    await victim.until((stats) => stats.handled >= handled + 51, 'stats');
    assert.equal((await victim.call('lastMessage')).json, JSON.stringify(new Uint8Array(30)));
  });

  test('lzma that begins anew for each byte, and is damaged in the end', lzmaOptions, async () => {
    const { victim, port } = scene;
    for (let count = 0; count < 3; count++) {
      const peer = await RawPeer.connect(port);
      const body = xzTables(200_000);
      peer.write(...rawFrames(message, body, { format: bytes, compression: compressionCodes.lzma }));
      assert.equal((await victim.event('rejected', peer.id)).code, 'ERR_DECOMPRESSION');
      assert.match((await peer.goodbye()).message, /checksum/);
    }
  });
});

const compressions = availableCompressions().filter((name) => name !== 'none');

for (const name of compressions) {
  suite(`${name} bombs`, () => {
    const scene = attackScene({ limits: patient });
    const compression = compressionCodes[name];
    const tooLarge: Record<string, Uint8Array> = {
      'a byte': compress(new Uint8Array(maxMessageBytes + 1), name),
    };
    before(async () => {
      tooLarge['a gibibyte'] = await bombs[name]();
    });

    for (const size of ['a byte', 'a gibibyte']) {
      test(`${name} that unfolds past the limit is rejected, and ends the connection: by ${size}`, async () => {
        const { victim, port } = scene;
        const bomb = tooLarge[size]!;
        for (const kind of [message, request, deliver]) {
          const peer = await RawPeer.connect(port);
          const before = await victim.call('stats');
          const body = kind === message ? bomb : Buffer.concat([uint32(1), bomb]);
          const frames = rawFrames(kind, body, { format: bytes, compression });
          // No more than the window for messages holds.
          const count = Math.min(10, Math.ceil((3 * 1024 * 1024) / body.length));
          for (let written = 0; written < count; written++) peer.write(...frames);
          const goodbye = await peer.goodbye();
          assert.equal(goodbye.code, 'protocol');
          assert.match(goodbye.message, /larger than 16777216 bytes/);
          assert.equal((await victim.event('rejected', peer.id)).code, 'ERR_DECOMPRESSION');
          assert.equal((await victim.event('disconnected', peer.id)).code, 'protocol by us');
          const after = await victim.call('stats');
          assert.equal(after.rejected - before.rejected, 1, 'the others are not even looked at');
        }
      });
    }

    test(`${name} that is damaged, cut or followed by more`, async () => {
      const { victim, port } = scene;
      const compressed = compress(Buffer.from('some text '.repeat(100)), name);
      const damaged = Uint8Array.from(compressed, (byte, index) => (index > 2 ? byte ^ 0x55 : byte));
      for (const body of [
        damaged,
        compressed.subarray(0, -3),
        Buffer.concat([compressed, tooLarge['a byte']!]),
      ]) {
        const peer = await RawPeer.connect(port);
        peer.write(rawFrame(message, body, { format: text, compression }));
        assert.equal((await victim.event('rejected', peer.id)).code, 'ERR_DECOMPRESSION');
        assert.equal((await peer.goodbye()).code, 'protocol');
      }
    });

    test(`${name} that unfolds to the limit, many times over, keeps others waiting for one at a time`, async () => {
      const { victim, port } = scene;
      const peer = await RawPeer.connect(port);
      const largest = compress(new Uint8Array(maxMessageBytes), name);
      const { handled } = await victim.call('stats');
      const sendMany = async (count: number): Promise<number> => {
        await victim.call('longestTurnMs');
        const frame = rawFrame(message, largest, { format: bytes, compression });
        peer.write(...Array.from({ length: count }, () => frame));
        peer.write(rawFrame(deliver, Buffer.concat([uint32(1), Buffer.from('x')]), { format: text }));
        await peer.next(FrameKind.delivered);
        return victim.call('longestTurnMs');
      };
      const turnsOfOne = [await sendMany(1), await sendMany(1), await sendMany(1)];
      const longest = await sendMany(10);
      assert.equal((await victim.call('stats')).handled, handled + 3 + 10 + 4);
      const allowed = 6 * Math.max(...turnsOfOne, 10);
      assert.ok(longest < allowed, `the event loop stood still for ${longest} ms, ${allowed} are allowed`);
    });
  });
}
