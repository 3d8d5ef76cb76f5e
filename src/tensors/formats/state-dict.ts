import { checkType, checkWellFormed, shown } from '../../base/arguments.ts';
import { Tensor } from '../tensor/tensor.ts';
import { elementTypeOf, type NumericTypedArray } from '../tensor/typed-arrays.ts';

/**
 * The tensors of a model by name, which PyTorch calls a state dict. Its own keys are the names. A state dict from an
 * untrusted source may have any names, even `'constructor'`, so inspect it with `Object.keys` and `Object.hasOwn`.
 */
export type StateDict = Readonly<Record<string, Tensor>>;

/**
 * A tensor, or a typed array, which counts as a tensor of one dimension. NumPy arrays of one dimension arrive as typed
 * arrays. A `Uint8Array` is bytes and not a tensor: NumPy arrays of uint8 arrive as a `Tensor`.
 */
export type TensorLike = Tensor | NumericTypedArray;

/** A state dict as an argument of functions. Typed arrays count as tensors of one dimension. */
export type StateDictLike = Readonly<Record<string, TensorLike>>;

/** A tensor and its name. */
export type NamedTensor = readonly [name: string, tensor: Tensor];

/** Creates a state dict. Every name becomes an own property, even `__proto__`. */
export function stateOf(entries: Iterable<NamedTensor>): StateDict {
  return Object.fromEntries(entries);
}

/**
 * Returns the tensors of a state dict, in the order of the object's keys.
 *
 * @throws TypeError if a value is not a tensor or typed array, or a name cannot be encoded in UTF-8.
 */
export function entriesOf(state: StateDictLike): readonly NamedTensor[] {
  return Object.entries(checkType('state', state, 'object')).map(([name, value]) => {
    checkWellFormed('the name of a tensor', name);
    const tensor = tensorLike(value);
    if (tensor !== undefined) return [name, tensor];
    throw new TypeError(
      `state[${shown(name)}] must be a Tensor or a typed array, not ${shown(value)}: Tensor.from() makes one`,
    );
  });
}

/** Returns the tensor, or a tensor that uses the memory of the typed array. `undefined` for other values. */
export function tensorLike(value: unknown): Tensor | undefined {
  if (value instanceof Tensor) return value;
  return elementTypeOf(value) === undefined ? undefined : Tensor.from(value as NumericTypedArray);
}
