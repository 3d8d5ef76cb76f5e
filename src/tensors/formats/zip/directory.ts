import { formatError } from '../format-error.ts';

/** The place of an archive's directory, and the number of its entries. */
export interface Directory {
  readonly start: number;
  readonly end: number;
  readonly entries: number;
}

const [endSignature, locatorSignature, longEndSignature] = [0x06054b50, 0x07064b50, 0x06064b50];
const [endBytes, locatorBytes, longEndBytes] = [22, 20, 56];
const maxCommentBytes = 0xffff;
/** The smallest size of an entry in the directory. */
const leastEntryBytes = 46;

/**
 * Finds the directory through the record at the end of the archive, and through the zip64 record if there is one. Only
 * these records may follow the directory, so that an archive cannot be read in two ways.
 *
 * @throws PeerloomError `ERR_TENSOR_FORMAT`.
 */
export function findDirectory(view: DataView): Directory {
  const at = endRecord(view);
  const diskNumbers = view.getUint32(at + 4, true);
  const locator = at - locatorBytes;
  const isLong = locator >= 0 && view.getUint32(locator, true) === locatorSignature;
  const directory = isLong ? longDirectory(view, locator) : shortDirectory(view, at);
  const { start, end, entries } = directory;
  const isWhole = start >= 0 && start <= end && entries * leastEntryBytes <= end - start;
  if (!isWhole || (diskNumbers !== 0 && !isLong)) {
    throw formatError('the archive is damaged: it has no directory where it says');
  }
  return directory;
}

/** The position of the last end record whose comment reaches the end of the archive. */
function endRecord(view: DataView): number {
  const last = view.byteLength - endBytes;
  for (let at = last; at >= Math.max(0, last - maxCommentBytes); at -= 1) {
    if (view.getUint32(at, true) !== endSignature) continue;
    if (at + endBytes + view.getUint16(at + 20, true) === view.byteLength) return at;
  }
  throw formatError('this is no zip archive, or it was cut short: it has no directory at its end');
}

function shortDirectory(view: DataView, at: number): Directory {
  const length = view.getUint32(at + 12, true);
  const start = view.getUint32(at + 16, true);
  return checkEnd({ start, end: start + length, entries: view.getUint16(at + 10, true) }, at);
}

function longDirectory(view: DataView, locator: number): Directory {
  const at = safeAt(view, locator + 8);
  if (at + longEndBytes > locator || view.getUint32(at, true) !== longEndSignature) {
    throw formatError('the archive is damaged: its zip64 record is not where it says');
  }
  const start = safeAt(view, at + 48);
  return checkEnd({ start, end: start + safeAt(view, at + 40), entries: safeAt(view, at + 32) }, at);
}

function checkEnd(directory: Directory, expected: number): Directory {
  if (directory.end === expected) return directory;
  throw formatError('the archive is damaged: its directory does not lie before its last record');
}

function safeAt(view: DataView, at: number): number {
  const value = Number(view.getBigUint64(at, true));
  if (Number.isSafeInteger(value)) return value;
  throw formatError('the archive is damaged: it names a place past 2^53 bytes');
}
