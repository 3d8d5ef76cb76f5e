import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Fingerprint } from '../../../../src/overlay/seen/fingerprint.ts';
import { FingerprintTable, none } from '../../../../src/overlay/seen/fingerprint-table.ts';
import { randomFrom } from '../../../support/random-from.ts';

const seed = { low: 0x1234_5678, high: 0x9abc_def0 };

suite('a table of fingerprints', () => {
  test('finds what was inserted and not removed, and gives each a number of its own', () => {
    const random = randomFrom(7);
    const below = (count: number): number => Math.floor(random() * count);
    const capacities: number[] = [];
    const table = new FingerprintTable(seed, (capacity) => capacities.push(capacity));
    const expected = new Map<string, { readonly fingerprint: Fingerprint; readonly record: number }>();
    for (let step = 0; step < 60_000; step++) {
      // Few low halves, so that fingerprints that share one lie beside each other.
      const fingerprint = { low: below(3_000), high: below(2) * 0xffff_ffff };
      const key = `${fingerprint.low} ${fingerprint.high}`;
      const known = expected.get(key);
      assert.equal(table.find(fingerprint), known?.record ?? none);
      if (known === undefined) {
        expected.set(key, { fingerprint, record: table.insert(fingerprint) });
      } else if (random() < 0.4) {
        table.remove(known.record);
        expected.delete(key);
      }
      assert.equal(table.size, expected.size);
    }
    const records = new Set(Array.from(expected.values(), ({ record }) => record));
    assert.equal(records.size, expected.size);
    for (const { fingerprint, record } of expected.values()) assert.equal(table.find(fingerprint), record);
    assert.ok(Math.max(...records) < table.capacity);
    assert.ok(capacities.length > 1 && capacities.at(-1) === table.capacity, 'it has grown, and said so');
  });

  test('numbers of records that were removed are used again before memory grows', () => {
    const table = new FingerprintTable(seed, () => {});
    for (let low = 0; low < 100_000; low++) table.remove(table.insert({ low, high: low }));
    const { capacity } = table;
    for (let low = 0; low < capacity; low++) table.insert({ low, high: 0 });
    assert.equal(table.capacity, capacity);
    assert.equal(table.size, capacity);
  });

  test('a fingerprint of which one half is another one is not found', () => {
    const table = new FingerprintTable(seed, () => {});
    table.insert({ low: 1, high: 2 });
    assert.equal(table.find({ low: 1, high: 3 }), none);
    assert.equal(table.find({ low: 2, high: 2 }), none);
    assert.notEqual(table.find({ low: 1, high: 2 }), none);
  });
});
