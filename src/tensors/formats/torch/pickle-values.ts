import type { DType } from '../../tensor/dtypes.ts';

/**
 * A value in the pickle of a state dict. No value is code: a `Named` value is only a module and a name, which are
 * compared with the few that the reader knows.
 */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | PickleList
  | PickleDict
  | Named
  | Storage
  | StoredTensor;

/** A list or a tuple. */
export class PickleList {
  readonly items: PickleValue[];

  constructor(items: PickleValue[]) {
    this.items = items;
  }
}

/** A dict or an OrderedDict. */
export class PickleDict {
  readonly entries: [key: PickleValue, value: PickleValue][] = [];
}

/** A class or a function of Python. Only its name is known. */
export class Named {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** The memory of tensors: an entry `data/key` of the archive. */
export class Storage {
  /** The type of the elements. `undefined` if the tensors name their type themselves. */
  readonly dtype: DType | undefined;
  readonly key: string;
  /** The number of elements. They are bytes if the storage has no type. */
  readonly size: number;

  constructor(dtype: DType | undefined, key: string, size: number) {
    this.dtype = dtype;
    this.key = key;
    this.size = size;
  }
}

/** A tensor as the pickle describes it. It has not been checked against the storage. */
export class StoredTensor {
  readonly storage: Storage;
  readonly dtype: DType;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];

  constructor(storage: Storage, dtype: DType, place: Pick<StoredTensor, 'offset' | 'shape' | 'strides'>) {
    this.storage = storage;
    this.dtype = dtype;
    this.offset = place.offset;
    this.shape = place.shape;
    this.strides = place.strides;
  }
}
