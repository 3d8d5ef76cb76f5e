import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { FrameKind, writeUint32 } from '../../src/wire/frames/frame.ts';
import { decodeGoodbye } from '../../src/wire/frames/goodbye.ts';
import { rawFrame } from '../integration/attacks/support/raw-peer.ts';
import { turn } from '../support/turns.ts';
import { openChannel } from '../unit/channel/open-channel.ts';
import { fuzzLive } from './fuzz.ts';

/** How long the test may take. */
const timeLimitMs = 4_000;

const anyKind = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...Object.values(FrameKind)) },
  { weight: 1, arbitrary: fc.nat(255) },
);

/** Numbers that belong to something more often than not. */
const anyId = fc.oneof(fc.nat(8), fc.constantFrom(2 ** 31, 2 ** 32 - 1));

const anyContent = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc
    .constantFrom('null', '"text"', '{"code":"disconnected","message":"bye"}', '{"code":"limit"}', '[1,2')
    .map(Buffer.from),
  fc.nat(2 ** 20).map((credit) => {
    const bytes = new Uint8Array(4);
    writeUint32(bytes, 0, credit);
    return bytes;
  }),
);

const anyFrame = fc
  .record({
    kind: anyKind,
    flags: fc.oneof({ weight: 12, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(3) }),
    format: fc.nat(4),
    compression: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(6) }),
    id: anyId,
    hasId: fc.boolean(),
    content: anyContent,
  })
  .map(({ kind, id, hasId, content, ...fields }) => {
    const prefix = new Uint8Array(4);
    writeUint32(prefix, 0, id);
    return rawFrame(kind, hasId ? Buffer.concat([prefix, content]) : content, fields);
  });

suite('a conversation', () => {
  test('of any frames goes on, or ends in good order', async () => {
    const property = fc.asyncProperty(
      fc.array(anyFrame, { maxLength: 40 }),
      fc.boolean(),
      async (frames, isOpener) => {
        const { channel, link, told, runtime } = openChannel();
        const settled: Promise<unknown>[] = [];
        if (isOpener) {
          settled.push(
            channel.request('a question'),
            channel.deliver('a message'),
            channel.openStream('a stream'),
          );
        }
        const outcome = Promise.allSettled(settled);
        for (const frame of frames) link.onMessage(frame);
        await turn();
        const said = link.takeFrames();
        const [farewell] = said.filter(({ kind }) => kind === FrameKind.goodbye);
        if (farewell !== undefined) {
          assert.equal(decodeGoodbye(farewell.body).code, 'protocol');
          assert.equal(said.at(-1), farewell, 'nothing follows a goodbye');
        }
        assert.equal(channel.isOpen, link.endings.length === 0, 'it is open, or its link is being closed');
        link.end();
        await outcome;
        await runtime.advance(1_000); // what was compressed waits for its turn
        assert.deepEqual(
          told.filter((event) => event.startsWith('closed')).length,
          1,
          `it ends once; ${told.join(', ')}`,
        );
        assert.match(told.at(-1)!, /^closed/, 'nothing is told after its end');
      },
    );
    await fuzzLive('conversations', property, timeLimitMs);
  });
});
