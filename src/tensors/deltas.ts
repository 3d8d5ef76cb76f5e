import type { Data } from '../base/data.ts';
import { numbersOf, tensorOf } from './arithmetic.ts';
import { tensorLike } from './formats/state-dict.ts';
import { Tensor } from './tensor/tensor.ts';
import { type InFormOf, inFormOf, type TensorOrState, tensorsOf } from './tensor-or-state.ts';

/** Rounds each number to one of 255 levels. The result has a quarter of the bytes of float32. */
export interface Int8Method {
  /** The name of the method. */
  readonly method: 'int8';
}

/** Keeps only the numbers that are furthest from 0. */
export interface TopKMethod {
  /** The name of the method. */
  readonly method: 'topK';
  /** The share of the numbers that is kept: above 0 and at most 1. */
  readonly part: number;
}

/** How updates are compressed. */
export type DeltaMethod = Int8Method | TopKMethod;

/** A compressed update, ready to be sent: the compressed form of each tensor, by its name. */
export type CompressedDelta = { readonly [name: string]: CompressedTensor };

/** All numbers of a tensor, divided by `scale` and rounded. */
export interface Int8Tensor {
  /** The name of the method. */
  readonly method: 'int8';
  /** The factor by which the levels are multiplied. */
  readonly scale: number;
  /** The levels: int8, from -127 to 127, in the shape of the tensor. */
  readonly levels: Tensor;
}

/** Some numbers of a tensor. All other numbers are 0. */
export interface TopKTensor {
  /** The name of the method. */
  readonly method: 'topK';
  /** The indices of the numbers among the elements in row-major order: uint32, ascending. */
  readonly indices: Tensor;
  /** The numbers, in the type of the tensor. */
  readonly values: Tensor;
}

/** One tensor of a {@link CompressedDelta}. */
export type CompressedTensor = Int8Tensor | TopKTensor;

/**
 * Compresses updates. It keeps the error of each compressed update and adds it to the next update (error feedback). So
 * nothing is lost permanently, and training converges as with whole updates: S. P. Karimireddy and others, *Error
 * Feedback Fixes SignSGD and other Gradient Compression Schemes*, ICML 2019. It keeps 8 bytes for each number.
 *
 * @example
 * const compressor = new DeltaCompressor({ method: 'topK', part: 0.01 });
 * node.sendToNodes(compressor.compress(difference(after, before)));
 * // … and on the other side
 * state = add(state, expandDelta(data, state));
 */
export class DeltaCompressor {
  readonly #how: DeltaMethod;
  /** The errors of the updates so far, by the name of the tensor. */
  readonly #residuals = new Map<string, Float64Array>();

  /** @throws TypeError for an unknown method; RangeError if `part` is not above 0 and at most 1. */
  constructor(how: DeltaMethod) {
    const method: unknown = how?.method;
    if (method !== 'int8' && method !== 'topK') {
      throw new TypeError(`method must be 'int8' or 'topK', not ${method}`);
    }
    if (how.method === 'topK' && !(how.part > 0 && how.part <= 1)) {
      throw new RangeError(`part must be above 0 and at most 1, not ${how.part}`);
    }
    this.#how = how;
  }

  /**
   * Compresses an update, after adding the errors of the earlier updates.
   *
   * @param delta float tensors, with the same names and shapes each time.
   * @throws RangeError for numbers that are not finite; TypeError for tensors of integers.
   */
  compress(delta: TensorOrState): CompressedDelta {
    const compressed: [string, CompressedTensor][] = [];
    const residuals: [string, Float64Array][] = [];
    for (const [name, tensor] of tensorsOf(delta)) {
      const numbers = this.#withResidual(name, tensor);
      const made =
        this.#how.method === 'int8' ? int8Of(tensor, numbers) : topKOf(tensor, numbers, this.#how.part);
      const kept = numbersOf(expandTensor(made, tensor, name));
      compressed.push([name, made]);
      residuals.push([name, numbers.map((number, index) => number - kept[index]!)]);
    }
    // Kept only after all tensors were compressed, so that a delta that throws changes nothing.
    for (const [name, residual] of residuals) this.#residuals.set(name, residual);
    return Object.fromEntries(compressed);
  }

  #withResidual(name: string, tensor: Tensor): Float64Array {
    if (!tensor.dtype.includes('float')) {
      throw new TypeError(`${quoted(name)} is ${tensor.dtype}: only floats can be compressed`);
    }
    const residual = this.#residuals.get(name);
    if (residual !== undefined && residual.length !== tensor.size) {
      throw new RangeError(`${quoted(name)} had another size before: use a new DeltaCompressor`);
    }
    const numbers = Float64Array.from(numbersOf(tensor));
    for (let index = 0; index < numbers.length; index++) {
      numbers[index]! += residual?.[index] ?? 0;
      if (!Number.isFinite(numbers[index]!))
        throw new RangeError(`${quoted(name)} holds a number that is not finite`);
    }
    return numbers;
  }
}

