import { BitWriter } from './bits.ts';
import { sortRotations } from './block-sort.ts';
import {
  blockCrc,
  blockMark,
  combineCrc,
  endMark,
  groupSize,
  levelBytes,
  maxRunCount,
  runA,
  runB,
  runThreshold,
  signature,
} from './format.ts';
import { type CodeTable, chooseTables } from './huffman-encoder.ts';

/** The largest block size, the default of `bzip2` and of Python's `bz2`. */
const level = 9;

/** Other encoders leave as many bytes of a block free. */
const maxBlockBytes = level * levelBytes - 19;

/** Returns a complete stream that any bzip2 program reads. */
export function compressBzip2(bytes: Uint8Array): Uint8Array {
  const bits = new BitWriter();
  bits.write(signature, 24);
  bits.write(0x30 + level, 8);
  let crc = 0;
  for (let start = 0; start < bytes.length; ) {
    const { block, end } = cutRuns(bytes, start);
    const crcOfBlock = blockCrc(bytes, start, end);
    crc = combineCrc(crc, crcOfBlock);
    writeMark(bits, blockMark, crcOfBlock);
    writeBlock(bits, block);
    start = end;
  }
  writeMark(bits, endMark, crc);
  return bits.finish();
}

function writeMark(bits: BitWriter, mark: readonly [number, number], crc: number): void {
  bits.write(mark[0], 24);
  bits.write(mark[1], 24);
  bits.write(crc >>> 16, 16);
  bits.write(crc & 0xffff, 16);
}

/** The next block, in which runs are shortened to four bytes and a count, and where the next block begins. */
function cutRuns(bytes: Uint8Array, start: number): { block: Uint8Array; end: number } {
  // A count may follow every fourth byte.
  const block = new Uint8Array(Math.min(maxBlockBytes, Math.ceil(((bytes.length - start) * 5) / 4)));
  let length = 0;
  let end = start;
  while (end < bytes.length && length + runThreshold < maxBlockBytes) {
    const byte = bytes[end]!;
    let run = 1;
    while (run < runThreshold + maxRunCount && bytes[end + run] === byte) run++;
    end += run;
    for (let copy = Math.min(run, runThreshold); copy > 0; copy--) block[length++] = byte;
    if (run >= runThreshold) block[length++] = run - runThreshold;
  }
  return { block: block.subarray(0, length), end };
}

function writeBlock(bits: BitWriter, block: Uint8Array): void {
  const rows = sortRotations(block);
  const lastColumn = new Uint8Array(block.length);
  for (let row = 0; row < block.length; row++) {
    lastColumn[row] = block[(rows[row]! || block.length) - 1]!;
  }
  bits.write(0, 1);
  bits.write(rows.indexOf(0), 24);

  const bytesInUse = writeBytesInUse(bits, block);
  const symbols = moveToFront(lastColumn, bytesInUse);
  const { tables, selectors } = chooseTables(symbols, bytesInUse.length + 2);
  writeTables(bits, tables, selectors);
  for (let index = 0; index < symbols.length; index++) {
    const { codes, lengths } = tables[selectors[Math.floor(index / groupSize)]!]!;
    bits.write(codes[symbols[index]!]!, lengths[symbols[index]!]!);
  }
}

function writeBytesInUse(bits: BitWriter, block: Uint8Array): Uint8Array {
  const isUsed = new Uint8Array(256);
  for (const byte of block) isUsed[byte] = 1;
  const ranges = Array.from({ length: 16 }, (_, range) => isUsed.subarray(16 * range, 16 * range + 16));
  for (const range of ranges) bits.write(range.includes(1) ? 1 : 0, 1);
  for (const range of ranges) {
    if (range.includes(1)) for (const bit of range) bits.write(bit, 1);
  }
  return Uint8Array.from([...isUsed.keys()].filter((byte) => isUsed[byte] === 1));
}

/** The move-to-front code of each byte. Runs of zeros are counted in base 2. */
function moveToFront(bytes: Uint8Array, bytesInUse: Uint8Array): Uint16Array {
  const front = bytesInUse.slice();
  const symbols = new Uint16Array(bytes.length + 1);
  let length = 0;
  let run = 0;
  const endRun = (): void => {
    for (; run > 0; run = (run - 1) >> 1) symbols[length++] = run % 2 === 1 ? runA : runB;
  };
  for (const byte of bytes) {
    const place = front.indexOf(byte);
    if (place === 0) {
      run++;
      continue;
    }
    endRun();
    front.copyWithin(1, 0, place);
    front[0] = byte;
    symbols[length++] = place + 1;
  }
  endRun();
  symbols[length++] = bytesInUse.length + 1;
  return symbols.subarray(0, length);
}

function writeTables(bits: BitWriter, tables: readonly CodeTable[], selectors: Uint8Array): void {
  bits.write(tables.length, 3);
  bits.write(selectors.length, 15);
  const front = [...tables.keys()];
  for (const selector of selectors) {
    const place = front.indexOf(selector);
    front.unshift(...front.splice(place, 1));
    bits.write((1 << (place + 1)) - 2, place + 1);
  }
  for (const { lengths } of tables) {
    let length = lengths[0]!;
    bits.write(length, 5);
    for (const next of lengths) {
      for (; length < next; length++) bits.write(0b10, 2);
      for (; length > next; length--) bits.write(0b11, 2);
      bits.write(0, 1);
    }
  }
}
