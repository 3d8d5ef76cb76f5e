import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { suite, test } from 'node:test';

const load = createRequire(import.meta.url)('../../../require/load.cjs') as <Entry>(
  load: () => Entry,
) => Entry;

suite('what require() of the package loads', () => {
  test('is what the entry exports, and fails as the entry does', () => {
    assert.equal(
      load(() => 7),
      7,
    );
    assert.throws(() => load(() => assert.fail('its own failure')), /its own failure/);
  });

  test('says how Jest can load it', () => {
    const entry = (): never => {
      throw Object.assign(new Error('Must use import'), { code: 'ERR_REQUIRE_ESM' });
    };
    assert.throws(() => load(entry), /Jest can, with NODE_OPTIONS=--experimental-vm-modules$/);
  });
});
