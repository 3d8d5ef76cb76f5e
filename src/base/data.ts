import type { Tensor } from '../tensors/tensor/tensor.ts';
import type { NumericTypedArray } from '../tensors/tensor/typed-arrays.ts';

export type { NumericTypedArray };

/** The values of JSON besides lists and objects. */
export type JsonScalar = string | number | boolean | null;

/**
 * What a message can be: a JSON value in which bytes, typed arrays, tensors and bigints may stand anywhere. Everything
 * arrives equal and of the same type: `'123'` stays a string, `-0` stays `-0`, a `Float32Array` stays one. A bigint has
 * at most 4,300 digits.
 *
 * Properties that are `undefined` are left out of objects, as JSON does. TypeScript accepts any object, also one whose
 * type is an `interface`; `send` refuses at run time what no message can hold, such as functions and dates.
 *
 * Bytes and typed arrays that a node receives are yours, with the memory that they lie in: keep them, change them, or
 * transfer `data.buffer` to a worker. In a request, an answer or a stream the buffer may begin with 4 other bytes.
 * Above 50,000 short messages a second on one connection, some share a buffer; see docs/limits.md.
 *
 * @example
 * interface Round { round: number; weights: Float32Array; comment?: string }
 * const round: Round = { round: 1, weights: new Float32Array([0.5, 0.25]) };
 * node.sendToNodes(round);
 */
export type Data =
  | JsonScalar
  | bigint
  | Uint8Array
  | NumericTypedArray
  | Tensor
  | readonly Data[]
  // An interface has no index signature, and so is assignable to one of `any` alone.
  // biome-ignore lint/suspicious/noExplicitAny: see above
  | { readonly [key: string]: any };

/**
 * The compressions a message can be sent with; each runs on the sending and the receiving side alone. `'lzma'` (the
 * .xz format) needs the package `@napi-rs/lzma` on both sides. Nodes of the Python package know `'zlib'`, `'bzip2'`
 * and `'lzma'`.
 */
export type Compression = 'none' | 'zlib' | 'brotli' | 'zstd' | 'bzip2' | 'lzma';
