import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { alone, copyOf, OwnMemory } from '../../../src/wire/frames/own-memory.ts';
import { bytes } from './raw-frames.ts';

/** Has a connection bring so many payloads of a length, all in one piece. */
function arrive(
  memory: OwnMemory,
  { count, length, nowMs = 0 }: { count: number; length: number; nowMs?: number },
) {
  const piece = bytes(count * length);
  memory.beginArrival(nowMs);
  const taken = Array.from({ length: count }, (_, index) =>
    memory.take(piece, index * length, (index + 1) * length),
  );
  memory.endArrival();
  const expected = taken.map((_, index) => piece.slice(index * length, (index + 1) * length));
  return { piece, taken, expected };
}

const buffersOf = (arrays: readonly Uint8Array[]): number => new Set(arrays.map(({ buffer }) => buffer)).size;

suite('memory for what a user receives', () => {
  test('is of its own, exactly as long, for 16,384 payloads at once', () => {
    const { taken, expected } = arrive(new OwnMemory(), { count: 16_384, length: 100 });
    assert.deepEqual(taken, expected);
    assert.equal(buffersOf(taken), taken.length);
    for (const { buffer } of taken) assert.equal(buffer.byteLength, 100);
  });

  test('is shared by further ones, which hold what they should', () => {
    const memory = new OwnMemory();
    arrive(memory, { count: 16_384, length: 100 });
    const { taken, expected, piece } = arrive(memory, { count: 1_000, length: 100 });
    assert.deepEqual(taken, expected);
    const buffers = buffersOf(taken);
    assert.ok(buffers >= 6 && buffers <= 8, `${buffers} pieces of 16 KiB for 100,000 bytes`);
    for (const { buffer } of taken) assert.notEqual(buffer, piece.buffer);
    piece.fill(0);
    assert.deepEqual(taken, expected);
  });

  test('is of its own again for 50 more with each millisecond', () => {
    const memory = new OwnMemory();
    arrive(memory, { count: 16_384, length: 100 });
    for (const nowMs of [10, 15]) {
      const { taken } = arrive(memory, { count: 1_000, length: 100, nowMs });
      const own = taken.filter(({ buffer }) => buffer.byteLength === 100).length;
      assert.equal(own, nowMs === 10 ? 500 : 250);
    }
  });

  test('is always of its own up to 64 bytes, and past 2 KiB', () => {
    const memory = new OwnMemory();
    arrive(memory, { count: 20_000, length: 100 });
    for (const length of [1, 64, 2_049]) {
      const { taken, expected } = arrive(memory, { count: 100, length });
      assert.deepEqual(taken, expected);
      assert.equal(buffersOf(taken), taken.length, `${length} bytes`);
    }
    for (const length of [65, 2_048]) {
      assert.ok(buffersOf(arrive(memory, { count: 100, length }).taken) < 100, `${length} bytes`);
    }
  });

  test('is never shared by what arrived before, or waits', () => {
    const memory = new OwnMemory();
    arrive(memory, { count: 16_384, length: 100 });
    const [first, second] = [
      arrive(memory, { count: 3, length: 100 }),
      arrive(memory, { count: 3, length: 100 }),
    ];
    assert.notEqual(first.taken[0]!.buffer, second.taken[0]!.buffer);
    const piece = bytes(1_000);
    const waiting = memory.takeWhole(piece.subarray(100, 200));
    assert.equal(waiting.buffer.byteLength, 100);
    assert.deepEqual(waiting, piece.slice(100, 200));
  });

  test('holds what it should where a user transfers what came before', () => {
    const memory = new OwnMemory();
    arrive(memory, { count: 16_384, length: 100 });
    const piece = bytes(10_000);
    memory.beginArrival(0);
    for (let at = 0; at < 10_000; at += 100) {
      const taken = memory.take(piece, at, at + 100);
      assert.deepEqual(taken, piece.slice(at, at + 100));
      if (at % 300 === 0) structuredClone(null, { transfer: [taken.buffer] });
    }
  });

  test('holds what it should where payloads are cut out before, of one piece of memory or another', () => {
    const memory = new OwnMemory();
    arrive(memory, { count: 16_384, length: 100 });
    const pieces = [bytes(40_000), bytes(40_000, 5)];
    memory.beginArrival(0);
    for (const at of [100, 300, 0, 30_000, 200]) {
      for (const piece of pieces) {
        const taken = memory.takeWhole(piece.subarray(at, at + 100));
        assert.deepEqual(taken, piece.slice(at, at + 100));
        assert.notEqual(taken.buffer, piece.buffer);
      }
    }
  });

  test('is that of the frame where nothing else lies there but its number', () => {
    const memory = new OwnMemory();
    const body = bytes(104);
    assert.equal(memory.takeWhole(body.subarray(4)).buffer, body.buffer);
    assert.notEqual(memory.takeWhole(body.subarray(5)).buffer, body.buffer);
    assert.equal(alone(body.subarray(4)).buffer, body.buffer);
    assert.equal(alone(body.subarray(5)).buffer.byteLength, 99);
  });

  test('is a copy where the bytes are a Buffer, whose slice would not be', () => {
    const buffer = Buffer.from(bytes(100));
    const [copy, taken] = [copyOf(buffer, 10, 20), new OwnMemory().take(buffer, 10, 20)];
    buffer.fill(0);
    for (const bytesOf of [copy, taken]) assert.deepEqual(Uint8Array.from(bytesOf), bytes(20).slice(10));
  });
});
