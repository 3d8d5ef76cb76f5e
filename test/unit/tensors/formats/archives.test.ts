import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { deflateRawSync, crc32 as nodeCrc32 } from 'node:zlib';
import { crc32ByTable } from '../../../../src/tensors/formats/zip/crc32.ts';
import { zipAsPythonDoes } from '../../../../src/tensors/formats/zip/python-zip.ts';
import { contentOf, readZip } from '../../../../src/tensors/formats/zip/read-zip.ts';
import { readNpz, type StateDict, Tensor, writeNpy, writeNpz } from '../../../../src/tensors/index.ts';
import { withCode } from '../../../support/errors.ts';

const state: StateDict = { a: Tensor.from(Float32Array.of(1, 2)), b: Tensor.from(Uint8Array.of(3)) };
const endBytes = 22;

/** A copy with one number of it changed. */
function changed(file: Uint8Array, at: number, value: number, bits: 16 | 32 = 16): Uint8Array {
  const copy = file.slice();
  const view = new DataView(copy.buffer);
  if (bits === 16) view.setUint16(at, value, true);
  else view.setUint32(at, value, true);
  return copy;
}

const directoryOf = (file: Uint8Array): number => new DataView(file.buffer).getUint32(file.length - 6, true);

const refuses = (file: Uint8Array, message: RegExp): void =>
  assert.throws(() => readNpz(file), withCode('ERR_TENSOR_FORMAT', message));

suite('readNpz', () => {
  test('puts arrays that are not compressed into the memory of the file', () => {
    const file = writeNpz(state);
    const read = readNpz(file);
    assert.deepEqual(read, state);
    assert.equal(read.a!.data.buffer, file.buffer);
    assert.deepEqual(readNpz(writeNpz(state, { compress: true })), state);
    assert.deepEqual(readNpz(writeNpz({})), {});
  });

  test('refuses every part of a file', () => {
    const file = writeNpz(state);
    for (let length = 0; length < file.length; length += 1) refuses(file.subarray(0, length), /./);
    for (let start = 1; start < file.length; start += 1) refuses(file.subarray(start), /./);
  });

  test('refuses a directory that does not fit the file', () => {
    const file = writeNpz(state);
    const directory = directoryOf(file);
    const end = file.length - endBytes;
    refuses(changed(file, end + 10, 3), /no directory where it says|entry of its directory is missing/);
    refuses(changed(file, end + 10, 1), /does not end where it says/);
    refuses(changed(file, end + 12, 7, 32), /does not lie before its last record/);
    refuses(changed(file, end + 4, 1), /no directory/);
    refuses(changed(file, directory + 8, 1), /encrypted/);
    refuses(changed(file, directory + 10, 12), /method 12/);
    refuses(changed(file, directory + 24, 1, 32), /cannot have 1 bytes/);
    refuses(changed(file, directory + 42, 9, 32), /is not where its directory says/);
    refuses(changed(file, directory + 42, 0xfffffffe, 32), /is not where its directory says/);
    refuses(changed(file, directory + 42, 0xffffffff, 32), /the length of an entry is missing/);
    refuses(changed(file, directory + 16, 0, 32), /'a\.npy' is damaged: its checksum/);
    refuses(changed(file, directory + 28, 0xffff), /entry of its directory is too long/);
    refuses(changed(file, 26, 4), /another name in its own header/);
  });

  test('refuses entries that share bytes or a name', () => {
    const file = writeNpz({ a: state.a!, b: state.a! });
    const directory = directoryOf(file);
    const second = directory + 46 + 'a.npy'.length;
    const twice = changed(file, second + 42, 0, 32);
    twice[second + 46] = 0x61;
    refuses(twice, /'a\.npy' twice/);
    // The content of the first entry is itself an entry, which the directory names as the second.
    const inner = writeNpz({ b: state.b! });
    const content = inner.subarray(0, directoryOf(inner));
    const outer = zipAsPythonDoes(
      [
        { name: 'a.npy', content },
        { name: 'b.npy', content: writeNpy(state.b!) },
      ],
      false,
    );
    const inside = 30 + 'a.npy'.length + 20;
    refuses(
      changed(outer, directoryOf(outer) + 46 + 5 + 42, inside, 32),
      /'b\.npy' shares bytes with another entry/,
    );
  });

  test('refuses other files in an archive, and names the array that is damaged', () => {
    const file = writeNpz(state);
    const text = Buffer.from(file).toString('latin1').replaceAll('a.npy', 'a.txt');
    refuses(Uint8Array.from(Buffer.from(text, 'latin1')), /'a\.txt', which is no \.npy file/);
    const damaged = Buffer.from(Buffer.from(file).toString('latin1').replace('NUMPY', 'MUMPY'), 'latin1');
    const crc = nodeCrc32(damaged.subarray(55, 55 + new DataView(file.buffer).getUint32(39, true)));
    refuses(
      changed(Uint8Array.from(damaged), directoryOf(file) + 16, crc, 32),
      /'a\.npy': this is no \.npy file/,
    );
  });

  test('does not let compressed data grow beyond what it claims, or what is allowed', () => {
    const zeros = { a: new Tensor('uint8', [100_000], new Uint8Array(100_000)) };
    const file = writeNpz(zeros, { compress: true });
    assert.deepEqual(readNpz(file, { maxInflatedBytes: 100_128 }), zeros);
    assert.throws(
      () => readNpz(file, { maxInflatedBytes: 100_127 }),
      withCode('ERR_TENSOR_FORMAT', /more than 100127 bytes: raise maxInflatedBytes/),
    );
    const directory = directoryOf(file);
    refuses(changed(file, directory + 24, 1_000, 32), /longer than the 1000 bytes that the archive claims/);
    refuses(changed(file, directory + 24, 100_129, 32), /has 100128 bytes, and not the 100129/);
    refuses(changed(file, directory + 24, 0xfffffff0, 32), /cannot have 4294967280 bytes/);
    refuses(changed(file, directory + 20, 40, 32), /damaged|has \d+ bytes/);
    assert.throws(() => readNpz(file, { maxInflatedBytes: -1 }), /^RangeError: maxInflatedBytes/);
    assert.throws(() => readNpz(file, { max: 1 } as never), /max is not an option/);
  });

  test('stops at a bomb before its memory is taken', () => {
    const bomb = deflateRawSync(Buffer.alloc(64 * 1024 * 1024));
    const entry = { name: 'bomb', isCompressed: true, crc: 0, byteLength: 10, stored: new Uint8Array(bomb) };
    const before = process.memoryUsage().arrayBuffers;
    assert.throws(() => contentOf(entry), withCode('ERR_TENSOR_FORMAT', /longer than the 10 bytes/));
    assert.ok(process.memoryUsage().arrayBuffers - before < 32 * 1024 * 1024);
  });
});

