import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { asCode } from '../../../../src/simulator/testing/as-code.ts';

suite('data as code', () => {
  test('reads as people write it', () => {
    const fault = { at: 1.5, fault: { kind: 'crash', nodes: [1, 2], power: undefined } };
    assert.equal(asCode(fault), "{ at: 1.5, fault: { kind: 'crash', nodes: [1, 2] } }");
    assert.equal(asCode({ bytesPerSecond: Number.POSITIVE_INFINITY }), '{ bytesPerSecond: Infinity }');
    assert.equal(asCode([0, -0]), '[0, -0]');
  });

  test('is the same data again', () => {
    const names = fc.stringMatching(/^[a-z]+$/);
    const data = fc.letrec((tie) => ({
      data: fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.double({ noNaN: true }),
        fc.boolean(),
        fc.constant(null),
        tie('list'),
        tie('object'),
      ),
      list: fc.array(tie('data'), { maxLength: 3 }),
      object: fc.dictionary(names, tie('data'), { maxKeys: 3, noNullPrototype: true }),
    })).data;
    fc.assert(
      fc.property(data, (value) => assert.deepEqual(new Function(`return (${asCode(value)})`)(), value)),
    );
  });
});
