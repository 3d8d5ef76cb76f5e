import assert from 'node:assert/strict';
import type { DType, StateDict } from '../../../src/tensors/index.ts';
import { Tensor } from '../../../src/tensors/index.ts';

/** A tensor on its way to Python and back. */
export interface Sample {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** The elements, little-endian and in row-major order. */
  readonly base64: string;
}

const widths: Readonly<Record<DType, number>> = {
  float64: 8,
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  uint8: 1,
  uint16: 2,
  uint32: 4,
  uint64: 8,
  bool: 1,
};

export const dtypes = Object.keys(widths) as readonly DType[];

/** A single number, nothing, and one to five dimensions with lengths of one to seven digits. */
const shapes: readonly (readonly number[])[] = [
  [],
  [0],
  [1],
  [3],
  [2, 3],
  [2, 0, 3],
  [1, 4, 1, 2],
  [2, 1, 3, 1, 2],
  [300],
];

/** Its length takes four bytes in a pickle. */
const long = [70_000];

/** Every bit pattern may come, those of NaN with a payload too; of bool, only 0 and 1. */
function elements(dtype: DType, size: number): Buffer {
  const bytes = Buffer.alloc(size * widths[dtype]);
  let state = 12_345 + size;
  for (let at = 0; at < bytes.length; at += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[at] = dtype === 'bool' ? (state >>> 20) & 1 : state >>> 16;
  }
  return bytes;
}

/** Every type in every shape. */
export function samplesOf(types: readonly DType[]): readonly Sample[] {
  return types.flatMap((dtype) =>
    [...shapes, ...(dtype === 'int8' ? [long] : [])].map((shape) => {
      const size = shape.reduce((product, length) => product * length, 1);
      const name = `${dtype} ${shape.join('×')}`.trim();
      return { name, dtype, shape, base64: elements(dtype, size).toString('base64') };
    }),
  );
}

export function tensorOf({ dtype, shape, base64 }: Sample): Tensor {
  return new Tensor(dtype, shape, Uint8Array.from(Buffer.from(base64, 'base64')));
}

export function stateOf(samples: readonly Sample[]): StateDict {
  return Object.fromEntries(samples.map((sample) => [sample.name, tensorOf(sample)]));
}

/** Files may be megabytes, so an error shows only where they differ. */
export function assertSameBytes(ours: Uint8Array, theirs: Uint8Array, what = ''): void {
  const at = ours.findIndex((byte, place) => byte !== theirs[place]);
  const around = (bytes: Uint8Array): string =>
    Buffer.from(bytes.subarray(Math.max(0, at - 30), at + 30)).toString('latin1');
  assert.equal(at, -1, `${what}: byte ${at} differs: ${around(ours)} is not ${around(theirs)}`);
  assert.equal(ours.length, theirs.length, what);
}

/** A tensor as Python reports one, to be compared with. */
export function sampleOf(name: string, { dtype, shape, data }: Tensor): Sample {
  return { name, dtype, shape: [...shape], base64: Buffer.from(data).toString('base64') };
}

export function samplesIn(state: StateDict): readonly Sample[] {
  return Object.entries(state).map(([name, tensor]) => sampleOf(name, tensor));
}
