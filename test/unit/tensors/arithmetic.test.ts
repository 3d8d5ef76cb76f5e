import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import {
  add,
  cast,
  checksum,
  clipByNorm,
  clipByValue,
  type DType,
  difference,
  mean,
  norm,
  Tensor,
  weightedMean,
} from '../../../src/tensors/index.ts';

/** The bytes that NumPy 1.24 and PyTorch 1.13 have for the results are written here in hexadecimal. */
const hex = ({ data }: Tensor): string => Buffer.from(data).toString('hex');
const ofHex = (dtype: DType, shape: number[], bytes: string): Tensor =>
  new Tensor(dtype, shape, Uint8Array.from(Buffer.from(bytes, 'hex')));

const a = Tensor.from(Float32Array.of(0.1, -2.5, 3e38, 1e-45));
const b = Tensor.from(Float32Array.of(0.3, 1.25, 2e38, 0));
const c = Tensor.from(Float32Array.of(7, -0.5, 1e38, 3e-45));

suite('means and differences are those of NumPy', () => {
  test('mean of float32, computed in float64: past the largest float32 on the way', () => {
    assert.equal(hex(mean([a, b, c])), 'dedd1d40555515bf9976167f01000000');
  });

  test('of typed arrays as of tensors, alone and in state dicts', () => {
    const [one, other] = [a, b].map((tensor) => tensor.toTyped('float32'));
    assert.deepEqual(mean([one!, other!]), mean([a, b]));
    const states = [
      { weight: Tensor.from([[1, 2]]), bias: one! },
      { weight: Tensor.from([[3, 4]]), bias: other! },
    ];
    const averaged = mean(states);
    assert.deepEqual(averaged, { weight: Tensor.from([[2, 3]]), bias: mean([a, b]) });
    assert.deepEqual(mean([{ bias: one! }, { bias: b }]), { bias: mean([a, b]) });
    assert.deepEqual(clipByNorm({ bias: Float32Array.of(1) }, 2), { bias: Tensor.from([1]) });
    assert.equal(norm(Float64Array.of(3, 4)), 5);
    assert.equal(checksum({ bias: one! }), checksum({ bias: a }));
    assert.throws(() => mean([{ bias: Uint8Array.of(1) } as never]), /must be a Tensor or a typed array/);
  });

  test('weighted mean', () => {
    assert.equal(hex(weightedMean([a, b, c], [1, 2, 5])), 'cdcc8e400000a0bee6b1e17e01000000');
  });

  test('difference, whose sum with the first is the second again', () => {
    assert.equal(hex(difference(a, b)), 'cecc4cbe000070c09a76967e01000000');
    const [one, other] = [Tensor.from([[1, 2.5]]), Tensor.from([[-4, 0.25]])];
    assert.deepEqual(add(one, difference(other, one)), other);
  });

  test('mean of float16', () => {
    const of16 = (bytes: string): Tensor => ofHex('float16', [3], bytes);
    assert.equal(hex(mean([of16('662e66329a39'), of16('cd3400c4d063')])), '66329abfd15f');
  });

  test('mean of integers, to the nearest, ties to even', () => {
    const means = mean([Tensor.from(Uint8Array.of(1, 2, 250)), Tensor.from(Uint8Array.of(2, 3, 251))]);
    assert.deepEqual(means, Tensor.from(Uint8Array.of(2, 2, 250)));
    assert.deepEqual(mean([Tensor.from(-1n), Tensor.from(-2n)]), Tensor.from(-2n));
    assert.deepEqual(mean([Tensor.from(-1n), Tensor.from(0n)]), Tensor.from(0n));
  });

  test('state dicts, name by name', () => {
    const one = { bias: Tensor.from([1, 3]), steps: Tensor.from(10n) };
    const other = { steps: Tensor.from(20n), bias: Tensor.from([3, 5]) };
    assert.deepEqual(mean([one, other]), { bias: Tensor.from([2, 4]), steps: Tensor.from(15n) });
    assert.deepEqual(difference(other, one), { bias: Tensor.from([2, 2]), steps: Tensor.from(10n) });
  });

  test('a name that every object has is only a name', () => {
    const state = Object.fromEntries([['__proto__', Tensor.from([1])]]);
    assert.deepEqual(Object.keys(mean([state, state])), ['__proto__']);
  });

  test('what does not fit together is refused, by its name', () => {
    assert.throws(() => mean([]), /RangeError: nothing is given/);
    assert.throws(() => mean([{ w: a }, {}]), /different numbers of tensors/);
    assert.throws(() => mean<Record<string, Tensor>>([{ w: a }, { v: a }]), /do not all have a tensor 'w'/);
    assert.throws(
      () => mean([{ w: a }, { w: Tensor.from([1n]) }]),
      /'w' have different types, float32 and int64/,
    );
    assert.throws(() => mean([a, Tensor.from([1])]), /the tensors have different shapes, \[4\] and \[1\]/);
    assert.throws(() => mean([Tensor.from([true])]), /TypeError: bool has no arithmetic/);
    assert.throws(
      () => mean([{ w: 1 }] as never),
      /TypeError: state\['w'\] must be a Tensor or a typed array, not 1/,
    );
    assert.throws(() => mean([Tensor.from([2n ** 60n])]), /beyond 2\^53/);
    assert.throws(() => weightedMean([a, b], [1]), /a weight for each/);
    for (const weights of [
      [0, 0],
      [-1, 2],
      [Number.NaN, 1],
      [1, Number.POSITIVE_INFINITY],
    ]) {
      assert.throws(() => weightedMean([a, b], weights), /weights must be/);
    }
    const small = Tensor.from(Uint8Array.of(1));
    assert.throws(
      () => difference(small, Tensor.from(Uint8Array.of(2))),
      /RangeError: -1 does not fit into uint8/,
    );
  });
});

