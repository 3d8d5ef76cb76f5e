/** A file to be put into an archive. */
export interface ZipFile {
  readonly name: string;
  readonly content: Uint8Array;
}

/** The longest archive. Beyond it, offsets would need 64 bits. */
const maxArchiveBytes = 0xffffffff;
const maxEntries = 0xffff;

/** @throws RangeError if an archive is too long. */
export function checkArchiveLength(byteLength: number): void {
  if (byteLength < maxArchiveBytes) return;
  throw new RangeError('a .npz or .pt file that peerloom writes has less than 4 GiB: use writeSafetensors()');
}

/** @throws RangeError if there are too many entries. */
export function checkEntryCount(entries: number): void {
  if (entries < maxEntries) return;
  throw new RangeError(
    `a .npz or .pt file that peerloom writes has less than ${maxEntries} tensors: use writeSafetensors()`,
  );
}

/** The record at the end of an archive. @param start the offset of the directory. */
export function endOfDirectory(entries: number, start: number, directory: readonly Uint8Array[]): Uint8Array {
  const byteLength = directory.reduce((sum, { length }) => sum + length, 0);
  checkArchiveLength(start + byteLength);
  const record = new Uint8Array(22);
  const view = new DataView(record.buffer);
  view.setUint32(0, 0x06054b50, true);
  view.setUint16(8, entries, true);
  view.setUint16(10, entries, true);
  view.setUint32(12, byteLength, true);
  view.setUint32(16, start, true);
  return record;
}
