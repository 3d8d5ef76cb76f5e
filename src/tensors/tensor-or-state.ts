import { entriesOf, type StateDictLike, stateOf, type TensorLike, tensorLike } from './formats/state-dict.ts';
import type { Tensor } from './tensor/tensor.ts';

/** An argument of arithmetic: a tensor, or a state dict with all its tensors. */
export type TensorOrState = TensorLike | StateDictLike;

/** A result of arithmetic: a tensor for a tensor, and a state dict with the same names for a state dict. */
export type InFormOf<Form extends TensorOrState> = Form extends TensorLike
  ? Tensor
  : { readonly [Name in keyof Form]: Tensor };

/** The name of a tensor that is not in a state dict. */
const loneName = '';

/** Returns the tensors by name. @throws TypeError if the argument is neither a tensor nor a state dict. */
export function tensorsOf(given: TensorOrState): ReadonlyMap<string, Tensor> {
  const lone = tensorLike(given);
  return new Map(lone === undefined ? entriesOf(given as StateDictLike) : [[loneName, lone]]);
}

/** Returns the tensors in the form of the first argument: a tensor for a tensor, a state dict for a state dict. */
export function inFormOf<Form extends TensorOrState>(
  form: Form,
  tensors: ReadonlyMap<string, Tensor>,
): InFormOf<Form> {
  const made = tensorLike(form) === undefined ? stateOf(tensors) : tensors.get(loneName)!;
  return made as unknown as InFormOf<Form>;
}

/** Replaces each tensor by the result of `change`. */
export function mapTensors<Form extends TensorOrState>(
  form: Form,
  change: (tensor: Tensor, name: string) => Tensor,
): InFormOf<Form> {
  const changed = new Map<string, Tensor>();
  for (const [name, tensor] of tensorsOf(form)) changed.set(name, change(tensor, name));
  return inFormOf(form, changed);
}

/**
 * Combines the tensors that have the same name in all state dicts.
 *
 * @throws TypeError or RangeError if names, types or shapes differ.
 */
export function combineTensors<Form extends TensorOrState>(
  all: readonly Form[],
  combine: (tensors: readonly Tensor[]) => Tensor,
): InFormOf<Form> {
  const [first] = all;
  if (first === undefined)
    throw new RangeError('nothing is given: at least one tensor or state dict is needed');
  const others = all.map(tensorsOf);
  for (const other of others) {
    if (other.size !== others[0]!.size)
      throw new RangeError('the state dicts have different numbers of tensors');
  }
  return mapTensors(first, (tensor, name) => {
    const tensors = others.map((other) => other.get(name));
    for (const other of tensors) checkAlike(tensor, other, name);
    return combine(tensors as Tensor[]);
  });
}

/** @throws TypeError or RangeError if the tensors do not have the same type and shape. */
export function checkAlike(tensor: Tensor, other: Tensor | undefined, name: string): asserts other is Tensor {
  const what = name === loneName ? 'the tensors' : `the tensors '${name}'`;
  if (other === undefined) throw new RangeError(`the state dicts do not all have a tensor '${name}'`);
  if (other.dtype !== tensor.dtype) {
    throw new TypeError(
      `${what} have different types, ${tensor.dtype} and ${other.dtype}: convert one with cast()`,
    );
  }
  if (String(other.shape) !== String(tensor.shape)) {
    throw new RangeError(`${what} have different shapes, [${tensor.shape}] and [${other.shape}]`);
  }
}
