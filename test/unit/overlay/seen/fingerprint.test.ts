import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { seededHash } from '../../../../src/overlay/seen/fingerprint.ts';
import { randomFrom } from '../../../support/random-from.ts';

const places = 4_096;
const count = places / 2;

suite('fingerprints that a remote chooses', () => {
  const families: Record<string, (index: number) => readonly [low: number, high: number]> = {
    'that differ in the high bits of one half': (index) => [index << 20, 7],
    'that differ in the high bits of the other half': (index) => [7, index << 20],
    'that differ in the high bits of both': (index) => [index << 26, (index >>> 6) << 26],
    'that differ in the low bits': (index) => [index, 0],
    'of equal halves': (index) => [index, index],
    'whose halves add up to the same': (index) => [index << 16, -(index << 16)],
    'that are multiples of the number of places': (index) => [index * places, index * places],
  };
  for (const [name, fingerprintOf] of Object.entries(families)) {
    test(`${name} spread over all places, whatever the seed`, () => {
      const random = randomFrom(5);
      for (let trial = 0; trial < 20; trial++) {
        const seed = { low: random() * 2 ** 32, high: random() * 2 ** 32 };
        const taken = new Map<number, number>();
        for (let index = 0; index < count; index++) {
          const place = seededHash(...fingerprintOf(index), seed) & (places - 1);
          taken.set(place, (taken.get(place) ?? 0) + 1);
        }
        const most = Math.max(...taken.values());
        assert.ok(most <= 9, `${most} of ${count} in one of ${places} places`);
      }
    });
  }

  test('have other places with another seed', () => {
    const seeds = Array.from({ length: 32 }, (_, bit) => [
      { low: 1 << bit, high: 0 },
      { low: 0, high: 1 << bit },
    ]).flat();
    const hashes = new Set([{ low: 0, high: 0 }, ...seeds].map((seed) => seededHash(1, 2, seed)));
    assert.equal(hashes.size, 65);
  });
});
