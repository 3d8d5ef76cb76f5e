import { type DType, layouts } from './dtypes.ts';
import { halfOf, roundedHalfBits } from './half-floats.ts';
import { elementBytes, type NumericTypedArray, typedArrayOf } from './typed-arrays.ts';

/** All classes of typed arrays that can contain a tensor's elements. */
export type TensorArray = Exclude<NumericTypedArray, Uint8ClampedArray> | Uint8Array;

const float32Bits = new Uint32Array(1);
const float32 = new Float32Array(float32Bits.buffer);

/** Returns the elements as a typed array. It shares the memory of `data` if the class and the alignment allow it. */
export function typedElements(dtype: DType, data: Uint8Array): TensorArray {
  if (dtype === 'bfloat16') {
    return Float32Array.from(rawElements(dtype, data) as Uint16Array, bfloat16Of);
  }
  if (dtype === 'float16' && !hasFloat16Array()) {
    return Float32Array.from(rawElements('uint16', data) as Uint16Array, halfOf);
  }
  return rawElements(dtype, data);
}

/** Returns the elements in the class that {@link layouts} names. */
function rawElements(dtype: DType, data: Uint8Array): TensorArray {
  const { bytesPerElement, className } = layouts[dtype];
  if (className === 'Uint8Array') return data;
  return typedArrayOf(data, { bytesPerElement, className }) as TensorArray;
}

/**
 * Returns the bytes of numbers as elements of a type. Floats are rounded to nearest, ties to even.
 *
 * @throws RangeError if an integer type cannot hold a number.
 */
export function bytesOfNumbers(dtype: DType, numbers: ArrayLike<number | bigint | boolean>): Uint8Array {
  const { bytesPerElement, className } = layouts[dtype];
  const toBits = dtype === 'bfloat16' ? bfloat16Bits : dtype === 'float16' ? roundedHalfBits : undefined;
  if (toBits !== undefined) {
    const bits = Uint16Array.from(numbers as ArrayLike<number>, (value) => toBits(Number(value)));
    return elementBytes(bits, { bytesPerElement });
  }
  const isWhole = !className.startsWith('Float');
  const isBig = className.startsWith('Big');
  const TypedArray = globalThis[className] as unknown as new (length: number) => TensorArray;
  const elements = new TypedArray(numbers.length) as unknown as (number | bigint)[] & ArrayBufferView;
  for (let index = 0; index < numbers.length; index++) {
    const number = numbers[index]!;
    const value = dtype === 'bool' ? Number(Number(number) !== 0) : isBig ? wholeOf(number) : Number(number);
    elements[index] = value;
    if (isWhole && elements[index] !== value) throw new RangeError(`${number} does not fit into ${dtype}`);
  }
  return elementBytes(elements, { bytesPerElement });
}

function wholeOf(number: number | bigint | boolean): bigint {
  if (typeof number === 'number' && !Number.isInteger(number)) {
    throw new RangeError(`${number} does not fit into an integer`);
  }
  return BigInt(number);
}

/** Returns the upper half of a float32, rounded to nearest, ties to even. A NaN stays a NaN. */
export function bfloat16Bits(value: number): number {
  float32[0] = value;
  const bits = float32Bits[0]!;
  if (Number.isNaN(value)) return ((bits >>> 16) & 0x8000) | 0x7fc0;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** Returns the number with these bits. */
export function bfloat16Of(bits: number): number {
  float32Bits[0] = bits << 16;
  return float32[0]!;
}

function hasFloat16Array(): boolean {
  return 'Float16Array' in globalThis;
}
