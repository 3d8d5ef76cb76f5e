/*
 * The parts of the .xz format, version 1.2.1 (tukaani.org/xz/xz-file-format.txt), that tell sizes:
 *
 *   header (12)   block*   index   footer (12)
 *
 *   block: header   LZMA2 chunks   zeros up to a multiple of 4   check
 *   index: 0   number of blocks   two sizes for each   zeros up to a multiple of 4   CRC (4)
 */

const signature = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00];
const streamHeaderBytes = 12;
const footerBytes = 12;
const lzma2FilterId = 0x21;

/** The dictionary of level 6, the usual default. A decoder allocates this much for any message. */
const maxDictionaryBytes = 8 * 1024 * 1024;

/** Bytes of a block's check, by its type: none, CRC-32, CRC-64, SHA-256. */
const checkBytes: Readonly<Record<number, number>> = { 0: 0, 1: 4, 4: 8, 10: 32 };

/**
 * Computes the uncompressed size of exactly one complete .xz stream from the headers of its LZMA2 chunks. No chunk can
 * yield more than its header says, so the size is known before any memory is allocated.
 *
 * @throws Error if the stream is cut, followed by more, or not as `xz` and Python's `lzma` write it. The decoder finds
 * all other faults.
 */
export function xzUncompressedBytes(bytes: Uint8Array): number {
  if (signature.some((byte, index) => bytes[index] !== byte)) throw new Error('it is not xz');
  const cursor = new Cursor(bytes);
  const blockCheckBytes = checkBytes[bytes[7] ?? 0];
  if (blockCheckBytes === undefined) throw new Error('its check is unknown');
  cursor.position = streamHeaderBytes;
  let total = 0;
  let blocks = 0;
  while (cursor.peek() !== 0) {
    checkBlockHeader(cursor);
    total += skipChunks(cursor);
    cursor.align();
    cursor.skip(blockCheckBytes);
    blocks++;
  }
  skipIndex(cursor, blocks);
  const surplus = bytes.length - cursor.position - footerBytes;
  if (surplus < 0) throw new Error('it is cut short');
  if (surplus > 0) throw new Error(`its end is followed by ${surplus} bytes`);
  return total;
}

function checkBlockHeader(cursor: Cursor): void {
  const start = cursor.position;
  const end = start + 4 * (cursor.byte() + 1);
  const flags = cursor.byte();
  if ((flags & 0x40) !== 0) cursor.integer();
  if ((flags & 0x80) !== 0) cursor.integer();
  const isLzma2Alone = (flags & 0x3f) === 0 && cursor.byte() === lzma2FilterId && cursor.byte() === 1;
  if (!isLzma2Alone) throw new Error('it uses other filters than LZMA2');
  const code = cursor.byte();
  const dictionaryBytes = (2 + (code % 2)) * 2 ** (Math.floor(code / 2) + 11);
  if (dictionaryBytes > maxDictionaryBytes) {
    throw new Error(
      `it needs ${dictionaryBytes} bytes of memory to decompress, but at most ${maxDictionaryBytes} are allowed`,
    );
  }
  cursor.position = end;
}

/** Skips the chunks of a block. @returns their uncompressed size in bytes. */
function skipChunks(cursor: Cursor): number {
  let total = 0;
  for (;;) {
    const control = cursor.byte();
    if (control === 0) return total;
    const isStored = control <= 2;
    if (!isStored && control < 0x80) throw new Error('a chunk is damaged');
    const size = (isStored ? 0 : control & 0x1f) * 0x10000 + cursor.uint16() + 1;
    total += size;
    const hasProperties = control >= 0xc0;
    cursor.skip(isStored ? size : cursor.uint16() + 1 + (hasProperties ? 1 : 0));
  }
}

function skipIndex(cursor: Cursor, blocks: number): void {
  cursor.byte();
  if (cursor.integer() !== blocks) throw new Error('its index is damaged');
  for (let sizes = 2 * blocks; sizes > 0; sizes--) cursor.integer();
  cursor.align();
  cursor.skip(4);
}

/** All parts begin at a multiple of 4 from the start of the stream. */
class Cursor {
  position = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** @throws Error past the end. */
  peek(): number {
    const byte = this.#bytes[this.position];
    if (byte === undefined) throw new Error('it is cut short');
    return byte;
  }

  byte(): number {
    const byte = this.peek();
    this.position++;
    return byte;
  }

  uint16(): number {
    return this.byte() * 0x100 + this.byte();
  }

  /** Section 1.2: seven bits a byte, the lowest first. */
  integer(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 0x80) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  }

  skip(count: number): void {
    this.position += count;
  }

  align(): void {
    this.position = Math.ceil(this.position / 4) * 4;
  }
}
