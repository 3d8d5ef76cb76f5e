import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { SeededChance } from '../../../src/simulator/seeded-chance.ts';

const drawn = (chance: SeededChance, entity: string, purpose = 'test'): number[] =>
  Array.from({ length: 5 }, () => chance.stream(entity, purpose).random());

suite('seeded chance', () => {
  test('is the same for the same seed, on every machine', () => {
    // As a second implementation, in Python, draws them.
    const stream = new SeededChance(7).stream('a', 'test');
    assert.equal(Buffer.from(stream.bytes(10)).toString('hex'), '184e34cb1cb9c4de6404');
    assert.deepEqual([stream.random(), stream.random()], [0.17792984078471263, 0.7393690928598626]);
    assert.deepEqual(drawn(new SeededChance(7), 'a'), drawn(new SeededChance(7), 'a'));
  });

  test('is another for each seed, entity and purpose', () => {
    const numbers = [1, -1, 2].flatMap((seed) =>
      ['', 'a', 'b'].flatMap((entity) =>
        ['x', 'y'].flatMap((purpose) => drawn(new SeededChance(seed), entity, purpose)),
      ),
    );
    assert.equal(new Set(numbers).size, numbers.length);
    const [one, other] = [new SeededChance(1), new SeededChance(1)];
    assert.notDeepEqual(drawn(one, 'a', 'b c'), drawn(other, 'a b', 'c'));
  });

  test('of one stream does not depend on what others draw', () => {
    const chance = new SeededChance(3);
    const numbers: number[] = [];
    for (let round = 0; round < 5; round++) {
      for (let others = 0; others < round; others++) chance.stream(`other ${others}`, 'test').bytes(others);
      numbers.push(chance.stream('a', 'test').random());
      chance.stream('a', 'another purpose').random();
    }
    assert.deepEqual(numbers, drawn(new SeededChance(3), 'a'));
  });

  test('is spread evenly', () => {
    const stream = new SeededChance(11).stream('a', 'test');
    const counts = new Array<number>(16).fill(0);
    for (let index = 0; index < 64_000; index++) counts[Math.floor(stream.random() * 16)]! += 1;
    for (const count of counts) assert.ok(Math.abs(count - 4_000) < 300, `${counts}`);
    const ones = stream
      .bytes(8_000)
      .reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
    assert.ok(Math.abs(ones - 32_000) < 900, `${ones}`);
  });

  test('needs a whole number', () => {
    for (const seed of [0.5, Number.NaN, 2 ** 53]) assert.throws(() => new SeededChance(seed), RangeError);
  });
});
