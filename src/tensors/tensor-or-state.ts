import { entriesOf, type StateDictLike, stateOf, type TensorLike, tensorLike } from './formats/state-dict.ts';
import type { Tensor } from './tensor/tensor.ts';

/** What arithmetic works on: a tensor, or all tensors of a state dict at once. */
export type TensorOrState = TensorLike | StateDictLike;

/** What arithmetic returns: a tensor for a tensor, and for a state dict one of the same names. */
export type InFormOf<Form extends TensorOrState> = Form extends TensorLike
  ? Tensor
  : { readonly [Name in keyof Form]: Tensor };

/** The name that a lone tensor has in the place of a state dict. */
const loneName = '';

/** The tensors by name. @throws TypeError for anything else. */
export function tensorsOf(given: TensorOrState): ReadonlyMap<string, Tensor> {
  const lone = tensorLike(given);
  return new Map(lone === undefined ? entriesOf(given as StateDictLike) : [[loneName, lone]]);
}

/** The tensors in the form of the first argument: a tensor for a tensor, an object for an object. */
export function inFormOf<Form extends TensorOrState>(
  form: Form,
  tensors: ReadonlyMap<string, Tensor>,
): InFormOf<Form> {
  const made = tensorLike(form) === undefined ? stateOf(tensors) : tensors.get(loneName)!;
  return made as unknown as InFormOf<Form>;
}

/** Makes of each tensor another one. */
export function mapTensors<Form extends TensorOrState>(
  form: Form,
  change: (tensor: Tensor, name: string) => Tensor,
): InFormOf<Form> {
  const changed = new Map<string, Tensor>();
  for (const [name, tensor] of tensorsOf(form)) changed.set(name, change(tensor, name));
  return inFormOf(form, changed);
}

/**
 * Makes of the tensors of one name in all of them another one.
 *
 * @throws TypeError, RangeError where names, types or shapes differ.
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

/** @throws TypeError, RangeError unless both have one type and one shape. */
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
