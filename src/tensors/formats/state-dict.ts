import { checkType, checkWellFormed, shown } from '../../base/arguments.ts';
import { Tensor } from '../tensor/tensor.ts';

/**
 * The tensors of a model by name: what PyTorch calls a state dict. Its own keys are the names. A state dict that came
 * from elsewhere may have any names, `'constructor'` too, so look at it with `Object.keys` and `Object.hasOwn`.
 */
export type StateDict = Readonly<Record<string, Tensor>>;

/** A tensor and its name. */
export type NamedTensor = readonly [name: string, tensor: Tensor];

/** Every name becomes a property of its own, `__proto__` too. */
export function stateOf(entries: Iterable<NamedTensor>): StateDict {
  return Object.fromEntries(entries);
}

/**
 * What a writer was given, in the order of the object's keys.
 *
 * @throws TypeError for anything but tensors, and for names that UTF-8 cannot write.
 */
export function entriesOf(state: StateDict): readonly NamedTensor[] {
  const entries = Object.entries(checkType('state', state, 'object'));
  for (const [name, tensor] of entries) {
    checkWellFormed('the name of a tensor', name);
    if (tensor instanceof Tensor) continue;
    throw new TypeError(
      `state[${shown(name)}] must be a Tensor, not ${shown(tensor)}: Tensor.from() makes one`,
    );
  }
  return entries;
}
