import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { isPublicKey } from '../../../src/identity/ed25519.ts';
import { Identity, idFromPublicKey } from '../../../src/identity/identity.ts';
import * as browserFiles from '../../../src/identity/identity-file-in-browsers.ts';
import { verifyById } from '../../../src/identity/verify-by-id.ts';

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

suite('a signature that is checked by the id of its node', () => {
  const message = Uint8Array.of(1, 2, 3);

  test('holds for that node and message alone, the first time and later', () => {
    for (const identity of [Identity.generate(), Identity.generate()]) {
      const signature = identity.sign(message);
      for (let time = 0; time < 3; time++) {
        assert.equal(verifyById(identity.id, message, signature), true);
        assert.equal(verifyById(identity.id, Uint8Array.of(1, 2, 4), signature), false);
        assert.equal(verifyById(Identity.generate().id, message, signature), false);
        assert.equal(verifyById(identity.id, message, signature.subarray(1)), false);
      }
    }
  });

  test('holds for no text that is not the id of a node', () => {
    const { id } = Identity.generate();
    const signature = new Uint8Array(64);
    for (const text of ['', 'a Python node', id.slice(1), `${id} `, `12D3KooW${'z'.repeat(44)}`]) {
      for (let time = 0; time < 2; time++) assert.equal(verifyById(text, message, signature), false);
    }
  });

  test('keeps at most 4,096 keys', (t) => {
    let most = 0;
    const { set } = Map.prototype;
    t.mock.method(Map.prototype, 'set', function (this: Map<unknown, unknown>, key: unknown, value: unknown) {
      const result = set.call(this, key, value);
      if (typeof key === 'string' && typeof value === 'function') most = Math.max(most, this.size);
      return result;
    });
    // For most of these keys, a signature cannot hold: the point is not on the curve.
    t.mock.method(process, 'getBuiltinModule', () => undefined);
    for (let number = 0; number < 4_200; number++) {
      const key = new Uint8Array(32).fill(9);
      new DataView(key.buffer).setUint32(4, number);
      assert.equal(verifyById(idFromPublicKey(key), message, new Uint8Array(64)), false);
    }
    assert.equal(most, 4_096);
  });
});

test('in a browser, an identity has no file', () => {
  const refused = { code: 'ERR_TRANSPORT_UNAVAILABLE', message: /a browser has no files/ };
  assert.throws(() => browserFiles.loadOrCreateIdentity({ path: 'a' }), refused);
  assert.throws(() => browserFiles.saveIdentity(Identity.generate(), { path: 'a' }), refused);
});
