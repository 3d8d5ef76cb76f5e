import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { StreamReceiver } from '../../../src/channel/streams/stream-receiver.ts';
import { streamDataHeaderBytes } from '../../../src/wire/frames/stream-frames.ts';
import { withCode } from '../../support/errors.ts';

const KiB = 1024;
const MiB = KiB * KiB;

/** A receiver whose other side knows its window. */
function receiver(windowBytes: number): StreamReceiver {
  const one = new StreamReceiver(windowBytes);
  assert.equal(one.takeCredit(), windowBytes);
  return one;
}

/** Receives and reads so many bytes of the window. */
function pass(one: StreamReceiver, costBytes: number): void {
  one.push(new Uint8Array(costBytes - streamDataHeaderBytes));
  assert.equal(one.take()!.length, costBytes - streamDataHeaderBytes);
}

suite('what a stream receives', () => {
  test('is paid back when a quarter of its window has been read, or half of one of 2 MiB', () => {
    for (const [windowBytes, dueBytes] of [
      [256 * KiB, 64 * KiB],
      [2 * MiB - 4, MiB / 2 - 1],
      [2 * MiB, MiB],
      [4 * MiB, 2 * MiB],
    ] as const) {
      const one = receiver(windowBytes);
      assert.deepEqual([one.hasCredit, one.isCreditDue], [false, false]);
      pass(one, dueBytes - 100);
      assert.deepEqual([one.hasCredit, one.isCreditDue], [true, false], `${windowBytes}`);
      pass(one, 100);
      assert.equal(one.isCreditDue, true, `${windowBytes}`);
      assert.equal(one.takeCredit(), dueBytes);
      assert.deepEqual([one.hasCredit, one.isCreditDue, one.takeCredit()], [false, false, 0]);
    }
  });

  test('is never more than its window, with its frames counted', () => {
    const one = receiver(1_000);
    one.push(new Uint8Array(1_000 - streamDataHeaderBytes));
    assert.throws(() => one.push(new Uint8Array(0)), withCode('ERR_PROTOCOL'));
    const other = receiver(1_000);
    assert.throws(
      () => other.push(new Uint8Array(1_000 - streamDataHeaderBytes + 1)),
      withCode('ERR_PROTOCOL'),
    );
  });

  test('comes out in its order, small pieces joined, and leaves nothing when it is cleared', () => {
    const one = receiver(MiB);
    const pieces = [[1], [2, 3], [], [4]].map((bytes) => Uint8Array.from(bytes));
    const grown = pieces.map((piece) => one.push(piece));
    assert.deepEqual(grown, [1, 16 * KiB, 0, 0], 'memory taken anew');
    assert.equal(one.heldBytes, 1 + 16 * KiB);
    assert.deepEqual(
      [one.take(), one.take(), one.take()],
      [Uint8Array.of(1), Uint8Array.of(2, 3, 4), undefined],
    );
    assert.equal(one.isEmpty, true);
    one.push(new Uint8Array(20 * KiB));
    assert.deepEqual([one.heldBytes, one.isEmpty], [20 * KiB, false]);
    one.clear();
    assert.deepEqual([one.heldBytes, one.take()], [0, undefined]);
  });

  test('doubles its window when more has been read than waits, up to its share, and gives it back', () => {
    const one = receiver(1_000);
    one.adapt(10_000);
    assert.equal(one.takeCredit(), 0, 'nothing has been read yet');
    pass(one, 600);
    one.adapt(10_000);
    assert.equal(one.takeCredit(), 600 + 1_000);
    pass(one, 800);
    one.adapt(2_500);
    assert.equal(one.takeCredit(), 800 + 500);
    pass(one, 1_000);
    one.adapt(1_000);
    assert.equal(one.takeCredit(), 500, 'half of the credit at most is withheld');
  });
});
