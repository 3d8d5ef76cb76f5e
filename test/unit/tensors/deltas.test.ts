import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { Data } from '../../../src/index.ts';
import {
  add,
  type CompressedDelta,
  DeltaCompressor,
  difference,
  expandDelta,
  Tensor,
} from '../../../src/tensors/index.ts';
import { decodePayload, encodePayload } from '../../../src/wire/payloads/payload.ts';

const throughTheWire = (data: Data): Data => {
  const { format, body } = encodePayload(data);
  return decodePayload(format, body.slice());
};
const like = { w: Tensor.from(new Float32Array(6), { shape: [2, 3] }) };
const delta = { w: Tensor.from(Float32Array.of(0.5, -2, 0.001, 1, 0, -0.75), { shape: [2, 3] }) };

suite('a compressed delta', () => {
  test('of topK holds the numbers furthest from 0, at their places', () => {
    const compressed = new DeltaCompressor({ method: 'topK', part: 0.5 }).compress(delta);
    assert.deepEqual(compressed, {
      w: {
        method: 'topK',
        indices: Tensor.from(Uint32Array.of(1, 3, 5)),
        values: Tensor.from(Float32Array.of(-2, 1, -0.75)),
      },
    });
    const expanded = expandDelta(throughTheWire(compressed), like);
    assert.deepEqual(expanded.w.toTyped(), Float32Array.of(0, -2, 0, 1, 0, -0.75));
  });

  test('of int8 has 255 levels, and each number is at most half a level off', () => {
    const compressed = new DeltaCompressor({ method: 'int8' }).compress(delta);
    const expanded = expandDelta(throughTheWire(compressed), like).w.toTyped('float32');
    const exact = delta.w.toTyped('float32');
    expanded.forEach((number, index) => {
      assert.ok(Math.abs(number - exact[index]!) <= 2 / 127 / 2 + 1e-6, `${number}`);
    });
    assert.equal(expanded[1], -2);
  });

  test('of equal numbers, of none, and of zeros alone', () => {
    const compressor = new DeltaCompressor({ method: 'topK', part: 0.5 });
    const { values, indices } = compressor.compress(Tensor.from([1, -1, 1, 1]))['']! as {
      values: Tensor;
      indices: Tensor;
    };
    assert.deepEqual([indices.size, values.size], [2, 2]);
    for (const how of [{ method: 'int8' }, { method: 'topK', part: 1 }] as const) {
      for (const tensor of [
        Tensor.from([]),
        Tensor.from([0, 0]),
        Tensor.from(0),
        Tensor.from([5e-324], { dtype: 'float64' }),
      ]) {
        const made = new DeltaCompressor(how).compress(tensor);
        if (how.method === 'topK') assert.deepEqual(expandDelta(made, tensor), tensor);
        else assert.equal(expandDelta(made, tensor).size, tensor.size);
      }
    }
  });

  test('gives the next one what it left out: the sum of all arrives in the end', () => {
    const steps = fc.array(
      fc.array(fc.float({ min: -1, max: 1, noNaN: true }), { minLength: 8, maxLength: 8 }),
      { minLength: 1, maxLength: 10 },
    );
    for (const how of [{ method: 'int8' }, { method: 'topK', part: 0.25 }] as const) {
      fc.assert(
        fc.property(steps, (all) => {
          const compressor = new DeltaCompressor(how);
          const zero = Tensor.from(new Float64Array(8));
          let [sent, arrived] = [zero, zero];
          for (const numbers of [...all, ...Array.from({ length: 40 }, () => new Array<number>(8).fill(0))]) {
            const update = Tensor.from(numbers, { dtype: 'float64' });
            sent = add(sent, update);
            arrived = add(arrived, expandDelta(compressor.compress(update), zero));
          }
          const left = difference(sent, arrived).toTyped('float64');
          assert.ok(
            left.every((number) => Math.abs(number) < 1e-9),
            `${left}`,
          );
        }),
        { numRuns: 30 },
      );
    }
  });

  test('is refused where it cannot be made, and leaves nothing behind', () => {
    const compressor = new DeltaCompressor({ method: 'int8' });
    assert.throws(
      () => compressor.compress({ a: Tensor.from([1]), b: Tensor.from([Number.NaN]) }),
      /'b' holds a number/,
    );
    assert.deepEqual(expandDelta(compressor.compress({ a: Tensor.from([0]) }), { a: Tensor.from([0]) }), {
      a: Tensor.from([0]),
    });
    assert.throws(() => compressor.compress({ a: Tensor.from([1n]) }), /'a' is int64: only floats/);
    assert.throws(() => compressor.compress({ a: Tensor.from([1, 2]) }), /had another size before/);
    assert.throws(
      () => new DeltaCompressor({ method: 'zip' } as never),
      /method must be 'int8' or 'topK', not zip/,
    );
    assert.throws(() => new DeltaCompressor({ method: 'topK', part: 0 }), /part must be above 0/);
  });
});

suite('a delta of somebody else is checked against what it belongs to', () => {
  const topK = (indices: number[], values: number[]): Data => ({
    w: {
      method: 'topK',
      indices: Tensor.from(Uint32Array.from(indices)),
      values: Tensor.from(Float32Array.from(values)),
    },
  });
  const int8 = (scale: unknown, shape: number[]): Data => ({
    w: {
      method: 'int8',
      scale,
      levels: Tensor.from(new Int8Array(shape.reduce((one, other) => one * other, 1)), { shape }),
    } as Data,
  });
  const refused: Record<string, Data> = {
    nothing: null,
    'a list': [],
    'another name': { v: null },
    'one name more': { ...(topK([0], [1]) as object), v: null },
    'no method': { w: { indices: 1 } },
    'a place beyond the tensor': topK([6], [1]),
    'a place twice': topK([1, 1], [1, 2]),
    'places out of order': topK([2, 1], [1, 2]),
    'more values than places': topK([1], [1, 2]),
    'values of another type': {
      w: { method: 'topK', indices: Tensor.from(Uint32Array.of(0)), values: Tensor.from([1n]) },
    },
    'another shape': int8(1, [3, 2]),
    'a scale that is not finite': int8(Number.NaN, [2, 3]),
    'a scale that is text': int8('1', [2, 3]),
    'levels that are floats': { w: { method: 'int8', scale: 1, levels: like.w } },
  };
  for (const [what, data] of Object.entries(refused)) {
    test(what, () => assert.throws(() => expandDelta(data as CompressedDelta, like), /TypeError|RangeError/));
  }
});
