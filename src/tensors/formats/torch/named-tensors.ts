import { formatError, named } from '../format-error.ts';
import { PickleDict, PickleList, type PickleValue, StoredTensor } from './pickle-values.ts';

/** How deeply dicts and lists may be nested. */
const maxDepth = 32;
const maxNameCharacters = 4096;

/** The name of the tensor if the file contains a tensor instead of a dict. */
const nameOfOne = 'tensor';

/**
 * Returns the tensors in a value, by name. A name is made of keys of dicts and indices of lists, joined with dots, as
 * PyTorch joins the names of modules. Numbers and texts are left out.
 *
 * @param maxValues the most values that are visited. Without a limit, a file that repeats a dict within dicts could
 * name more tensors than fit into memory.
 */
export function namedTensors(root: PickleValue, maxValues: number): ReadonlyMap<string, StoredTensor> {
  const found = new Map<string, StoredTensor>();
  let values = 0;
  const visit = (value: PickleValue, path: string, depth: number): void => {
    values += 1;
    if (values > maxValues || depth > maxDepth) {
      throw formatError('the file repeats or nests its dicts more than a state dict does');
    }
    if (value instanceof StoredTensor) {
      const name = path === '' && depth === 0 ? nameOfOne : path;
      if (found.has(name)) throw formatError(`the file has the tensor ${named(name)} twice`);
      found.set(name, value);
      return;
    }
    for (const [key, inner] of childrenOf(value)) {
      const next = depth === 0 ? String(key) : `${path}.${String(key)}`;
      if (next.length > maxNameCharacters) {
        throw formatError(`a tensor of the file has a name of more than ${maxNameCharacters} characters`);
      }
      visit(inner, next, depth + 1);
    }
  };
  visit(root, '', 0);
  return found;
}

function childrenOf(
  value: PickleValue,
): Iterable<readonly [key: string | number | bigint, value: PickleValue]> {
  if (value instanceof PickleList) return value.items.entries();
  if (!(value instanceof PickleDict)) return [];
  return value.entries.map(([key, inner]) => {
    if (typeof key === 'string' || typeof key === 'number' || typeof key === 'bigint') return [key, inner];
    throw formatError('a dict of the file has a key that is neither text nor a number');
  });
}
