import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkJsonShape, countJsonContainers } from '../../../src/wire/payloads/nesting.ts';

const check = (text: string, maxDepth: number, maxContainers = 1_000_000) =>
  checkJsonShape(new TextEncoder().encode(text), { maxDepth, maxContainers });

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

test('lists and objects are counted together, keys are not, whatever stands in strings', () => {
  const count = (text: string) => countJsonContainers(new TextEncoder().encode(text));
  assert.equal(count('[[],{},{"a":[1,2],"b":"x"}]'), 5);
  assert.equal(count('["[{:", "\\"[:", 5, null]'), 1);
  assert.equal(count('"[]"'), 0);
});

test('more of them than the limit are refused, however little nested', () => {
  check('[[],[],[],[]]', 256, 5);
  assert.throws(() => check('[[],[],[],[]]', 256, 4), /more than 4 lists.*limits\.maxContainers/);
  check('{"a":0,"b":1}', 256, 1);
});
