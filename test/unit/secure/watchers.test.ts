import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ChangeNotices } from '../../../src/secure/vault/change-notices.ts';
import type { VaultNetwork } from '../../../src/secure/vault/replicator.ts';
import { Watchers } from '../../../src/secure/vault/watchers.ts';
import { heldBytes } from '../../support/memory.ts';
import { turns } from '../../support/turns.ts';

const diary = { owner: 'alice', collection: 'diary' };

function nameOf(number: number) {
  return { owner: 'alice', collection: `${number}` };
}

suite('those who watch a collection', () => {
  test('are told for a minute after they asked', () => {
    let now = 0;
    const watchers = new Watchers(() => now);
    watchers.add(diary, 'bob');
    now = 30_000;
    watchers.add(diary, 'carol');
    watchers.add(nameOf(1), 'dave');
    assert.deepEqual(watchers.of(diary), ['bob', 'carol']);
    now = 60_000;
    assert.deepEqual(watchers.of(diary), ['carol']);
    watchers.remove(diary, 'carol');
    assert.deepEqual([watchers.of(diary), watchers.of(nameOf(1))], [[], ['dave']]);
  });

  test('are told for a minute more when they ask again, and each by its own time', () => {
    let now = 0;
    const watchers = new Watchers(() => now);
    watchers.add(diary, 'bob');
    now = 30_000;
    watchers.add(diary, 'carol');
    now = 50_000;
    watchers.add(diary, 'bob');
    now = 65_000;
    assert.deepEqual(watchers.of(diary), ['carol', 'bob']);
    now = 95_000;
    assert.deepEqual(watchers.of(diary), ['bob']);
  });

  test('may ask for the same collection as often as they like, in one place', () => {
    const watchers = new Watchers(() => 0);
    watchers.add(nameOf(1), 'bob');
    for (let count = 0; count < 1_000; count++) watchers.add(diary, 'bob');
    assert.deepEqual([watchers.of(nameOf(1)), watchers.of(diary)], [['bob'], ['bob']]);
  });

  test('leave no memory behind when their time is up', () => {
    let now = 0;
    const watchers = new Watchers(() => now);
    const watchOnce = (): void => {
      for (let count = 0; count < 20_000; count++) watchers.add(diary, `${now} ${count}`.padEnd(56));
      now += 60_000;
      assert.deepEqual(watchers.of(diary), []);
    };
    watchOnce();
    const before = heldBytes();
    for (let round = 0; round < 4; round++) watchOnce();
    const bytes = (heldBytes() - before) / 80_000;
    assert.ok(bytes < 20, `${bytes} bytes for each that has asked`);
  });

  test('have 256 places each, so that nobody pushes out others', () => {
    const watchers = new Watchers(() => 0);
    watchers.add(diary, 'bob');
    for (let number = 0; number < 20_000; number++) watchers.add(nameOf(number), 'mallory');
    assert.deepEqual(watchers.of(diary), ['bob']);
    const places = Array.from({ length: 20_000 }, (_, number) => watchers.of(nameOf(number)).length);
    assert.equal(places.filter((count) => count > 0).length, 256);
    assert.deepEqual(watchers.of(nameOf(19_999)), ['mallory']);
  });

  test('are 10,000 at most', () => {
    const watchers = new Watchers(() => 0);
    for (let number = 0; number < 10_100; number++) watchers.add(diary, `${number}`);
    const ids = watchers.of(diary);
    assert.deepEqual([ids.length, ids[0]], [10_000, '100']);
  });

  test('far away are told sixteen at a time and once for many changes, neighbours at once', async () => {
    const watchers = new Watchers(() => 0);
    const asked: string[] = [];
    const answers = new Map<string, () => void>();
    const network = {
      ask: (id: string) => {
        asked.push(id);
        return new Promise((resolve) => answers.set(id, () => resolve(null)));
      },
      neighbours: () => ['neighbour'],
    } as unknown as VaultNetwork;
    const notices = new ChangeNotices(network, watchers);
    for (let number = 0; number < 40; number++) watchers.add(diary, `${number}`);
    watchers.add(diary, 'neighbour');
    for (let changes = 0; changes < 100; changes++) notices.send(diary);
    assert.equal(asked.filter((id) => id === 'neighbour').length, 100);
    const letters = () => asked.filter((id) => id !== 'neighbour');
    assert.equal(letters().length, 16);
    for (let rounds = 0; rounds < 10; rounds++) {
      for (const answer of answers.values()) answer();
      await turns(2);
    }
    assert.deepEqual(new Set(letters()), new Set(Array.from({ length: 40 }, (_, number) => `${number}`)));
    assert.ok(letters().length < 100, `${letters().length} letters for 40 watchers`);
  });

  test('that cannot be reached are forgotten', async () => {
    const watchers = new Watchers(() => 0);
    const network = {
      ask: async () => {
        throw new Error('no way leads there');
      },
      neighbours: () => [],
    } as unknown as VaultNetwork;
    watchers.add(diary, 'bob');
    new ChangeNotices(network, watchers).send(diary);
    await turns(5);
    assert.deepEqual(watchers.of(diary), []);
  });
});
