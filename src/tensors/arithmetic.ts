import { type DType, isDType, layouts } from './tensor/dtypes.ts';
import { Tensor } from './tensor/tensor.ts';
import { bytesOfNumbers } from './tensor/typed-elements.ts';
import {
  combineTensors,
  type InFormOf,
  mapTensors,
  type TensorOrState,
  tensorsOf,
} from './tensor-or-state.ts';

/*
 * The arithmetic that nodes need to exchange weights. It works on tensors and on state dicts, computes in double
 * precision, and rounds each result once to the type of the tensors, to nearest, ties to even. A typed array counts as
 * a tensor of one dimension, alone and in a state dict.
 */

/**
 * Returns the mean of tensors or state dicts, element by element.
 *
 * @throws TypeError or RangeError if names, types or shapes differ; TypeError for bool.
 */
export function mean<Form extends TensorOrState>(all: readonly Form[]): InFormOf<Form> {
  return weightedMean(
    all,
    all.map(() => 1),
  );
}

/**
 * Returns the weighted mean of tensors or state dicts. A weight may be the number of examples that a state dict was
 * trained on. The weights need not add up to 1.
 *
 * @param weights one weight for each tensor or state dict, at least 0, not all of them 0.
 * @throws TypeError or RangeError if names, types or shapes differ, or for wrong weights; TypeError for bool.
 */
export function weightedMean<Form extends TensorOrState>(
  all: readonly Form[],
  weights: readonly number[],
): InFormOf<Form> {
  if (weights.length !== all.length) {
    throw new RangeError(
      `there must be a weight for each of the ${all.length}, not ${weights.length} weights`,
    );
  }
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (weights.some((weight) => !(weight >= 0)) || !(total > 0 && total < Number.POSITIVE_INFINITY)) {
    if (all.length > 0)
      throw new RangeError(`weights must be numbers of at least 0, not all of them 0: [${weights}]`);
  }
  return combineTensors(all, (tensors) => {
    const sums = new Float64Array(tensors[0]!.size);
    for (const [at, tensor] of tensors.entries()) {
      const weight = weights[at]!;
      const numbers = numbersOf(tensor);
      for (let index = 0; index < sums.length; index++) sums[index]! += weight * numbers[index]!;
    }
    for (let index = 0; index < sums.length; index++) sums[index]! /= total;
    return tensorOf(tensors[0]!, sums);
  });
}

/**
 * Returns `after` minus `before`: the update that a round of training made.
 *
 * @throws RangeError if an integer type cannot hold the difference.
 */
export function difference<Form extends TensorOrState>(after: Form, before: Form): InFormOf<Form> {
  return pairwise(after, before, -1);
}

/** Returns the sum, such as a state dict plus its update. @throws RangeError if an integer type cannot hold the sum. */
export function add<Form extends TensorOrState>(state: Form, update: Form): InFormOf<Form> {
  return pairwise(state, update, 1);
}

/** Multiplies every number by a factor. */
export function scale<Form extends TensorOrState>(state: Form, factor: number): InFormOf<Form> {
  checkNumber('factor', factor);
  return mapTensors(state, (tensor) =>
    tensorOf(
      tensor,
      Float64Array.from(numbersOf(tensor), (number) => number * factor),
    ),
  );
}

/** Limits every number to the range between two bounds. A NaN stays a NaN. */
export function clipByValue<Form extends TensorOrState>(
  state: Form,
  least: number,
  most: number,
): InFormOf<Form> {
  checkNumber('least', least);
  checkNumber('most', most);
  if (least > most) throw new RangeError(`least must be at most most, but ${least} is above ${most}`);
  return mapTensors(state, (tensor) =>
    tensorOf(
      tensor,
      Float64Array.from(numbersOf(tensor), (number) => Math.min(Math.max(number, least), most)),
    ),
  );
}

/**
 * Scales the numbers down if necessary, so that the Euclidean norm is at most `maxNorm`. The norm of a state dict is
 * that of all its numbers together, as in PyTorch's `clip_grad_norm_`.
 *
 * @throws RangeError if the norm is not finite. Such an update is broken, and no factor can repair it.
 */
