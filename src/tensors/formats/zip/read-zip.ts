import { formatError, named, textOf } from '../format-error.ts';
import { crc32 } from './crc32.ts';
import { findDirectory } from './directory.ts';
import { inflateExactly } from './inflate.ts';

/** An entry whose offsets and lengths have been checked. */
export interface ZipEntry {
  readonly name: string;
  readonly isCompressed: boolean;
  readonly crc: number;
  /** The length of the decompressed content. */
  readonly byteLength: number;
  /** The content as it is in the archive. */
  readonly stored: Uint8Array;
}

const [directorySignature, localSignature] = [0x02014b50, 0x04034b50];
const [directoryBytes, localBytes] = [46, 30];
/** The id of the extra field with lengths that 32 bits cannot hold. */
const zip64Id = 1;
const inExtra = 0xffffffff;
const [isStored, isDeflated] = [0, 8];
/** The flags of entries that are not read: encrypted, patched, strongly encrypted, with a masked header. */
const refusedFlags = 0x0001 | 0x0020 | 0x0040 | 0x2000;
/** The most bytes into which deflate can expand one byte. */
const maxDeflateRatio = 1032;

/**
 * Lists the entries of a zip archive (APPNOTE 6.3, including zip64). It first checks all offsets and lengths: no entry
 * reaches outside the archive, no entries overlap, no name occurs twice, and the decompressed length is allowed.
 *
 * @throws PeerloomError `ERR_TENSOR_FORMAT`.
 */
export function readZip(bytes: Uint8Array, maxInflatedBytes: number): readonly ZipEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const directory = findDirectory(view);
  const entries = new Map<string, ZipEntry>();
  const places: [start: number, end: number, name: string][] = [];
  let inflatedBytes = 0;
  let at = directory.start;
  for (let index = 0; index < directory.entries; index += 1) {
    const { entry, place, next } = readEntry(view, at, directory);
    const { name, isCompressed, byteLength } = entry;
    if (entries.has(name)) throw formatError(`the archive has the entry ${named(name)} twice`);
    if (isCompressed) inflatedBytes += byteLength;
    if (inflatedBytes > maxInflatedBytes) {
      throw formatError(
        `the archive decompresses to more than ${maxInflatedBytes} bytes: raise maxInflatedBytes if you trust it`,
      );
    }
    entries.set(name, entry);
    places.push([...place, name]);
    at = next;
  }
  if (at !== directory.end) throw formatError('the directory of the archive does not end where it says');
  checkPlaces(places);
  return [...entries.values()];
}

/**
 * Returns the content of an entry. If it is not compressed, the content uses the memory of the archive.
 *
 * @throws PeerloomError `ERR_TENSOR_FORMAT` if the content is damaged.
 */
export function contentOf({ name, isCompressed, crc, byteLength, stored }: ZipEntry): Uint8Array {
  const content = isCompressed ? inflateExactly(name, stored, byteLength) : stored;
  if (crc32(content) !== crc) throw formatError(`${named(name)} is damaged: its checksum is wrong`);
  return content;
}

type Found = { entry: ZipEntry; place: [start: number, end: number]; next: number };

function readEntry(view: DataView, at: number, directory: { start: number; end: number }): Found {
  const damaged = (what: string): Error => formatError(`the archive is damaged: ${what}`);
  if (at + directoryBytes > directory.end || view.getUint32(at, true) !== directorySignature) {
    throw damaged('an entry of its directory is missing');
  }
  const flags = view.getUint16(at + 8, true);
  const method = view.getUint16(at + 10, true);
  const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((field) => view.getUint16(at + field, true));
  const extraStart = at + directoryBytes + nameBytes!;
  const next = extraStart + extraBytes! + commentBytes!;
  if (next > directory.end) throw damaged('an entry of its directory is too long');
  const nameInDirectory = bytesAt(view, at + directoryBytes, extraStart);
  const name = textOf('the name of an entry of the archive', nameInDirectory);
  if ((flags & refusedFlags) !== 0)
    throw formatError(`${named(name)} is encrypted or patched, which is not read`);
  if (method !== isStored && method !== isDeflated) {
    throw formatError(
      `${named(name)} is compressed by method ${method}, and peerloom reads deflate (8) alone`,
    );
  }
  const [byteLength, storedBytes, offset] = lengthsOf(view, at, [extraStart, extraStart + extraBytes!]);
  if (offset + localBytes > directory.start || view.getUint32(offset, true) !== localSignature) {
    throw damaged(`${named(name)} is not where its directory says`);
  }
  const nameStart = offset + localBytes;
  const nameEnd = nameStart + view.getUint16(offset + 26, true);
  const start = nameEnd + view.getUint16(offset + 28, true);
  const end = start + storedBytes;
  if (end > directory.start) throw damaged(`${named(name)} does not end before the directory`);
  if (!isEqual(bytesAt(view, nameStart, nameEnd), nameInDirectory)) {
    throw damaged(`${named(name)} has another name in its own header`);
  }
  const isCompressed = method === isDeflated;
  const isPossible = isCompressed ? byteLength <= storedBytes * maxDeflateRatio : byteLength === storedBytes;
  if (!isPossible) throw damaged(`${named(name)} cannot have ${byteLength} bytes in ${storedBytes}`);
  const crc = view.getUint32(at + 16, true);
  const stored = bytesAt(view, start, end);
  return { entry: { name, isCompressed, crc, byteLength, stored }, place: [offset, end], next };
}

/** The length of the content, the length in the archive, and the offset of the local header. */
function lengthsOf(
  view: DataView,
  at: number,
  [from, to]: readonly [number, number],
): [number, number, number] {
  const lengths = [24, 20, 42].map((field) => view.getUint32(at + field, true));
  if (!lengths.includes(inExtra)) return lengths as [number, number, number];
  let field = from;
  while (field + 4 <= to && view.getUint16(field, true) !== zip64Id)
    field += 4 + view.getUint16(field + 2, true);
  let value = field + 4;
  const end = Math.min(to, value + (value <= to ? view.getUint16(field + 2, true) : 0));
  const whole = lengths.map((length) => {
    if (length !== inExtra) return length;
    if (value + 8 > end) throw formatError('the archive is damaged: the length of an entry is missing');
    const long = Number(view.getBigUint64(value, true));
    value += 8;
    if (!Number.isSafeInteger(long)) throw formatError('the archive is damaged: an entry is past 2^53 bytes');
    return long;
  });
  return whole as [number, number, number];
}

function checkPlaces(places: [start: number, end: number, name: string][]): void {
  places.sort(([a], [b]) => a - b);
  let end = 0;
  for (const [start, next, name] of places) {
    if (start < end)
      throw formatError(`the archive is damaged: ${named(name)} shares bytes with another entry`);
    end = next;
  }
}

function bytesAt(view: DataView, start: number, end: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + start, end - start);
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
