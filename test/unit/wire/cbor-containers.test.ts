import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Data } from '../../../src/base/data.ts';
import { encodeCbor } from '../../../src/wire/payloads/cbor.ts';
import { countCborContainers } from '../../../src/wire/payloads/cbor-containers.ts';

suite('what CBOR holds is counted from its heads', () => {
  const examples: [Data, number][] = [
    [5, 0],
    ['text with [lists] and {objects}', 0],
    [[], 1],
    [[[], {}, new Uint8Array(3)], 4],
    [{ a: 1, b: { c: Int16Array.of(1, 2) } }, 3],
    [['\ud800'], 2],
    [[-0, 1.1, 2 ** 40, 300, 70_000, null, true], 1],
  ];
  for (const [data, count] of examples) {
    test(JSON.stringify(data), () => assert.equal(countCborContainers(encodeCbor(data)), count));
  }

  test('whatever the size of a length', () => {
    for (const length of [23, 24, 255, 256, 65_535, 65_536]) {
      const lists = Array.from({ length }, () => []);
      assert.equal(countCborContainers(encodeCbor(lists)), 1 + length);
      const binary = [new Uint8Array(length).fill(0x80), '\u0080'.repeat(length), []];
      assert.equal(countCborContainers(encodeCbor(binary)), 3);
    }
  });

  test('and no further than asked', () => {
    assert.equal(countCborContainers(new Uint8Array(1_000).fill(0x80), 10), 11);
  });

  test('of what is no CBOR as well, which has an end', () => {
    for (const bytes of ['', 'bb', 'bbffffffffffffffff', '5bffffffffffffffff00', '9f80ff', '1c', 'fe']) {
      assert.ok(countCborContainers(Buffer.from(bytes, 'hex')) >= 0, bytes);
    }
  });
});