export function clipByNorm<Form extends TensorOrState>(state: Form, maxNorm: number): InFormOf<Form> {
  if (!(maxNorm > 0)) throw new RangeError(`maxNorm must be above 0, not ${maxNorm}`);
  const length = norm(state);
  if (!Number.isFinite(length)) throw new RangeError(`the norm is ${length}, so it cannot be clipped`);
  return length <= maxNorm ? mapTensors(state, (tensor) => tensor) : scale(state, maxNorm / length);
}

/** Returns the Euclidean norm of all numbers. */
export function norm(state: TensorOrState): number {
  let squares = 0;
  for (const tensor of tensorsOf(state).values()) {
    const numbers = numbersOf(tensor);
    for (let index = 0; index < numbers.length; index++) squares += numbers[index]! ** 2;
  }
  return Math.sqrt(squares);
}

/**
 * Converts the numbers to another type. Numbers become floats by rounding to nearest, ties to even. Floats become
 * integers by cutting off their fractions, as in NumPy and PyTorch. For bool, every number except 0 becomes true.
 *
 * @throws RangeError for numbers that the type cannot hold. NumPy and PyTorch return other numbers instead.
 */
export function cast<Form extends TensorOrState>(state: Form, dtype: DType): InFormOf<Form> {
  if (!isDType(dtype))
    throw new TypeError(`dtype must be one of ${Object.keys(layouts).join(', ')}, not ${dtype}`);
  return mapTensors(state, (tensor) => {
    if (tensor.dtype === dtype) return tensor;
    const elements = tensor.toTyped() as ArrayLike<number | bigint>;
    const numbers =
      isWhole(dtype) && !isWhole(tensor.dtype) && dtype !== 'bool'
        ? Float64Array.from(elements as ArrayLike<number>, Math.trunc)
        : elements;
    return new Tensor(dtype, tensor.shape, bytesOfNumbers(dtype, numbers));
  });
}

/**
 * Returns the elements as numbers.
 *
 * @throws RangeError if a number cannot hold an element exactly; TypeError for bool.
 */
export function numbersOf(tensor: Tensor): ArrayLike<number> {
  if (tensor.dtype === 'bool') throw new TypeError('bool has no arithmetic: convert it with cast() first');
  const elements = tensor.toTyped();
  if (!(elements instanceof BigInt64Array || elements instanceof BigUint64Array)) {
    return elements as ArrayLike<number>;
  }
  return Float64Array.from(elements as ArrayLike<bigint> as ArrayLike<never>, (element: bigint) => {
    const number = Number(element);
    if (!Number.isSafeInteger(number))
      throw new RangeError(`${element} is beyond 2^53: cast it to float64 first`);
    return number;
  });
}

/** Returns a tensor with the type and shape of another one. The numbers are rounded to the type. */
export function tensorOf({ dtype, shape }: Pick<Tensor, 'dtype' | 'shape'>, numbers: Float64Array): Tensor {
  const rounded = isWhole(dtype) ? numbers.map(roundedToEven) : numbers;
  return new Tensor(dtype, shape, bytesOfNumbers(dtype, rounded));
}

function pairwise<Form extends TensorOrState>(one: Form, other: Form, sign: 1 | -1): InFormOf<Form> {
  return combineTensors([one, other], ([left, right]) => {
    const [numbers, others] = [numbersOf(left!), numbersOf(right!)];
    const results = new Float64Array(left!.size);
    for (let index = 0; index < results.length; index++) {
      results[index] = numbers[index]! + sign * others[index]!;
    }
    return tensorOf(left!, results);
  });
}

function isWhole(dtype: DType): boolean {
  return !dtype.includes('float');
}

/** Rounds to the nearest whole number, ties to even. Never returns -0, which an integer type cannot hold. */
function roundedToEven(number: number): number {
  const floor = Math.floor(number);
  const isUp = number - floor > 0.5 || (number - floor === 0.5 && floor % 2 !== 0);
  return (isUp ? floor + 1 : floor) + 0;
}

function checkNumber(name: string, number: number): void {
  if (typeof number !== 'number' || Number.isNaN(number))
    throw new TypeError(`${name} must be a number, not ${number}`);
}
