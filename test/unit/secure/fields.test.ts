import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fieldsOf } from '../../../src/secure/fields.ts';

test('only objects have fields: not the elements of what another node sends in the place of one', () => {
  assert.deepEqual(fieldsOf({ a: 1 }), { a: 1 });
  for (const data of [new Uint8Array(3), Float32Array.of(1), [1, 2], 'text', 1, true, null]) {
    assert.deepEqual(fieldsOf(data), {});
  }
});
