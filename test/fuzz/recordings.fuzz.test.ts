import assert from 'node:assert/strict';
import { before, suite, test } from 'node:test';
import fc from 'fast-check';
import { PeerloomError } from '../../src/base/errors.ts';
import { IntroductionReader } from '../../src/p2pnetwork/ids.ts';
import { decodePacket } from '../../src/p2pnetwork/packet.ts';
import { PacketReader } from '../../src/p2pnetwork/packet-reader.ts';
import { decompress } from '../../src/wire/compression/compression.ts';
import { FrameKind, idBytes } from '../../src/wire/frames/frame.ts';
import { FrameReader } from '../../src/wire/frames/frame-reader.ts';
import { decodePayload } from '../../src/wire/payloads/payload.ts';
import { fuzz } from './fuzz.ts';
import { anyMutations } from './mutations.ts';
import { pythonRecording, recordNode } from './recordings.ts';

const maxBytes = 2 ** 20;

/** Decodes, or refuses with one of the project's own errors. */
function attempt(decode: () => unknown): void {
  try {
    decode();
  } catch (error) {
    assert.ok(error instanceof PeerloomError, String(error));
  }
}

suite('recordings, damaged,', () => {
  let frames: Buffer[];

  before(async () => {
    frames = await recordNode();
  });

  test('of a node are read and decoded, or refused', () => {
    const small = frames.filter(({ length }) => length < 10_000);
    const property = fc.property(anyMutations, (mutate) => {
      const reader = new FrameReader(
        (kind, format, compression, body) => {
          if (kind < FrameKind.message) return;
          attempt(() => {
            const encoded = kind === FrameKind.message ? body : body.subarray(idBytes);
            decodePayload(format, compression === 0 ? encoded : decompress(encoded, compression, maxBytes));
          });
        },
        { maxMessageBytes: maxBytes },
      );
      attempt(() => reader.push(Buffer.concat(mutate(small))));
    });
    fuzz('recordings of a node', property, 500);
  });

  test('of a Python node are read and decoded, or refused', () => {
    const { introduction, packets } = pythonRecording();
    const property = fc.property(anyMutations, (mutate) => {
      const reader = new PacketReader((packet) => attempt(() => decodePacket(packet, maxBytes)), maxBytes);
      attempt(() => {
        const [first, ...others] = mutate([introduction, ...packets]);
        const ids = new IntroductionReader();
        const read = ids.push(first ?? Buffer.alloc(0)) ?? ids.settle();
        if (read !== undefined) reader.push(read.rest);
        for (const packet of others) reader.push(packet);
      });
      reader.end();
    });
    fuzz('recordings of a Python node', property, 300);
  });
});
