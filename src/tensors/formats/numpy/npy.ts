import { checkType, shown } from '../../../base/arguments.ts';
import { byteLengthOf, type DType, layouts } from '../../tensor/dtypes.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { swappedBytes } from '../byte-order.ts';
import { checkBytes, formatError, named, orFormatError, tensorOfFile } from '../format-error.ts';
import { joinBytes } from '../join-bytes.ts';
import { fortranStrides, inRowMajorOrder } from '../row-major.ts';
import { readNpyHeader, refusedType, writeNpyHeader } from './npy-header.ts';

/**
 * NumPy's names of the types, without the byte order. NumPy does not have bfloat16. The package ml_dtypes adds it, and
 * NumPy writes it as two untyped bytes.
 */
const descrs: Readonly<Record<DType, string>> = {
  float64: 'f8',
  float32: 'f4',
  float16: 'f2',
  bfloat16: 'V2',
  int8: 'i1',
  int16: 'i2',
  int32: 'i4',
  int64: 'i8',
  uint8: 'u1',
  uint16: 'u2',
  uint32: 'u4',
  uint64: 'u8',
  bool: 'b1',
};
const dtypes: ReadonlyMap<string, DType> = new Map(
  Object.entries(descrs).map(([dtype, descr]) => [descr, dtype as DType]),
);

/** The types that NumPy writes and peerloom does not read, by the letter of their kind. */
const refusedKinds: Readonly<Record<string, string>> = {
  O: 'Python objects, whose pickles could run any program and are never read',
  c: 'complex numbers',
  M: 'dates',
  m: 'times',
  S: 'text',
  U: 'text',
  V: 'an array with fields',
};

/**
 * Reads an array that `np.save` wrote. The tensor uses the memory of `bytes` without copying it. Only big-endian
 * elements and elements in Fortran order are copied, because they have to be converted.
 *
 * Arrays of Python objects, text, dates and complex numbers are refused. `V2` is read as bfloat16, because NumPy writes
 * arrays of `ml_dtypes.bfloat16` like that.
 *
 * @throws PeerloomError `ERR_TENSOR_FORMAT`.
 * @see https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
export function readNpy(bytes: Uint8Array | ArrayBuffer): Tensor {
  const file = checkBytes(bytes);
  const { descr, isFortran, shape, dataStart } = readNpyHeader(file);
  const dtype = dtypes.get(descr.slice(1));
  if (dtype === undefined || !'<>|='.includes(descr[0]!)) {
    throw refusedType(refusedKinds[descr[1] ?? ''] ?? `the type ${named(descr)}`);
  }
  const data = file.subarray(dataStart);
  const byteLength = orFormatError('the .npy file', () => byteLengthOf(dtype, shape));
  if (data.length !== byteLength) {
    const isShort = data.length < byteLength;
    throw formatError(
      `the elements of the .npy file take ${byteLength} bytes, but it has ${data.length}: ` +
        (isShort ? 'it was cut short' : 'something follows the array'),
    );
  }
  const { bytesPerElement: width } = layouts[dtype];
  const ordered = descr.startsWith('>') && width > 1 ? swappedBytes(data, width) : data;
  const isColumnMajor = isFortran && shape.length > 1;
  const rows = isColumnMajor
    ? inRowMajorOrder(ordered, width, { shape, strides: fortranStrides(shape), offset: 0 })
    : ordered;
  return tensorOfFile('the .npy file', { dtype, shape, data: rows });
}

/**
 * Writes an array byte for byte as `np.save` of NumPy 2 does. It writes bfloat16 like arrays of `ml_dtypes.bfloat16`.
 *
 * @throws TypeError if the argument is not a tensor.
 */
export function writeNpy(tensor: Tensor): Uint8Array {
  return joinBytes(npyParts(tensor));
}

/** Returns the header and the elements. */
export function npyParts(tensor: Tensor): readonly Uint8Array[] {
  if (!(checkType('tensor', tensor, 'object') instanceof Tensor)) {
    throw new TypeError(`tensor must be a Tensor, not ${shown(tensor)}: Tensor.from() makes one`);
  }
  const { dtype, shape, data } = tensor;
  const isOneByte = layouts[dtype].bytesPerElement === 1;
  return [writeNpyHeader(`${isOneByte ? '|' : '<'}${descrs[dtype]}`, shape), data];
}
