import { joinBytes } from '../join-bytes.ts';
import { crc32 } from '../zip/crc32.ts';
import { checkArchiveLength, endOfDirectory, type ZipFile } from '../zip/write-zip.ts';

/** PyTorch begins the content of each entry at a multiple of this, in bytes, so that it can be mapped into memory. */
const alignment = 64;
/** The flag for names in UTF-8. */
const isUtf8 = 0x0800;
/** The flag for a checksum and lengths that follow the content. */
const lengthsFollow = 0x0008;
/** The archive is made by Unix, version 3.0 of the format. Readers need version 4.5, which has zip64. */
const [madeBy, neededVersion] = [0x031e, 45];

/** Writes an archive as PyTorch 1.13 does: uncompressed, aligned, and with a zip64 record at its end. */
export function zipAsTorchDoes(files: readonly ZipFile[]): Uint8Array {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const { name, content } of files) {
    const entry = { nameBytes: new TextEncoder().encode(name), content, crc: crc32(content), offset };
    const pieces = [localHeader(entry), content, descriptor(entry)];
    parts.push(...pieces);
    directory.push(directoryHeader(entry));
    offset = pieces.reduce((sum, { length }) => sum + length, offset);
    checkArchiveLength(offset);
  }
  const longEnd = longEndOfDirectory(files.length, offset, directory);
  return joinBytes([...parts, ...directory, longEnd, endOfDirectory(files.length, offset, directory)]);
}

interface Entry {
  readonly nameBytes: Uint8Array;
  readonly content: Uint8Array;
  readonly crc: number;
  readonly offset: number;
}

function flagsOf({ content }: Entry): number {
  return content.length === 0 ? isUtf8 : isUtf8 | lengthsFollow;
}

/** The local header of an entry. It has an extra field `FB`, filled with letters Z for the alignment. */
function localHeader(entry: Entry): Uint8Array {
  const { nameBytes, offset } = entry;
  const extra = 30 + nameBytes.length;
  const unaligned = offset + extra + 4;
  const letters = Math.ceil(unaligned / alignment) * alignment - unaligned;
  const header = new Uint8Array(extra + 4 + letters).fill(0x5a, extra + 4);
  const view = new DataView(header.buffer);
  view.setUint32(0, 0x04034b50, true);
  view.setUint16(6, flagsOf(entry), true);
  view.setUint16(26, nameBytes.length, true);
  view.setUint16(28, 4 + letters, true);
  header.set(nameBytes, 30);
  view.setUint16(extra, 0x4246, true);
  view.setUint16(extra + 2, letters, true);
  return header;
}

function descriptor({ content, crc }: Entry): Uint8Array {
  if (content.length === 0) return new Uint8Array(0);
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x08074b50, true);
  view.setUint32(4, crc, true);
  view.setUint32(8, content.length, true);
  view.setUint32(12, content.length, true);
  return bytes;
}

function directoryHeader(entry: Entry): Uint8Array {
  const { nameBytes, content, crc, offset } = entry;
  const header = new Uint8Array(46 + nameBytes.length);
  const view = new DataView(header.buffer);
  view.setUint32(0, 0x02014b50, true);
  view.setUint16(8, flagsOf(entry), true);
  view.setUint32(16, crc, true);
  view.setUint32(20, content.length, true);
  view.setUint32(24, content.length, true);
  view.setUint16(28, nameBytes.length, true);
  view.setUint32(42, offset, true);
  header.set(nameBytes, 46);
  return header;
}

/** The zip64 record and its locator, which PyTorch writes in every archive. */
function longEndOfDirectory(entries: number, start: number, directory: readonly Uint8Array[]): Uint8Array {
  const byteLength = directory.reduce((sum, { length }) => sum + length, 0);
  const records = new Uint8Array(56 + 20);
  const view = new DataView(records.buffer);
  view.setUint32(0, 0x06064b50, true);
  view.setBigUint64(4, 44n, true);
  view.setUint16(12, madeBy, true);
  view.setUint16(14, neededVersion, true);
  view.setBigUint64(24, BigInt(entries), true);
  view.setBigUint64(32, BigInt(entries), true);
  view.setBigUint64(40, BigInt(byteLength), true);
  view.setBigUint64(48, BigInt(start), true);
  view.setUint32(56, 0x07064b50, true);
  view.setBigUint64(64, BigInt(start + byteLength), true);
  view.setUint32(72, 1, true);
  return records;
}
