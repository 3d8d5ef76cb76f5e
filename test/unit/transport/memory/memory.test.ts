import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryHub, memory } from '../../../../src/index.ts';

test('what memory() cannot be made of is refused with the rule and the value', () => {
  const wrong: [unknown, string][] = [
    [{ hubb: new MemoryHub() }, "hubb is not an option; did you mean 'hub'? The options are hub"],
    [new MemoryHub(), 'listeners is not an option. The options are hub'],
    ['alice', "options must be an object, not 'alice'"],
    [null, 'options must be an object, not null'],
    [{ hub: 'alice' }, "hub must be a MemoryHub, not 'alice'"],
    [{ hub: {} }, 'hub must be a MemoryHub, not an object'],
  ];
  for (const [options, message] of wrong) {
    assert.throws(() => memory(options as object), new TypeError(message));
  }
});
