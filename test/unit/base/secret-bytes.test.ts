import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { systemRuntime } from '../../../src/base/runtime.ts';
import { memory, Node } from '../../../src/index.ts';
import { SecureNode } from '../../../src/secure/index.ts';
import { Vaults } from '../secure/vault/support/vaults.ts';

/** A user's runtime whose random bytes are known to everybody. */
const known = {
  ...systemRuntime,
  random: () => 0,
  randomBytes: (length: number) => new Uint8Array(length).fill(7),
};

suite('keys', () => {
  test('of nodes never come from the random bytes of a runtime', () => {
    for (const Kind of [Node, SecureNode]) {
      for (const runtime of [known, { ...known, isVirtual: true }]) {
        const ids = [1, 2].map(() => new Kind('virtual', 1, { runtime, transports: [memory()] }).id);
        assert.notEqual(ids[0], ids[1]);
      }
    }
  });

  test('of vaults do not either', async () => {
    const { vault, engine, id } = new Vaults().start({ runtime: known });
    await vault.put('one', 'item', 'text');
    await vault.put('two', 'item', 'text');
    const bodies = ['one', 'two'].map((collection) => engine.store.item(id, collection, 'item')!.body);
    const nonces = bodies.map((body) => Buffer.from(body.subarray(0, 12)).toString('hex'));
    assert.notEqual(nonces[0], nonces[1]);
    assert.ok(nonces.every((nonce) => nonce !== '07'.repeat(12)));
  });
});
