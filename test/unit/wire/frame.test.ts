import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  FrameKind,
  frameHeaderBytes,
  idBody,
  idOf,
  readUint32,
  smallFrame,
  writeFrameHeader,
  writeUint32,
} from '../../../src/wire/frames/frame.ts';
import { withCode } from '../../support/errors.ts';

test('a frame begins with its length, big-endian, then kind, flags, format and compression', () => {
  const target = new Uint8Array(10).fill(0xee);
  writeFrameHeader(target, 1, { kind: 16, flags: 1, format: 4, compression: 3, length: 0x01020304 });
  assert.deepEqual([...target], [0xee, 1, 2, 3, 4, 16, 1, 4, 3, 0xee]);
});

test('a small frame is a header and its body', () => {
  assert.deepEqual(
    [...smallFrame(FrameKind.ping, Uint8Array.of(7, 8))],
    [0, 0, 0, 2, FrameKind.ping, 0, 0, 0, 7, 8],
  );
  assert.equal(smallFrame(FrameKind.accept, new Uint8Array(0)).length, frameHeaderBytes);
});

test('numbers of 32 bits are big-endian and unsigned', () => {
  const bytes = new Uint8Array(8);
  for (const value of [0, 1, 0x80, 0x7fffffff, 0x80000000, 0xdeadbeef, 0xffffffff]) {
    writeUint32(bytes, 3, value);
    assert.equal(readUint32(bytes, 3), value);
    assert.equal(new DataView(bytes.buffer).getUint32(3), value);
  }
});

test('the number of a frame that is paired stands first in its body', () => {
  assert.equal(idOf(FrameKind.pong, idBody(0xfedcba98)), 0xfedcba98);
  assert.equal(idOf(FrameKind.response, Uint8Array.of(0, 0, 1, 0, 99)), 256);
  for (const body of [new Uint8Array(0), new Uint8Array(3)]) {
    assert.throws(() => idOf(FrameKind.pong, body), withCode('ERR_PROTOCOL', /kind 5 without its number/));
  }
});

test('no two kinds share a number', () => {
  const numbers = Object.values(FrameKind);
  assert.equal(new Set(numbers).size, numbers.length);
});
