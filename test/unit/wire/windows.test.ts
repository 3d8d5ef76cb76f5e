import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { FrameKind, smallFrame } from '../../../src/wire/frames/frame.ts';
import { type Frame, FrameReader } from '../../../src/wire/frames/frame-reader.ts';
import { creditBody, decodeCredit, Lane, laneOf } from '../../../src/wire/frames/windows.ts';
import { withCode } from '../../support/errors.ts';

/** Lane 1, up to 2^40 + 7. */
const golden = [0, 0, 0, 9, 12, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 7];

suite('a credit', () => {
  test('has its lane and its position, big-endian', () => {
    const frame = smallFrame(FrameKind.credit, creditBody(Lane.requests, 2 ** 40 + 7));
    assert.deepEqual([...frame], golden);
  });

  test('is read the same wherever it is cut', () => {
    const bytes = Uint8Array.from(golden);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const frames: Frame[] = [];
      const reader = new FrameReader(
        (kind, format, compression, body) => void frames.push({ kind, format, compression, body }),
        { maxMessageBytes: 100 },
      );
      reader.push(bytes.slice(0, cut));
      reader.push(bytes.slice(cut));
      assert.equal(frames.length, 1, `cut at ${cut}`);
      assert.equal(frames[0]!.kind, FrameKind.credit);
      assert.deepEqual(decodeCredit(frames[0]!.body), { lane: Lane.requests, position: 2 ** 40 + 7 });
    }
  });

  test('of every position is read as it was said', () => {
    for (const lane of Object.values(Lane)) {
      for (const position of [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]) {
        assert.deepEqual(decodeCredit(creditBody(lane, position)), { lane, position });
      }
    }
  });

  test('of another form is a breach', () => {
    const good = creditBody(Lane.messages, 5);
    const bodies = [
      new Uint8Array(0),
      good.slice(0, 8),
      Uint8Array.of(...good, 0),
      Uint8Array.of(3, ...good.slice(1)),
      Uint8Array.of(0, 255, 255, 255, 255, 255, 255, 255, 255),
    ];
    for (const body of bodies) assert.throws(() => decodeCredit(body), withCode('ERR_PROTOCOL'));
  });
});

test('messages and deliveries are of one lane, requests and protocols of one each, and nothing else is of any', () => {
  const lanes = Object.entries(FrameKind).filter(([, kind]) => laneOf(kind) !== undefined);
  assert.deepEqual(
    lanes.map(([name, kind]) => [name, laneOf(kind)]),
    [
      ['message', Lane.messages],
      ['deliver', Lane.messages],
      ['request', Lane.requests],
      ['protocol', Lane.protocols],
    ],
  );
});
