import { deflateSync } from 'fflate';
import { joinBytes } from '../join-bytes.ts';
import { crc32 } from './crc32.ts';
import { checkArchiveLength, checkEntryCount, endOfDirectory, type ZipFile } from './write-zip.ts';

/** The level of zlib that Python's zipfile uses. */
const level = 6;
const isUtf8 = 0x0800;
/** 1980-01-01, the first day that a zip file can contain. Python writes it for a file without a date. */
const firstDay = 0x0021;
/** Version 4.5 of the format, which has zip64. */
const version = 45;
const unix = 3;
/** The permissions `-rw-------`, in the upper half of the attributes. */
const ownersFile = 0o600;
const inExtra = 0xffffffff;

/**
 * Writes an archive as Python's `zipfile` does for `np.savez`. Every entry has a zip64 field, even if it is short.
 *
 * @throws RangeError for 4 GiB or more, and for 65,535 entries or more.
 */
export function zipAsPythonDoes(files: readonly ZipFile[], compress: boolean): Uint8Array {
  checkEntryCount(files.length);
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const { name, content } of files) {
    const nameBytes = new TextEncoder().encode(name);
    if (nameBytes.length > 0xffff) throw new RangeError('the name of an array in a .npz file is too long');
    const stored = compress ? deflateSync(content, { level }) : content;
    const flags = nameBytes.length === name.length ? 0 : isUtf8;
    const entry = {
      nameBytes,
      flags,
      method: compress ? 8 : 0,
      crc: crc32(content),
      content,
      stored,
      offset,
    };
    const local = localHeader(entry);
    parts.push(local, stored);
    directory.push(directoryHeader(entry));
    offset += local.length + stored.length;
    checkArchiveLength(offset);
  }
  return joinBytes([...parts, ...directory, endOfDirectory(files.length, offset, directory)]);
}

interface Entry {
  readonly nameBytes: Uint8Array;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly content: Uint8Array;
  readonly stored: Uint8Array;
  readonly offset: number;
}

function localHeader({ nameBytes, flags, method, crc, content, stored }: Entry): Uint8Array {
  const extraBytes = 20;
  const header = new Uint8Array(30 + nameBytes.length + extraBytes);
  const view = new DataView(header.buffer);
  view.setUint32(0, 0x04034b50, true);
  view.setUint16(4, version, true);
  view.setUint16(6, flags, true);
  view.setUint16(8, method, true);
  view.setUint16(12, firstDay, true);
  view.setUint32(14, crc, true);
  view.setUint32(18, inExtra, true);
  view.setUint32(22, inExtra, true);
  view.setUint16(26, nameBytes.length, true);
  view.setUint16(28, extraBytes, true);
  header.set(nameBytes, 30);
  const extra = 30 + nameBytes.length;
  view.setUint16(extra, 1, true);
  view.setUint16(extra + 2, 16, true);
  view.setBigUint64(extra + 4, BigInt(content.length), true);
  view.setBigUint64(extra + 12, BigInt(stored.length), true);
  return header;
}

function directoryHeader({ nameBytes, flags, method, crc, content, stored, offset }: Entry): Uint8Array {
  const header = new Uint8Array(46 + nameBytes.length);
  const view = new DataView(header.buffer);
  view.setUint32(0, 0x02014b50, true);
  view.setUint16(4, (unix << 8) | version, true);
  view.setUint16(6, version, true);
  view.setUint16(8, flags, true);
  view.setUint16(10, method, true);
  view.setUint16(14, firstDay, true);
  view.setUint32(16, crc, true);
  view.setUint32(20, stored.length, true);
  view.setUint32(24, content.length, true);
  view.setUint16(28, nameBytes.length, true);
  view.setUint32(38, ownersFile * 0x10000, true);
  view.setUint32(42, offset, true);
  header.set(nameBytes, 46);
  return header;
}