suite('the checksum of archives', () => {
  test('is the same in browsers, which lack that of Node.js', () => {
    for (const text of ['', 'a', 'The quick brown fox', '\u{1f600}'.repeat(1_000)]) {
      const bytes = new TextEncoder().encode(text);
      assert.equal(crc32ByTable(bytes), nodeCrc32(bytes));
    }
  });
});

test('an archive of zip64 is read', () => {
  const file = writeNpz({ a: state.b! });
  // The lengths and the offset of the entry move into an extra field of the directory.
  const directory = directoryOf(file);
  const view = new DataView(file.buffer);
  const extra = new Uint8Array(4 + 24);
  const extraView = new DataView(extra.buffer);
  extraView.setUint16(0, 1, true);
  extraView.setUint16(2, 24, true);
  [24, 20, 42].forEach((field, place) => {
    extraView.setBigUint64(4 + 8 * place, BigInt(view.getUint32(directory + field, true)), true);
    view.setUint32(directory + field, 0xffffffff, true);
  });
  view.setUint16(directory + 30, extra.length, true);
  view.setUint32(file.length - endBytes + 12, 46 + 5 + extra.length, true);
  const parts = [file.subarray(0, -endBytes), extra, file.subarray(-endBytes)];
  const whole = Uint8Array.from(Buffer.concat(parts));
  assert.deepEqual(readNpz(whole), { a: state.b });
  assert.equal(readZip(whole, 0)[0]!.name, 'a.npy');
  const past = whole.slice();
  new DataView(past.buffer).setBigUint64(directory + 46 + 5 + 4, 2n ** 60n, true);
  refuses(past, /past 2\^53/);
});

test('writeNpz refuses options and arrays that it does not know', () => {
  assert.throws(() => writeNpz({ a: 1 } as never), /state\['a'\] must be a Tensor/);
  assert.throws(() => writeNpz({}, { compress: 1 } as never), /compress must be a boolean/);
  assert.throws(() => writeNpz({ ['x'.repeat(70_000)]: state.a! }), /too long/);
});
