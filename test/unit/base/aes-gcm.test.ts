import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { type AesGcmKey, decryptAesGcm, encryptAesGcm } from '../../../src/base/aes-gcm.ts';
import { withCode } from '../../support/errors.ts';

const bytes = (hexadecimal: string): Uint8Array => Uint8Array.from(Buffer.from(hexadecimal, 'hex'));

/** Test case 16 of McGrew and Viega: The Galois/Counter Mode of Operation. */
const vector = {
  key: {
    key: bytes('feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308'),
    nonce: bytes('cafebabefacedbaddecaf888'),
    associated: bytes('feedfacedeadbeeffeedfacedeadbeefabaddad2'),
  },
  text: bytes(
    'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
  ),
  encrypted: bytes(
    '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b',
  ),
};

function hideModulesOfNode(t: TestContext): void {
  t.mock.method(process, 'getBuiltinModule', () => undefined);
}

suite('AES-256-GCM', () => {
  for (const where of ['in Node.js', 'in a browser']) {
    test(`${where}: gives what the published vector says, and reads it`, (t) => {
      if (where === 'in a browser') hideModulesOfNode(t);
      const { key, text, encrypted } = vector;
      assert.deepEqual(encryptAesGcm(key, text), encrypted);
      assert.deepEqual(decryptAesGcm(key, encrypted), text);
    });

    test(`${where}: refuses what was changed anywhere, or cut`, (t) => {
      if (where === 'in a browser') hideModulesOfNode(t);
      const { key, encrypted } = vector;
      const refused = (changed: AesGcmKey, by: Uint8Array): void =>
        assert.throws(() => decryptAesGcm(changed, by), withCode('ERR_DECRYPTION'));
      for (let at = 0; at < encrypted.length; at++) refused(key, changedAt(encrypted, at));
      for (let length = 0; length < encrypted.length; length++) refused(key, encrypted.slice(0, length));
      for (const part of ['key', 'nonce', 'associated'] as const)
        refused({ ...key, [part]: changedAt(key[part], 3) }, encrypted);
    });

    test(`${where}: an empty text has a tag all the same`, (t) => {
      if (where === 'in a browser') hideModulesOfNode(t);
      const encrypted = encryptAesGcm(vector.key, new Uint8Array());
      assert.equal(encrypted.length, 16);
      assert.deepEqual(decryptAesGcm(vector.key, encrypted), new Uint8Array());
    });
  }
});

function changedAt(given: Uint8Array, at: number): Uint8Array {
  const changed = Uint8Array.from(given);
  changed[at]! ^= 1;
  return changed;
}
