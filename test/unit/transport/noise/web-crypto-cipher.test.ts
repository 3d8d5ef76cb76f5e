import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { aeadOf } from '../../../../src/transport/noise/aead.ts';
import { CipherState } from '../../../../src/transport/noise/cipher-state.ts';
import { WebCryptoCipher } from '../../../../src/transport/noise/web-crypto-cipher.ts';

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
