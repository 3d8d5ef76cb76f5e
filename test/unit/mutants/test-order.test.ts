import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { testOrder } from '../../../mutants/test-order.ts';

suite('the tests that look for a mutant', () => {
  const all = [
    'test/unit/wire/frame.test.ts',
    'test/unit/wire/frame-reader.test.ts',
    'test/unit/wire/frame-reader-breaches.test.ts',
    'test/unit/channel/session.test.ts',
    'test/integration/frame-reader.test.ts',
  ];

  test('start with those named after the source, and keep their order otherwise', () => {
    const [frame, reader, breaches, session, integration] = all;
    assert.deepEqual(testOrder(all, all, '/copy/src/wire/frame-reader.ts'), [
      reader,
      breaches,
      integration,
      frame,
      session,
    ]);
    assert.deepEqual(testOrder(all, all, 'src/channel/session/session.ts'), [
      session,
      ...all.filter((file) => file !== session),
    ]);
    assert.deepEqual(testOrder(all.toReversed(), all, 'src/api/options.ts'), all);
  });

  test('are no others than those that run the line', () => {
    const files = [all[3]!, all[2]!];
    assert.deepEqual(testOrder(files, all, 'src/wire/frames/frame-reader.ts'), [all[2], all[3]]);
  });
});
