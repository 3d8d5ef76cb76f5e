/// <reference lib="esnext.float16" preserve="true" />

/** The typed arrays that are sent with their type. */
export type NumericTypedArray =
  | Int8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float16Array
  | Float32Array
  | Float64Array;

/** A class of typed arrays on the wire: contiguous elements, little-endian. */
export interface ElementType {
  /** The name of the class among the payload formats. */
  readonly kind: Kind;
  readonly className: ClassName;
  /** The CBOR tag for little-endian elements (RFC 8746, section 2.1). */
  readonly tag: number;
  readonly bytesPerElement: 1 | 2 | 4 | 8;
}

type ClassName = NumericTypedArray[typeof Symbol.toStringTag];
type Kind = Uncapitalize<ClassName extends `${infer Name}Array` ? Name : never>;
type Constructor = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => NumericTypedArray;

export const elementTypes: readonly ElementType[] = [
  { kind: 'int8', className: 'Int8Array', tag: 72, bytesPerElement: 1 },
  { kind: 'uint8Clamped', className: 'Uint8ClampedArray', tag: 68, bytesPerElement: 1 },
  { kind: 'int16', className: 'Int16Array', tag: 77, bytesPerElement: 2 },
  { kind: 'uint16', className: 'Uint16Array', tag: 69, bytesPerElement: 2 },
  { kind: 'int32', className: 'Int32Array', tag: 78, bytesPerElement: 4 },
  { kind: 'uint32', className: 'Uint32Array', tag: 70, bytesPerElement: 4 },
  { kind: 'bigInt64', className: 'BigInt64Array', tag: 79, bytesPerElement: 8 },
  { kind: 'bigUint64', className: 'BigUint64Array', tag: 71, bytesPerElement: 8 },
  { kind: 'float16', className: 'Float16Array', tag: 84, bytesPerElement: 2 },
  { kind: 'float32', className: 'Float32Array', tag: 85, bytesPerElement: 4 },
  { kind: 'float64', className: 'Float64Array', tag: 86, bytesPerElement: 8 },
];

const byClassName: ReadonlyMap<string, ElementType> = new Map(
  elementTypes.map((type) => [type.className, type]),
);
/** Returns the class name of a typed array, also from other realms and of subclasses. `undefined` for other values. */
const classNameOf = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag,
)!.get! as (this: unknown) => string | undefined;

/**
 * Whether this machine is little-endian. If not, every element's bytes are reversed before sending and after receiving.
 */
export const hostIsLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/**
 * The element type of a typed array, also from other realms and of subclasses. `undefined` for bytes and other values.
 */
export function elementTypeOf(value: unknown): ElementType | undefined {
  return ArrayBuffer.isView(value) ? byClassName.get(classNameOf.call(value)!) : undefined;
}

/**
 * Returns a Uint8Array as it is. For a Uint8Array from another realm, returns a view of its memory. Tests of Jest and
 * Vitest run in another realm. `undefined` for other values.
 */
export function bytesOf(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  if (!ArrayBuffer.isView(value) || classNameOf.call(value) !== 'Uint8Array') return undefined;
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

/** Returns the bytes of the elements. They share the caller's memory if this machine is little-endian. */
export function elementBytes(view: ArrayBufferView, type: Pick<ElementType, 'bytesPerElement'>): Uint8Array {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  return hostIsLittleEndian ? bytes : reverseElements(bytes, type.bytesPerElement);
}

/**
 * Returns the typed array of these bytes. It shares their memory if that is aligned and this machine is little-endian;
 * otherwise it is a copy.
 *
 * @throws Error if the bytes are not a whole number of elements, or the runtime does not have the class.
 */
export function typedArrayOf(
  bytes: Uint8Array,
  type: Pick<ElementType, 'bytesPerElement' | 'className'>,
): NumericTypedArray {
  const { className, bytesPerElement } = type;
  const TypedArray = (globalThis as Partial<Record<ClassName, Constructor>>)[className];
  if (TypedArray === undefined) throw new Error(`this runtime has no ${className}`);
  if (bytes.byteLength % bytesPerElement !== 0) {
    throw new Error(
      `${bytes.byteLength} bytes are not a multiple of ${bytesPerElement}, the size of an element`,
    );
  }
  const ordered = hostIsLittleEndian ? bytes : reverseElements(bytes, bytesPerElement);
  const aligned = ordered.byteOffset % bytesPerElement === 0 ? ordered : new Uint8Array(ordered);
  return new TypedArray(aligned.buffer, aligned.byteOffset, aligned.byteLength / bytesPerElement);
}

/** Returns a copy in which the bytes of each element are reversed. */
export function reverseElements(bytes: Uint8Array, bytesPerElement: number): Uint8Array {
  const reversed = new Uint8Array(bytes);
  for (let start = 0; start < reversed.length; start += bytesPerElement) {
    reversed.subarray(start, start + bytesPerElement).reverse();
  }
  return reversed;
}
