import { BitReader } from './bits.ts';
import {
  blockCrc,
  blockMark,
  combineCrc,
  endMark,
  groupSize,
  levelBytes,
  maxRunCount,
  maxTables,
  minTables,
  runB,
  runThreshold,
  signature,
} from './format.ts';
import { HuffmanDecoder, readCodeLengths } from './huffman-decoder.ts';
import { Output } from './output.ts';

/** A valid block has no more groups of symbols. Encoders that announce more add unused selectors. */
const maxSelectors = 18_002;

/** How much a step does: of groups of symbols, of rows of a sorted block, of bytes that go into a checksum. */
const stepGroups = 1024;
const stepRows = 64 * 1024;
const crcStepBytes = 1024 * 1024;

/** The first memory of a sorted block. It grows when needed, so that a short message costs little. */
const firstBlockBytes = 16 * 1024;

/**
 * Decompresses exactly one complete stream, and stops as soon as the output exceeds `maxBytes`.
 *
 * @throws Error when the data is damaged, cut, followed by more, or larger than `maxBytes`.
 */
export function decompressBzip2(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const steps = bzip2Steps(bytes, maxBytes);
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  return step.value;
}

/** The same, in steps of a few milliseconds each. */
export function* bzip2Steps(bytes: Uint8Array, maxBytes: number): Generator<void, Uint8Array> {
  const bits = new BitReader(bytes);
  if (bits.read(24) !== signature) throw new Error('it is not bzip2');
  const level = bits.read(8) - 0x30;
  if (level < 1 || level > 9) throw new Error('its block size is unknown');

  const output = new Output(maxBytes);
  let crc = 0;
  for (;;) {
    const mark = [bits.read(24), bits.read(24)];
    const expectedCrc = readUint32(bits);
    if (mark[0] === endMark[0] && mark[1] === endMark[1]) {
      if (expectedCrc !== crc) throw new Error('its checksum is wrong');
      if (bits.bytesLeft > 0) throw new Error(`its end is followed by ${bits.bytesLeft} bytes`);
      return output.bytes;
    }
    if (mark[0] !== blockMark[0] || mark[1] !== blockMark[1]) throw new Error('a block is damaged');
    const start = output.length;
    yield* readBlock(bits, level * levelBytes, output);
    if ((yield* crcFrom(start, output.bytes)) !== expectedCrc) throw new Error('its checksum is wrong');
    crc = combineCrc(crc, expectedCrc);
  }
}

function readUint32(bits: BitReader): number {
  return bits.read(16) * 0x10000 + bits.read(16);
}

function* crcFrom(start: number, bytes: Uint8Array): Generator<void, number> {
  let crc = 0;
  for (let position = start; position < bytes.length; position += crcStepBytes) {
    crc = blockCrc(bytes, position, Math.min(bytes.length, position + crcStepBytes), crc);
    yield;
  }
  return crc;
}

function* readBlock(bits: BitReader, maxBlockBytes: number, output: Output): Generator<void, void> {
  if (bits.read(1) === 1) throw new Error('it has randomised blocks, which nothing has written since 1998');
  const origin = bits.read(24);
  const lastColumn = yield* readSymbols(bits, maxBlockBytes);
  if (origin >= lastColumn.length) throw new Error('a block is damaged');
  yield* unsort(lastColumn, origin, output);
}

/** Decodes the Huffman codes, the move-to-front step and the counts of zeros. */
function* readSymbols(bits: BitReader, maxBlockBytes: number): Generator<void, Uint8Array> {
  const front = readBytesInUse(bits);
  const endOfBlock = front.length + 1;
  const tableCount = bits.read(3);
  if (tableCount < minTables || tableCount > maxTables) throw new Error('a block is damaged');
  const selectors = readSelectors(bits, tableCount);
  const tables = Array.from(
    { length: tableCount },
    () => new HuffmanDecoder(readCodeLengths(bits, endOfBlock + 1)),
  );

  const block = new Output(maxBlockBytes, { firstBytes: firstBlockBytes, subject: 'a block' });
  let run = 0;
  let digit = 1;
  for (const [index, selector] of selectors.entries()) {
    if (index % stepGroups === stepGroups - 1) yield;
    const table = tables[selector]!;
    for (let left = groupSize; left > 0; left--) {
      const symbol = table.read(bits);
      if (symbol <= runB) {
        run += digit * (symbol + 1);
        digit *= 2;
        if (run > maxBlockBytes) throw new Error('a block is longer than its stream allows');
        continue;
      }
      if (run > 0) {
        block.fill(front[0]!, run);
        run = 0;
        digit = 1;
      }
      if (symbol === endOfBlock) return block.bytes;
      const byte = front[symbol - 1]!;
      front.copyWithin(1, 0, symbol - 1);
      front[0] = byte;
      block.push(byte);
    }
  }
  throw new Error('a block does not end');
}

/** The bytes that occur in the block, ascending: a bit for each 16 of them, then 16 bits for each of those. */
function readBytesInUse(bits: BitReader): Uint8Array {
  const ranges = bits.read(16);
  const bytes: number[] = [];
  for (let range = 0; range < 16; range++) {
    if ((ranges & (0x8000 >> range)) === 0) continue;
    const members = bits.read(16);
    for (let index = 0; index < 16; index++) {
      if ((members & (0x8000 >> index)) !== 0) bytes.push(16 * range + index);
    }
  }
  if (bytes.length === 0) throw new Error('a block is damaged');
  return Uint8Array.from(bytes);
}

function readSelectors(bits: BitReader, tableCount: number): number[] {
  const front = [0, 1, 2, 3, 4, 5];
  const selectors: number[] = [];
  for (let left = bits.read(15); left > 0; left--) {
    let index = 0;
    while (bits.read(1) === 1) {
      if (++index === tableCount) throw new Error('a block is damaged');
    }
    const [table] = front.splice(index, 1);
    front.unshift(table!);
    if (selectors.length < maxSelectors) selectors.push(table!);
  }
  return selectors;
}

/** Undoes the Burrows-Wheeler transform, and the first run-length step on the way out. */
function* unsort(lastColumn: Uint8Array, origin: number, output: Output): Generator<void, void> {
  const next = successors(lastColumn);
  let previous = -1;
  let equal = 0;
  let row = next[origin]!;
  for (let left = lastColumn.length; left > 0; left--) {
    if (left % stepRows === 0) yield;
    const byte = lastColumn[row]!;
    row = next[row]!;
    if (equal === runThreshold) {
      output.fill(previous, byte);
      equal = 0;
      continue;
    }
    equal = byte === previous ? equal + 1 : 1;
    previous = byte;
    output.push(byte);
  }
}

/** For each row of the sorted rotations, the row of the same rotation begun one byte later. */
function successors(lastColumn: Uint8Array): Uint32Array {
  const starts = new Uint32Array(maxRunCount + 2);
  for (const byte of lastColumn) starts[byte + 1]!++;
  for (let byte = 1; byte < starts.length; byte++) starts[byte]! += starts[byte - 1]!;
  const next = new Uint32Array(lastColumn.length);
  for (let row = 0; row < lastColumn.length; row++) next[starts[lastColumn[row]!]!++] = row;
  return next;
}