suite('clip', () => {
  test('by value', () => {
    assert.deepEqual(clipByValue(Tensor.from([-3, 0.5, 9]), -1, 2), Tensor.from([-1, 0.5, 2]));
    assert.throws(() => clipByValue(a, 2, 1), RangeError);
  });

  test('by the norm of all numbers together', () => {
    const state = { a: Tensor.from([3, 4]), b: Tensor.from([12]) };
    assert.equal(norm(state), 13);
    assert.deepEqual(clipByNorm(state, 6.5), { a: Tensor.from([1.5, 2]), b: Tensor.from([6]) });
    assert.deepEqual(clipByNorm(state, 13), state);
    assert.throws(() => clipByNorm(Tensor.from([Number.NaN]), 1), /the norm is NaN/);
    assert.throws(() => clipByNorm(state, 0), /maxNorm must be above 0/);
  });
});

suite('cast', () => {
  test('rounds as NumPy and PyTorch do', () => {
    const float64 = [
      0.1,
      1 / 3,
      65504,
      65519,
      65520,
      1e-8,
      2.98e-8,
      2049,
      -0,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      6e-8,
    ];
    const to16 = cast(Tensor.from(float64, { dtype: 'float64' }), 'float16');
    assert.equal(hex(to16), '662e5535ff7bff7b007c0000000000680080007e007c0100');
    const float32 = [0.1, 1 / 3, 3.3895e38, 3.4e38, 1.00390625, 1.01171875, -1e-40];
    assert.equal(hex(cast(Tensor.from(float32), 'bfloat16')), 'cd3dab3e7f7f807f803f823f0180');
    const wide = Tensor.from([0.1, 1e40, -1e-50], { dtype: 'float64' });
    assert.equal(hex(cast(wide, 'float32')), 'cdcccc3d0000807f00000080');
    assert.deepEqual(
      cast(Tensor.from([1.9, -1.9, 0.5, -0.5, 127.9]), 'int8'),
      Tensor.from(Int8Array.of(1, -1, 0, 0, 127)),
    );
    assert.deepEqual(
      cast(Tensor.from([2n ** 62n, -5n]), 'float64'),
      Tensor.from(Float64Array.of(2 ** 62, -5)),
    );
    assert.deepEqual(
      cast(Tensor.from([0.5, 0, -0, Number.NaN]), 'bool'),
      Tensor.from([true, false, false, true]),
    );
    assert.deepEqual(cast(Tensor.from([true, false]), 'int64'), Tensor.from([1n, 0n]));
  });

  test('refuses what the type cannot hold', () => {
    assert.throws(() => cast(Tensor.from([128]), 'int8'), /RangeError: 128 does not fit into int8/);
    assert.throws(() => cast(Tensor.from([Number.NaN]), 'int32'), RangeError);
    assert.throws(() => cast(Tensor.from([Number.POSITIVE_INFINITY]), 'int64'), RangeError);
    assert.throws(() => cast(Tensor.from([-1n]), 'uint64'), RangeError);
    assert.throws(() => cast(a, 'float8' as DType), /dtype must be one of/);
  });

  test('to a wider type and back gives the same tensor', () => {
    const widenings: [DType, DType][] = [
      ['float16', 'float32'],
      ['bfloat16', 'float32'],
      ['float32', 'float64'],
      ['int8', 'int64'],
      ['uint32', 'float64'],
      ['bool', 'uint8'],
      ['int16', 'float32'],
    ];
    for (const [narrow, wide] of widenings) {
      fc.assert(
        fc.property(fc.array(fc.integer({ min: 0, max: 127 })), (numbers) => {
          const halves = narrow.includes('float') ? numbers.map((number) => number / 2) : numbers;
          const values = narrow === 'bool' ? numbers.map((number) => number % 2) : halves;
          const tensor = Tensor.from(values, { dtype: narrow });
          assert.deepEqual(cast(cast(tensor, wide), narrow), tensor);
        }),
        { numRuns: 20 },
      );
    }
  });

  test('half precision rounds as Float16Array does', (t) => {
    if (!('Float16Array' in globalThis)) return t.skip('this runtime lacks it');
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.double(),
            fc.double({ min: -70_000, max: 70_000 }),
            fc.double({ min: -1e-4, max: 1e-4 }),
          ),
        ),
        (numbers) => {
          const expected = Array.from(Float16Array.from(numbers));
          const tensor = cast(Tensor.from(numbers, { dtype: 'float64' }), 'float16');
          assert.deepEqual(Array.from(tensor.toTyped('float16')), expected);
        },
      ),
    );
  });
});

