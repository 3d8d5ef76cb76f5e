import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { PeerloomError } from '../../src/index.ts';
import {
  type HistoryFrame,
  readHistoryFrame,
  writeHistoryFrame,
} from '../../src/overlay/history/history-frames.ts';
import { Negentropy } from '../../src/overlay/history/negentropy/negentropy.ts';
import { OrderedIds } from '../../src/overlay/history/negentropy/ordered-ids.ts';
import { fuzz } from './fuzz.ts';

const hex = (length: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Buffer.from(bytes).toString('hex'));
const bytes = fc.uint8Array({ maxLength: 300 }).map((each) => Uint8Array.from(each));
const time = fc.maxSafeNat();
const ids = fc.array(hex(32), { minLength: 1, maxLength: 5 });
const word = fc.nat(2 ** 32 - 1);
const of = { digest: hex(16), run: word };
const walk = { digest: hex(16), walk: word, way: fc.array(word, { maxLength: 8 }) };
const kind = <Kind extends string>(name: Kind) => fc.constant(name);
const keptTopic = fc.record({ digest: hex(16), maxMessages: fc.nat(2 ** 32 - 1), maxBytes: time });

const frames: fc.Arbitrary<HistoryFrame> = fc.oneof(
  fc.record({ kind: kind('keep'), isQuestion: fc.boolean(), topics: fc.array(keptTopic, { maxLength: 5 }) }),
  fc.record({
    kind: kind('compare'),
    ...of,
    isFirst: fc.boolean(),
    floorUs: time,
    untilUs: time,
    message: bytes,
  }),
  fc.record({ kind: kind('answer'), ...of, message: bytes }),
  fc.record({ kind: kind('refuse'), ...of, floorUs: time }),
  fc.record({ kind: kind('offer'), digest: hex(16), ids }),
  fc.record({ kind: kind('fetch'), ...of, ids }),
  fc.record({ kind: kind('past'), broadcast: bytes }),
  fc.record({ kind: kind('fetched'), ...of, count: fc.nat(65_535) }),
  fc.record({ kind: kind('seek'), ...walk, hopsLeft: fc.nat(255) }),
  fc.record({ kind: kind('found'), ...walk, record: bytes }),
  fc.record({ kind: kind('keeping'), digest: walk.digest, hopsLeft: fc.nat(7), record: bytes }),
);

function refusesOnlyWithErrors(read: () => void): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof PeerloomError)) throw error;
  }
}

suite('frames of histories', () => {
  test('are read as they were written', () => {
    fuzz(
      'frames of histories',
      fc.property(frames, (frame) => {
        const written = writeHistoryFrame(frame);
        const read = readHistoryFrame(written);
        assert.equal(read.kind, frame.kind);
        assert.deepEqual(writeHistoryFrame(read), written);
      }),
    );
  });

  test('of any bytes are read or refused with a PeerloomError', () => {
    fuzz(
      'frames of histories of any bytes',
      fc.property(fc.integer({ min: 30, max: 44 }), bytes, (first, rest) =>
        refusesOnlyWithErrors(() => readHistoryFrame(Uint8Array.of(first, ...rest))),
      ),
    );
  });
});

suite('messages of reconciliation', () => {
  const items = new OrderedIds();
  for (let time = 0; time < 200; time++) items.add(time >>> 2, new Uint8Array(32).fill((time * 37) & 255));
  const side = new Negentropy(items, { maxMessageBytes: 4_096 });

  test('of any bytes are answered within the limit, or refused with a PeerloomError', () => {
    fuzz(
      'messages of reconciliation',
      fc.property(fc.uint8Array({ maxLength: 2_000 }), (rest) => {
        const message = Uint8Array.of(0x61, ...rest);
        refusesOnlyWithErrors(() => assert.ok(side.answer(message).length <= 4_096));
        refusesOnlyWithErrors(() => assert.ok((side.resume(message).message?.length ?? 0) <= 4_096));
      }),
    );
  });

  test('with some bytes changed are answered within the limit, or refused with a PeerloomError', () => {
    const original = side.begin();
    const change = fc.tuple(fc.nat(original.length - 1), fc.nat(255));
    fuzz(
      'changed messages of reconciliation',
      fc.property(fc.array(change, { maxLength: 5 }), (changes) => {
        const message = Uint8Array.from(original);
        for (const [at, value] of changes) message[at] = value;
        refusesOnlyWithErrors(() => assert.ok(side.answer(message).length <= 4_096));
        refusesOnlyWithErrors(() => void side.resume(message));
      }),
    );
  });
});
