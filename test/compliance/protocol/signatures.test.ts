import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { mock, suite, test } from 'node:test';
import { ed25519 } from '@noble/curves/ed25519.js';
import { bytesToNumberLE } from '@noble/curves/utils.js';
import { base58 } from '@scure/base';
import { isCanonicalSignature, isPublicKey } from '../../../src/identity/ed25519.ts';
import {
  Identity,
  idFromPublicKey,
  isPeerId,
  publicKeyFromId,
  verifySignature,
} from '../../../src/identity/identity.ts';
import { certifiedBy } from '../../../src/transport/tcp/certificate.ts';
import { notCanonicalKeys, smallOrderKeys, speccheckCases } from '../../support/ed25519-cases.ts';
import { withCode } from '../../support/errors.ts';
import { certificateOf, newIdentity } from './second-identity.ts';
import '../../support/look-over.ts';

type Check = (
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
) => boolean | Promise<boolean>;

const bytes = (hexadecimal: string): Uint8Array => Uint8Array.from(Buffer.from(hexadecimal, 'hex'));

/** Everything that can check a signature for a node, wherever the node runs. */
const checks: Record<string, Check> = {
  'node:crypto': verifySignature,
  'JavaScript alone': (publicKey, message, signature) => {
    const hidden = mock.method(process, 'getBuiltinModule', () => undefined);
    try {
      return verifySignature(publicKey, message, signature);
    } finally {
      hidden.mock.restore();
    }
  },
  // For a page that would rather wait than compute: the part of the rule that libraries disagree on stays ours.
  WebCrypto: async (publicKey, message, signature) => {
    if (!isPublicKey(publicKey) || !isCanonicalSignature(signature)) return false;
    const key = await crypto.subtle.importKey('raw', Uint8Array.from(publicKey), 'Ed25519', true, ['verify']);
    return crypto.subtle.verify('Ed25519', key, Uint8Array.from(signature), Uint8Array.from(message));
  },
};

for (const [name, check] of Object.entries(checks)) {
  suite(`signatures, checked by ${name}`, () => {
    for (const { what, message, publicKey, signature, isValid } of speccheckCases) {
      test(`1.4 ${isValid ? 'valid' : 'invalid'}: ${what}`, async () => {
        assert.equal(await check(bytes(publicKey), bytes(message), bytes(signature)), isValid);
      });
    }

    test('1.4 what a node signs is valid, for its own key and message alone', async () => {
      const { publicKey: other } = Identity.generate();
      for (let count = 0; count < 10; count++) {
        const identity = Identity.generate();
        const message = Uint8Array.of(count, 1, 2);
        const signature = identity.sign(message);
        assert.equal(await check(identity.publicKey, message, signature), true);
        for (const at of [0, 31, 32, 62]) {
          assert.equal(await check(identity.publicKey, message, flipped(signature, at)), false, `byte ${at}`);
        }
        assert.equal(await check(identity.publicKey, flipped(message, 0), signature), false);
        assert.equal(await check(other, message, signature), false);
      }
    });

    test('1.4 invalid: anything by a key of small order, or by one that is not canonical', async () => {
      for (const key of [...smallOrderKeys, ...notCanonicalKeys]) {
        for (const r of smallOrderKeys) {
          const signature = bytes(r + '00'.repeat(32));
          assert.equal(await check(bytes(key), Uint8Array.of(0), signature), false, `${key} ${r}`);
        }
      }
    });

    test('1.4 invalid: R of small order, even where the equation holds', async () => {
      const { secret, publicKey, message } = keyInTheOpen();
      for (const r of smallOrderKeys) {
        const hash = createHash('sha512').update(bytes(r)).update(publicKey).update(message).digest();
        const { Fn } = ed25519.Point;
        const s = Fn.mul(Fn.create(bytesToNumberLE(hash)), secret);
        const signature = Uint8Array.from([...bytes(r), ...Fn.toBytes(s)]);
        assert.equal(await check(publicKey, message, signature), false, r);
      }
    });
  });
}

suite('keys', () => {
  test('1.5 a key that anybody can sign for is no id, in whatever form it comes', () => {
    for (const key of [...smallOrderKeys, ...notCanonicalKeys].map(bytes)) {
      const id = base58.encode(Uint8Array.from([...bytes('002408011220'), ...key]));
      assert.match(id, /^12D3KooW.{44}$/);
      assert.equal(isPeerId(id), false, id);
      assert.throws(() => publicKeyFromId(id), TypeError);
      assert.throws(() => idFromPublicKey(key), RangeError);
      assert.throws(() => certifiedBy(certificateBy(key, forgedBy(key))), withCode('ERR_HANDSHAKE'));
    }
  });

  test('1.5 every other key of a certificate is an id', () => {
    const identity = Identity.generate();
    const { publicKey, id } = identity;
    const shown = certifiedBy(certificateBy(publicKey, (message) => identity.sign(message)));
    assert.deepEqual(shown, publicKey);
    assert.equal(idFromPublicKey(shown), id);
    assert.equal(isPeerId(id), true);
  });
});

/** A key whose secret number is known, to sign with an R that no honest signer takes. */
function keyInTheOpen() {
  const secret = 123_456_789n;
  const publicKey = ed25519.Point.BASE.multiply(secret).toBytes();
  return { secret, publicKey, message: Uint8Array.of(1, 2, 3) };
}

/** A certificate of which a node with that key is said to have signed the key. */
function certificateBy(publicKey: Uint8Array, sign: (message: Uint8Array) => Uint8Array): Uint8Array {
  const words = Buffer.from('libp2p-tls-handshake:');
  const signedKey = (keyInfo: Buffer) => ({ publicKey, signature: sign(Buffer.concat([words, keyInfo])) });
  return new X509Certificate(certificateOf(newIdentity(), { signedKey }).cert).raw;
}

/** What anybody can do for a key of order 8 or less: where k is a multiple of 8, [k]A is nothing. */
function forgedBy(publicKey: Uint8Array): (message: Uint8Array) => Uint8Array {
  return (message) => {
    const { BASE, Fn } = ed25519.Point;
    for (let secret = 1n; ; secret++) {
      const r = BASE.multiply(secret).toBytes();
      const hash = createHash('sha512').update(r).update(publicKey).update(message).digest();
      if (Fn.create(bytesToNumberLE(hash)) % 8n === 0n) return Uint8Array.from([...r, ...Fn.toBytes(secret)]);
    }
  };
}

function flipped(original: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(original);
  copy[at]! ^= 1;
  return copy;
}