/**
 * Restores an update that a {@link DeltaCompressor} compressed. The data may come from an untrusted node: it is checked
 * against `like`, and the memory that it needs depends only on the size of `like`.
 *
 * @param like the tensors to which the update belongs, such as the state dict of this node. The result has the same
 * names, types and shapes.
 * @throws TypeError or RangeError if the data is not a compressed update of `like`.
 */
export function expandDelta<Form extends TensorOrState>(delta: Data, like: Form): InFormOf<Form> {
  const tensors = tensorsOf(like);
  if (typeof delta !== 'object' || delta === null) throw new TypeError('the delta is not an object');
  const names = Object.keys(delta);
  if (names.length !== tensors.size) {
    throw new RangeError(`the delta has ${names.length} tensors, and the state dict ${tensors.size}`);
  }
  const expanded = new Map<string, Tensor>();
  for (const [name, tensor] of tensors) {
    if (!Object.hasOwn(delta, name)) throw new RangeError(`the delta has no tensor ${quoted(name)}`);
    expanded.set(name, expandTensor((delta as Record<string, unknown>)[name], tensor, name));
  }
  return inFormOf(like, expanded);
}

function expandTensor(given: unknown, like: Tensor, name: string): Tensor {
  const { method, scale, ...parts } = (given ?? {}) as Record<string, unknown>;
  const [levels, indices, values] = [parts.levels, parts.indices, parts.values].map(tensorLike);
  const numbers = new Float64Array(like.size);
  if (method === 'int8' && levels?.dtype === 'int8' && typeof scale === 'number') {
    if (String(levels.shape) !== String(like.shape)) throw unfit(name, `its shape is [${levels.shape}]`);
    if (!(scale >= 0 && scale < Number.POSITIVE_INFINITY))
      throw unfit(name, 'its scale is not a finite number');
    levels.toTyped('int8').forEach((level, index) => {
      numbers[index] = level * scale;
    });
  } else if (method === 'topK' && isListOf(indices, 'uint32') && isListOf(values, like.dtype)) {
    const places = indices.toTyped('uint32');
    if (places.length !== values.size) throw unfit(name, 'it has not as many indices as values');
    const given = numbersOf(values);
    for (let index = 0; index < places.length; index++) {
      if (places[index]! >= numbers.length || (index > 0 && places[index]! <= places[index - 1]!)) {
        throw unfit(name, 'its indices are not ascending places in the tensor');
      }
      numbers[places[index]!] = given[index]!;
    }
  } else throw unfit(name, 'it is neither of int8 nor of topK');
  return tensorOf(like, numbers);
}

function isListOf(value: Tensor | undefined, dtype: Tensor['dtype']): value is Tensor {
  return value?.dtype === dtype && value.shape.length === 1;
}

function int8Of({ shape }: Tensor, numbers: Float64Array): Int8Tensor {
  const most = numbers.reduce((found, number) => Math.max(found, Math.abs(number)), 0);
  // The scale may be 0: a subnormal number divided by 127 may be 0.
  const scale = most / 127;
  // The scale of subnormal numbers is rounded so coarsely that a level could exceed 127.
  const levelOf = (number: number): number => Math.max(-127, Math.min(127, Math.round(number / scale)));
  const levels = Int8Array.from(numbers, (number) => (scale === 0 ? 0 : levelOf(number)));
  return { method: 'int8', scale, levels: Tensor.from(levels, { shape }) };
}

function topKOf({ dtype }: Tensor, numbers: Float64Array, part: number): TopKTensor {
  const count = Math.ceil(numbers.length * part);
  const sizes = numbers.map(Math.abs).sort();
  const least = sizes[sizes.length - count] ?? 0;
  // Of numbers that are equally far from 0, the first are taken.
  let ties = count - (sizes.length - firstAbove(sizes, least));
  const indices = new Uint32Array(count);
  const values = new Float64Array(count);
  let taken = 0;
  for (let index = 0; index < numbers.length && taken < count; index++) {
    const size = Math.abs(numbers[index]!);
    if (size < least || (size === least && ties-- <= 0)) continue;
    indices[taken] = index;
    values[taken++] = numbers[index]!;
  }
  return {
    method: 'topK',
    indices: Tensor.from(indices),
    values: tensorOf({ dtype, shape: [count] }, values),
  };
}

/** How many of the sorted numbers are at most `size`. */
function firstAbove(sorted: Float64Array, size: number): number {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (sorted[middle]! <= size) from = middle + 1;
    else to = middle;
  }
  return from;
}

function unfit(name: string, why: string): RangeError {
  return new RangeError(`${quoted(name)} of the delta does not fit the state dict: ${why}`);
}

function quoted(name: string): string {
  return name === '' ? 'the tensor' : `'${name}'`;
}
