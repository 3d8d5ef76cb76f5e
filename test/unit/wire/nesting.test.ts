import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkJsonNesting } from '../../../src/wire/nesting.ts';

const check = (text: string, maxDepth: number) => checkJsonNesting(new TextEncoder().encode(text), maxDepth);

test('lists and objects count alike, and only while they are open', () => {
  check('[{"a":[]},{"b":[]},[[]]]', 3);
  assert.throws(() => check('[{"a":[[]]}]', 3), /deeper than 3/);
  assert.throws(() => check(`${'[],'.repeat(10)}[[[`, 2), /deeper than 2/);
});

test('brackets inside strings do not count, quotes that are escaped do not end them', () => {
  check('["[[[[[[", "{{{{\\"[[[["]', 1);
  check('["\\\\", "[[\\\\\\"[[[[[[["]', 1);
  assert.throws(() => check('["\\\\", [[[[[[[[', 1), /deeper/);
  check('["a string that never ends [[[[[[ \\', 1);
});

test('what is too short to be a deeper value is left to the parser', () => {
  check('[[[[', 2);
  assert.throws(() => check('[[[]]', 2), /deeper/);
});
