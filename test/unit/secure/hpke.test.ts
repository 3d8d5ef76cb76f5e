import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync } from 'node:crypto';
import { suite, test } from 'node:test';
import { Identity, type Runtime, systemRuntime } from '../../../src/index.ts';
import { encryptionKeyOf, encryptionKeysOf, HpkeOpener, hpkeSeal } from '../../../src/secure/hpke.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import { withCode } from '../../support/errors.ts';

const bytes = (hexadecimal: string) => Uint8Array.from(Buffer.from(hexadecimal, 'hex'));
const text = (hexadecimal: string) => Buffer.from(hexadecimal, 'hex').toString();

/** RFC 9180, appendix A.1.1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM, base mode, sequence number 0. */
const vector = {
  info: '4f6465206f6e2061204772656369616e2055726e',
  pkRm: '3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d',
  skRm: '4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8',
  enc: '37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431',
  pt: '4265617574792069732074727574682c20747275746820626561757479',
  aad: '436f756e742d30',
  ct: 'f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a',
};

const runtimes: readonly [string, Runtime][] = [
  ['in other threads', systemRuntime],
  ['at once, in virtual time', new VirtualRuntime()],
];

suite('HPKE', () => {
  for (const [name, runtime] of runtimes) {
    test(`RFC 9180, appendix A.1.1: ${name}`, async () => {
      const opener = new HpkeOpener(
        { publicKey: bytes(vector.pkRm), secretKey: bytes(vector.skRm) },
        runtime,
      );
      const context = { info: text(vector.info), associated: text(vector.aad) };
      assert.deepEqual(await opener.open(bytes(vector.enc + vector.ct), context), bytes(vector.pt));
    });

    test(`what was sealed ${name} opens either way, and with nothing changed`, async () => {
      const bob = Identity.generate();
      const context = { info: 'a test', associated: 'to bob' };
      const sealed = await hpkeSeal(encryptionKeyOf(bob.id), bytes('00ff'), { ...context, runtime });
      const again = await hpkeSeal(encryptionKeyOf(bob.id), bytes('00ff'), { ...context, runtime });
      assert.notDeepEqual(sealed, again);
      for (const [, other] of runtimes) {
        const opener = new HpkeOpener(encryptionKeysOf(bob), other);
        assert.deepEqual(await opener.open(sealed, context), bytes('00ff'));
        for (const index of [0, 31, 32, sealed.length - 1]) {
          const changed = Uint8Array.from(sealed);
          changed[index]! ^= 1;
          await assert.rejects(opener.open(changed, context), withCode('ERR_DECRYPTION'), `byte ${index}`);
        }
        const elsewhere = opener.open(sealed, { ...context, info: 'another' });
        await assert.rejects(elsewhere, withCode('ERR_DECRYPTION'));
      }
    });
  }

  test('at once, in virtual time, draws its one-time keys from the seed', async () => {
    const { id } = Identity.generate();
    const seal = (seed: number) =>
      hpkeSeal(encryptionKeyOf(id), bytes('00ff'), { info: '', runtime: new VirtualRuntime({ seed }) });
    assert.deepEqual(await seal(1), await seal(1));
    assert.notDeepEqual(await seal(1), await seal(2));
  });

  test('what is sealed to an id opens with its identity, and with nothing changed', async () => {
    const bob = Identity.generate();
    const opener = new HpkeOpener(encryptionKeysOf(bob));
    const context = { info: 'a test', associated: 'to bob' };
    const sealed = await hpkeSeal(encryptionKeyOf(bob.id), bytes('00ff'), context);
    assert.deepEqual(await opener.open(sealed, context), bytes('00ff'));
    assert.notDeepEqual(sealed, await hpkeSeal(encryptionKeyOf(bob.id), bytes('00ff'), context));
    for (let index = 0; index < sealed.length; index++) {
      const changed = Uint8Array.from(sealed);
      changed[index]! ^= 1;
      // Of the 256 bits of an X25519 key the last one does not count (RFC 7748, section 5), but HPKE hashes it.
      await assert.rejects(opener.open(changed, context), withCode('ERR_DECRYPTION'), `byte ${index}`);
    }
    const refused = [
      () => opener.open(sealed, { ...context, info: 'another' }),
      () => opener.open(sealed, { ...context, associated: 'to carol' }),
      () => opener.open(sealed.subarray(0, 47), context),
      () => new HpkeOpener(encryptionKeysOf(Identity.generate())).open(sealed, context),
    ];
    for (const open of refused) await assert.rejects(open, withCode('ERR_DECRYPTION'));
  });

  test('the encryption key of an id is the X25519 public key of its secret one', () => {
    for (let count = 0; count < 20; count++) {
      const { publicKey, secretKey } = encryptionKeysOf(Identity.generate());
      const pkcs8 = Buffer.concat([
        Buffer.from('302e020100300506032b656e04220420', 'hex'),
        secretKey as Uint8Array,
      ]);
      const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
      const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
      assert.deepEqual(publicKey, Uint8Array.from(spki.subarray(-32)));
    }
  });

  test('a public key on which all secrets are zero is refused', async () => {
    const small = new Uint8Array(32);
    await assert.rejects(hpkeSeal(small, bytes('00'), { info: '' }));
    const spki = Buffer.concat([Buffer.from('302a300506032b656e032100', 'hex'), small]);
    const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    const { privateKey } = generateKeyPairSync('x25519');
    assert.throws(
      () => diffieHellman({ privateKey, publicKey: key }),
      'which is what the runtime does as well',
    );
  });
});
