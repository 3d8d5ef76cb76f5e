import { type DType, maxDimensions } from '../../tensor/dtypes.ts';
import { formatError, named } from '../format-error.ts';
import { Named, PickleDict, PickleList, type PickleValue, Storage, StoredTensor } from './pickle-values.ts';
import { storageClasses, typesWithoutStorage } from './torch-types.ts';

const orderedDict = 'collections.OrderedDict';
const tensorOfTypedStorage = 'torch._utils._rebuild_tensor_v2';
const tensorOfBytes = 'torch._utils._rebuild_tensor_v3';
const parameter = 'torch._utils._rebuild_parameter';
const untypedStorage = 'torch.storage.UntypedStorage';

const known: ReadonlySet<string> = new Set([
  orderedDict,
  tensorOfTypedStorage,
  tensorOfBytes,
  parameter,
  untypedStorage,
  ...[...storageClasses.keys(), ...typesWithoutStorage].map((name) => `torch.${name}`),
]);

/**
 * Returns a class or function that the pickle names.
 *
 * @throws PeerloomError `ERR_TENSOR_FORMAT` if the tensors of a state dict do not need it.
 */
export function namedThing(module: string, name: string): Named {
  const whole = `${module}.${name}`;
  if (known.has(whole)) return new Named(whole);
  throw formatError(
    `the file asks for ${named(whole)}, which the tensors of a state dict do not need: ` +
      'save model.state_dict() alone, or use safetensors',
  );
}

/** Returns what a known class or function would return for its arguments, as data. Nothing is called. */
export function rebuild(callable: PickleValue | undefined, given: PickleValue | undefined): PickleValue {
  const name = callable instanceof Named ? callable.name : undefined;
  const args = given instanceof PickleList ? given.items : [];
  if (name === orderedDict && args.length === 0) return new PickleDict();
  if (name === parameter && args[0] instanceof StoredTensor) return args[0];
  if (name === tensorOfTypedStorage) return tensorOf(args, undefined, args[6]);
  if (name === tensorOfBytes) return tensorOf(args, args[6], args[7]);
  throw damaged('it calls something that is no function of tensors');
}

/** Returns the storage that a persistent id names: `('storage', class, key, location, size)`. */
export function storageOf(id: PickleValue | undefined): Storage {
  const [kind, type, key, , size] = id instanceof PickleList ? id.items : [];
  const name = type instanceof Named ? type.name : '';
  const dtype = storageClasses.get(name.replace(/^torch\./, ''));
  const isTyped = dtype !== undefined || name === untypedStorage;
  if (kind !== 'storage' || !isTyped || typeof key !== 'string')
    throw damaged('a storage has no type or no name');
  return new Storage(dtype, key, wholeOf(size));
}

function tensorOf(
  [storage, offset, shape, strides]: readonly PickleValue[],
  type: PickleValue | undefined,
  metadata: PickleValue | undefined,
): StoredTensor {
  if (!(storage instanceof Storage)) throw damaged('a tensor has no storage');
  const dtype = storage.dtype ?? dtypeOf(type);
  const hasMetadata =
    metadata instanceof PickleDict ? metadata.entries.length > 0 : (metadata ?? null) !== null;
  if (hasMetadata)
    throw formatError('a tensor of the file is a negated or conjugated view: save tensor.resolve_neg()');
  const place = { offset: wholeOf(offset), shape: wholesOf(shape), strides: wholesOf(strides) };
  if (place.shape.length !== place.strides.length) throw damaged('a tensor has more dimensions than strides');
  return new StoredTensor(storage, dtype, place);
}

function dtypeOf(type: PickleValue | undefined): DType {
  const name = type instanceof Named ? type.name : '';
  const dtype = typesWithoutStorage.find((candidate) => name === `torch.${candidate}`);
  if (dtype === undefined) throw damaged('a tensor has no type');
  return dtype;
}

function wholesOf(list: PickleValue | undefined): readonly number[] {
  if (!(list instanceof PickleList)) throw damaged('the shape of a tensor is no tuple');
  if (list.items.length > maxDimensions) {
    throw formatError(
      `a tensor has ${list.items.length} dimensions, and peerloom reads ${maxDimensions} at most`,
    );
  }
  return list.items.map(wholeOf);
}

function wholeOf(value: PickleValue | undefined): number {
  const number = typeof value === 'bigint' ? Number(value) : value;
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 0) return number;
  throw damaged('a length or an offset is not a whole number of at least 0');
}

function damaged(reason: string): Error {
  return formatError(`the pickle of the file is damaged: ${reason}`);
}
