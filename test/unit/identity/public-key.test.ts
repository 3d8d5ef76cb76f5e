import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { isPublicKey } from '../../../src/identity/ed25519.ts';

/** 32 bytes: the number y, and the sign of x in the highest bit. */
function point(low: number, high: number): Uint8Array {
  const bytes = new Uint8Array(32);
  bytes[0] = low;
  bytes[31] = high;
  return bytes;
}

suite('what can be the key of a node (docs/protocol.md, clause 1.5)', () => {
  test('is no point of small order, whatever the sign of x', () => {
    for (const y of [0, 1]) {
      for (const sign of [0, 0x80])
        assert.equal(isPublicKey(point(y, sign)), false, `y = ${y}, sign ${sign}`);
    }
  });

  test('may differ from a point of small order in its last byte alone', () => {
    for (const y of [0, 1]) {
      for (const high of [0x01, 0x40, 0x81]) assert.equal(isPublicKey(point(y, high)), true, `${y}, ${high}`);
    }
  });
});
