import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { isPublicKey, verifierOf } from '../../../src/identity/ed25519.ts';
import { Identity } from '../../../src/identity/identity.ts';

const identity = Identity.fromSeed(new Uint8Array(32).fill(7));
const message = new TextEncoder().encode('message');

/** As in a browser, where `node:crypto` is missing. */
function portableVerifier(t: TestContext): ReturnType<typeof verifierOf> {
  const mock = t.mock.method(process, 'getBuiltinModule', () => undefined);
  const verify = verifierOf(identity.publicKey);
  mock.mock.restore();
  return verify;
}

/** 32 bytes, the lowest first. */
function littleEndian(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, at) => Number((value >> BigInt(8 * at)) & 0xffn));
}

function withS(signature: Uint8Array, s: bigint): Uint8Array {
  return Uint8Array.from([...signature.subarray(0, 32), ...littleEndian(s)]);
}

function sOf(signature: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`);
}

const groupOrder = 2n ** 252n + 27742317777372353535851937790883648493n;
const fieldOrder = 2n ** 255n - 19n;

suite('signatures that JavaScript checks (docs/protocol.md, clause 1.4)', () => {
  test('hold for the message that was signed only', (t) => {
    const verify = portableVerifier(t);
    const signature = identity.sign(message);
    assert.equal(verify(message, signature), true);
    // One byte of R that happens to be right must not suffice: of 64 forgeries, some have one.
    for (let at = 0; at < 64; at++) {
      const forged = Uint8Array.from(signature);
      forged[at]! ^= 1;
      assert.equal(verify(message, forged), false, `byte ${at}`);
    }
  });

  test('are false, not an error, for a key that is no point of the curve', (t) => {
    const publicKey = littleEndian(2n);
    assert.equal(isPublicKey(publicKey), true, 'its encoding is canonical');
    const hidden = t.mock.method(process, 'getBuiltinModule', () => undefined);
    const portable = verifierOf(publicKey);
    hidden.mock.restore();
    for (const verify of [portable, verifierOf(publicKey)]) {
      assert.equal(verify(message, identity.sign(message)), false);
      assert.equal(verify(message, new Uint8Array(64)), false);
    }
  });

  test('have one encoding: S is less than the order of the group', (t) => {
    const signature = identity.sign(message);
    const s = sOf(signature);
    for (const verify of [portableVerifier(t), verifierOf(identity.publicKey)]) {
      assert.equal(verify(message, withS(signature, s)), true);
      assert.equal(verify(message, withS(signature, s + groupOrder)), false);
      assert.equal(verify(message, withS(signature, groupOrder)), false);
    }
  });

  test('are of no key whose y is not less than the order of the field', () => {
    assert.equal(isPublicKey(littleEndian(fieldOrder - 2n)), true);
    for (const y of [fieldOrder, fieldOrder + 1n, fieldOrder + 2n, 2n ** 255n - 1n]) {
      assert.equal(isPublicKey(littleEndian(y)), false, `${y}`);
      assert.equal(isPublicKey(littleEndian(y + 2n ** 255n)), false, `${y}, with the sign of x`);
    }
  });
});
