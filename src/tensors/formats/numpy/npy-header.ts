import { maxDimensions } from '../../tensor/dtypes.ts';
import { formatError, named, textOf } from '../format-error.ts';

/** The header of an .npy file, which precedes the elements. */
export interface NpyHeader {
  /** NumPy's name of the type, such as `<f4`: the byte order, the kind and the bytes of an element. */
  readonly descr: string;
  readonly isFortran: boolean;
  readonly shape: readonly number[];
  /** The offset of the elements, in bytes. */
  readonly dataStart: number;
}

/** `\x93NUMPY` */
const magic = Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59);

/** The limit of `np.load`, where longer headers could block Python's parser. */
const maxHeaderBytes = 10_000;

/** The elements begin at a multiple of this, in bytes. */
const alignment = 64;

/** NumPy leaves room for this many digits of the first dimension, so that an array can grow along it in place. */
const growthDigits = 21;

export function readNpyHeader(bytes: Uint8Array): NpyHeader {
  if (bytes.length < magic.length + 4 || magic.some((byte, at) => bytes[at] !== byte)) {
    throw formatError('this is no .npy file: it does not begin with \\x93NUMPY');
  }
  const [major, minor] = [bytes[6]!, bytes[7]!];
  if (major < 1 || major > 3 || minor !== 0) {
    throw formatError(`the .npy file has the version ${major}.${minor}, and peerloom reads 1.0, 2.0 and 3.0`);
  }
  const start = major === 1 ? 10 : 12;
  if (bytes.length < start) throw formatError('the .npy file was cut short within its header');
  const view = new DataView(bytes.buffer, bytes.byteOffset, start);
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > maxHeaderBytes) {
    throw formatError(`the header of the .npy file has ${length} bytes, and ${maxHeaderBytes} are allowed`);
  }
  const dataStart = start + length;
  if (dataStart > bytes.length) throw formatError('the .npy file was cut short within its header');
  const header = bytes.subarray(start, dataStart);
  // Only names of fields can contain other characters than ASCII, and arrays with fields are refused below.
  const text = major === 3 ? textOf('the header of the .npy file', header) : latin1Of(header);
  return { ...parseMembers(text), dataStart };
}

/** Writes a header byte for byte as NumPy 2 does. */
export function writeNpyHeader(descr: string, shape: readonly number[]): Uint8Array {
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  const members = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`;
  const growth = shape.length === 0 ? 0 : growthDigits - String(shape[0]).length;
  const start = magic.length + 4;
  const needed = start + members.length + growth + 1;
  const header = new Uint8Array(Math.ceil(needed / alignment) * alignment).fill(0x20);
  header.set(magic);
  header.set([1, 0], magic.length);
  new DataView(header.buffer).setUint16(8, header.length - start, true);
  new TextEncoder().encodeInto(members, header.subarray(start));
  header[header.length - 1] = 0x0a;
  return header;
}

function latin1Of(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** Matches one member of the dictionary, as Python writes it. */
const member =
  /\s*(?:'(\w+)'|"(\w+)")\s*:\s*(?:'([^'"\\]*)'|"([^'"\\]*)"|(True|False)|\(([0-9L,\s]*)\))\s*(,|(?=\}))/y;

/** Matches a list of fields instead of a type. */
const fields = /['"]descr['"]\s*:\s*\[/;

function parseMembers(text: string): Omit<NpyHeader, 'dataStart'> {
  const damaged = (): Error =>
    formatError(
      'the header of the .npy file is damaged: it is not a dictionary of descr, fortran_order and shape',
    );
  const open = /^\s*\{/.exec(text);
  if (open === null) throw damaged();
  if (fields.test(text)) throw refusedType('an array with fields');
  const members = new Map<string, string | boolean | readonly number[]>();
  let at = open[0].length;
  for (;;) {
    member.lastIndex = at;
    const found = member.exec(text);
    if (found === null) break;
    at = member.lastIndex;
    const name = (found[1] ?? found[2])!;
    if (members.has(name)) throw formatError(`the header of the .npy file has ${named(name)} twice`);
    members.set(
      name,
      found[3] ?? found[4] ?? (found[5] === undefined ? shapeOf(found[6]!) : found[5] === 'True'),
    );
  }
  if (!/^\s*\}\s*$/.test(text.slice(at))) throw damaged();
  const [descr, isFortran, shape] = ['descr', 'fortran_order', 'shape'].map((name) => members.get(name));
  const isWhole = members.size === 3 && typeof descr === 'string' && typeof isFortran === 'boolean';
  if (!isWhole || !Array.isArray(shape)) throw damaged();
  return { descr, isFortran, shape };
}

/** The error for an array of a type that is not read. */
export function refusedType(what: string): Error {
  return formatError(`the .npy file holds ${what}, and peerloom reads arrays of numbers and booleans alone`);
}

/** Parses a shape such as `(3,)`, `(2, 3)` or `()`. Python 2 wrote `3L`. */
function shapeOf(list: string): readonly number[] {
  if (list.trim() === '') return [];
  const parts = list.split(',').map((part) => part.trim());
  if (parts.at(-1) === '') parts.pop();
  else if (parts.length === 1) throw formatError('the shape in the header of the .npy file is no tuple');
  if (parts.length > maxDimensions) {
    throw formatError(
      `the .npy file has ${parts.length} dimensions, and peerloom reads ${maxDimensions} at most`,
    );
  }
  return parts.map((part) => {
    const length = /^\d+L?$/.test(part) ? Number.parseInt(part, 10) : Number.NaN;
    if (Number.isSafeInteger(length)) return length;
    throw formatError(`${named(part)} in the header of the .npy file is not the length of a dimension`);
  });
}
