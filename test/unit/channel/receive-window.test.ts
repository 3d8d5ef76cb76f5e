import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ReceiveWindow } from '../../../src/channel/receive/receive-window.ts';
import { Lane } from '../../../src/wire/frames/windows.ts';
import { withCode } from '../../support/errors.ts';

function openWindow(bytes: number) {
  const granted: number[] = [];
  return {
    window: new ReceiveWindow(bytes, Lane.messages, {
      credit: (_lane, position) => void granted.push(position),
    }),
    granted,
  };
}

suite('the window of a receiver', () => {
  test('is extended when half of it is used up, and not before', () => {
    const { window, granted } = openWindow(1_000);
    window.handled(499);
    assert.deepEqual(granted, []);
    window.handled(1);
    assert.deepEqual(granted, [1_500]);
    window.handled(499);
    assert.deepEqual(granted, [1_500]);
    window.handled(300);
    assert.deepEqual(granted, [1_500, 2_299]);
  });

  test('lets a message begin before its end, however long that is, and none beyond it', () => {
    const { window, granted } = openWindow(1_000);
    window.check(0);
    window.check(999);
    assert.throws(() => window.check(1_000), withCode('ERR_PROTOCOL', /beyond the window/));
    window.handled(50_000);
    assert.deepEqual(granted, [51_000]);
    window.check(999);
    assert.throws(() => window.check(1_000), withCode('ERR_PROTOCOL'));
  });

  for (const bytes of [1, 2, 3]) {
    test(`of ${bytes} bytes has room for a message whenever nothing waits`, () => {
      const { window, granted } = openWindow(bytes);
      for (let count = 1; count <= 100; count++) {
        window.check(0);
        window.handled(128);
        assert.equal(granted.at(-1), 128 * count + bytes);
      }
    });
  }
});
