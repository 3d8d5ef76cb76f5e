import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { CollectionCache } from '../../../../src/secure/vault/collection-cache.ts';
import type { StoredCollection } from '../../../../src/secure/vault/manifest.ts';

const stored = (owner: string, collection: string, version = 0) =>
  ({ head: { owner, collection }, state: {}, version }) as unknown as StoredCollection;

suite('the collections that were read lately', () => {
  test('are found by owner and name, until they change', () => {
    const cache = new CollectionCache();
    const one = stored('a', 'b');
    cache.set(one, 10);
    assert.equal(cache.get('a', 'b'), one);
    assert.deepEqual([cache.get('a', 'c'), cache.get('b', 'b')], [undefined, undefined]);
    cache.setVersion('a', 'b', 7);
    cache.setVersion('a', 'c', 7);
    assert.deepEqual(cache.get('a', 'b'), { ...one, version: 7 });
    assert.equal(one.version, 0, 'nobody else sees that');
    assert.equal(cache.get('a', 'c'), undefined);
    cache.delete('a', 'b');
    cache.delete('a', 'b');
    assert.equal(cache.get('a', 'b'), undefined);
    cache.set(one, 10);
    cache.clear();
    assert.equal(cache.get('a', 'b'), undefined);
  });

  test('are 1,024 at most: those that were used last', () => {
    const cache = new CollectionCache();
    const count = () =>
      Array.from({ length: 1_030 }, (_, index) => cache.get('a', `${index}`)).filter(Boolean).length;
    for (let index = 0; index < 1_024; index++) cache.set(stored('a', `${index}`), 1);
    assert.equal(count(), 1_024);
    cache.get('a', '0');
    cache.set(stored('a', '1024'), 1);
    assert.deepEqual([cache.get('a', '0') !== undefined, cache.get('a', '1')], [true, undefined]);
    cache.set(stored('a', '2', 5), 1); // again
    assert.equal(count(), 1_024);
    assert.equal(cache.get('a', '2')!.version, 5);
  });

  test('are eight million characters at most, or one that is longer', () => {
    const mebi = 2 ** 20;
    const cache = new CollectionCache();
    const kept = () =>
      ['1', '2', '3', '4', '5'].filter((name) => cache.get('a', name) !== undefined).join('');
    for (const name of ['1', '2', '3', '4']) cache.set(stored('a', name), 2 * mebi);
    assert.equal(kept(), '1234', 'exactly as many as there is room for');
    cache.set(stored('a', '5'), 1);
    assert.equal(kept(), '2345');
    cache.set(stored('a', '5'), 1); // counted once
    assert.equal(kept(), '2345');
    cache.delete('a', '2');
    cache.set(stored('a', '1'), 2 * mebi - 1);
    assert.equal(kept(), '1345', 'what is deleted makes room');
    cache.set(stored('a', '2'), 9 * mebi);
    assert.equal(kept(), '2');
    cache.clear();
    for (const name of ['1', '2', '3', '4']) cache.set(stored('a', name), 2 * mebi);
    assert.equal(kept(), '1234', 'clearing counts from nothing');
  });
});
