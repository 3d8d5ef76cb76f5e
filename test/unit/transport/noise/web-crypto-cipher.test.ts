import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { aeadOf } from '../../../../src/transport/noise/aead.ts';
import { CipherState } from '../../../../src/transport/noise/cipher-state.ts';
import { WebCryptoCipher } from '../../../../src/transport/noise/web-crypto-cipher.ts';
import { webCryptoKeyPair } from '../../../../src/transport/noise/web-crypto-key-pair.ts';
import { keyPair } from '../../../../src/transport/noise/x25519.ts';

const secret = new Uint8Array(32).fill(7);
const plains = Array.from({ length: 8 }, (_, at) => new Uint8Array(at * 1_000 + 1).fill(at));

suite('AES-GCM of WebCrypto', () => {
  test('makes and reads the records of CipherState, however many are under way, across changes of the key', async () => {
    const [web, state] = [new WebCryptoCipher(secret, 3), new CipherState(aeadOf('AESGCM'), secret, 3)];
    const [webReads, stateReads] = [
      new WebCryptoCipher(secret, 3),
      new CipherState(aeadOf('AESGCM'), secret, 3),
    ];
    const sealed = await Promise.all(plains.map((plain) => web.seal(plain)));
    assert.deepEqual(
      sealed.map((record) => Buffer.from(record)),
      plains.map((plain) => Buffer.from(state.seal(plain))),
    );
    assert.deepEqual(
      sealed.map((record) => Buffer.from(stateReads.open(record))),
      plains.map((plain) => Buffer.from(plain)),
    );
    const opened = await Promise.all(sealed.map((record) => webReads.open(record)));
    assert.deepEqual(opened, plains);
  });

  test('binds a record to what it is given beside it, as CipherState does', async () => {
    const beside = Uint8Array.of(4, 5);
    const sealed = await new WebCryptoCipher(secret).seal(plains[1]!, beside);
    assert.deepEqual(
      Buffer.from(sealed),
      Buffer.from(new CipherState(aeadOf('AESGCM'), secret).seal(plains[1]!, beside)),
    );
    assert.deepEqual(await new WebCryptoCipher(secret).open(sealed, beside), plains[1]);
    await assert.rejects(new WebCryptoCipher(secret).open(sealed));
  });

  test('does not look again at the memory that it was given', async () => {
    const plain = Uint8Array.of(1, 2, 3);
    const sealing = new WebCryptoCipher(secret).seal(plain);
    plain.fill(9);
    assert.deepEqual(await new WebCryptoCipher(secret).open(await sealing), Uint8Array.of(1, 2, 3));
  });

  test('rejects records that were altered, are out of order, or came before', async () => {
    const sending = new WebCryptoCipher(secret);
    const [first, second] = await Promise.all([sending.seal(plains[1]!), sending.seal(plains[2]!)]);
    const altered = first.slice();
    altered[5]! ^= 1;
    await assert.rejects(new WebCryptoCipher(secret).open(altered));
    await assert.rejects(new WebCryptoCipher(secret).open(second));
    const receiving = new WebCryptoCipher(secret);
    await receiving.open(first);
    await assert.rejects(receiving.open(first));
  });
});

suite('X25519 of WebCrypto', () => {
  test('shares the secrets that the other implementations share', async () => {
    const [web, other] = [await webCryptoKeyPair(), keyPair()];
    assert.equal(web!.publicKey.length, 32);
    assert.deepEqual(
      Buffer.from(await web!.sharedWith(other.publicKey)),
      Buffer.from(other.sharedWith(web!.publicKey)),
    );
  });

  test('refuses keys of small order, and keys that are cut', async () => {
    const web = await webCryptoKeyPair();
    await assert.rejects(async () => web!.sharedWith(new Uint8Array(32)));
    await assert.rejects(async () => web!.sharedWith(Uint8Array.of(1, ...new Uint8Array(31))));
    await assert.rejects(async () => web!.sharedWith(new Uint8Array(31)));
  });

  test('is not there without WebCrypto, or without X25519 in it', async (t) => {
    t.mock.method(crypto.subtle, 'generateKey', () => Promise.reject(new Error('NotSupportedError')));
    assert.equal(await webCryptoKeyPair(), undefined);
    t.mock.getter(globalThis, 'crypto', () => ({}) as Crypto);
    assert.equal(await webCryptoKeyPair(), undefined);
  });
});