test('means lie between the least and the most, and of equal tensors are these', () => {
  const numbers = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), {
    minLength: 3,
    maxLength: 3,
  });
  fc.assert(
    fc.property(fc.array(numbers, { minLength: 1, maxLength: 5 }), (all) => {
      const tensors = all.map((one) => Tensor.from(Float32Array.from(one)));
      const means = mean(tensors).toTyped('float32');
      means.forEach((number, index) => {
        const column = all.map((one) => one[index]!);
        assert.ok(number >= Math.min(...column) && number <= Math.max(...column));
      });
      // Of equal numbers, the mean of -0 may be 0.
      mean([tensors[0]!, tensors[0]!])
        .toTyped('float32')
        .forEach((number, index) => {
          assert.ok(number === all[0]![index]);
        });
    }),
  );
});

test('a checksum is that of names, types, shapes and bytes, in any order of the names', () => {
  const state = { b: Tensor.from([1]), a: Tensor.from([[2n]]) };
  const hash = createHash('sha256');
  hash
    .update('["a","int64",[1,1]]\n')
    .update(state.a.data)
    .update('["b","float32",[1]]\n')
    .update(state.b.data);
  const expected = hash.digest('hex');
  assert.equal(checksum(state), expected);
  assert.equal(checksum({ a: state.a, b: state.b }), expected);
  assert.notEqual(checksum({ ...state, b: Tensor.from([[1]]) }), expected);
  assert.notEqual(checksum({ a: state.a, c: state.b }), expected);
  assert.equal(
    checksum(state.b),
    createHash('sha256').update('["","float32",[1]]\n').update(state.b.data).digest('hex'),
  );
});
