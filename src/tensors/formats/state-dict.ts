import { checkType, checkWellFormed, shown } from '../../base/arguments.ts';
import { Tensor } from '../tensor/tensor.ts';
import { elementTypeOf, type NumericTypedArray } from '../tensor/typed-arrays.ts';

/**
 * The tensors of a model by name: what PyTorch calls a state dict. Its own keys are the names. A state dict that came
 * from elsewhere may have any names, `'constructor'` too, so look at it with `Object.keys` and `Object.hasOwn`.
 */
export type StateDict = Readonly<Record<string, Tensor>>;

/**
 * A tensor, or a typed array in the place of one with one dimension. NumPy arrays of one dimension arrive as these. A
 * `Uint8Array` is bytes, and no tensor: NumPy's of uint8 arrive as a `Tensor`.
 */
export type TensorLike = Tensor | NumericTypedArray;

/** A state dict as functions take it: typed arrays may stand for tensors of one dimension. */
export type StateDictLike = Readonly<Record<string, TensorLike>>;

/** A tensor and its name. */
export type NamedTensor = readonly [name: string, tensor: Tensor];

/** Every name becomes a property of its own, `__proto__` too. */
export function stateOf(entries: Iterable<NamedTensor>): StateDict {
  return Object.fromEntries(entries);
}

/**
 * What a function was given, in the order of the object's keys.
 *
 * @throws TypeError for anything but tensors and typed arrays, and for names that UTF-8 cannot write.
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

/** The tensor, or one over the memory of the typed array; `undefined` for anything else. */
export function tensorLike(value: unknown): Tensor | undefined {
  if (value instanceof Tensor) return value;
  return elementTypeOf(value) === undefined ? undefined : Tensor.from(value as NumericTypedArray);
}
