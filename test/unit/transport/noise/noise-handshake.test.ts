import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { type Aead, aeadOf, portableAead } from '../../../../src/transport/noise/aead.ts';
import type { CipherName } from '../../../../src/transport/noise/cipher-names.ts';
import { CipherState } from '../../../../src/transport/noise/cipher-state.ts';
import { NoiseHandshake, type NoiseSide } from '../../../../src/transport/noise/noise-handshake.ts';
import { keyPair, portableKeyPair } from '../../../../src/transport/noise/x25519.ts';

/** A vector, its bytes in hexadecimal. */
interface Vector {
  readonly protocol_name: string;
  readonly from: string;
  readonly init_prologue: string;
  readonly init_static: string;
  readonly init_ephemeral: string;
  readonly init_psks?: readonly string[];
  readonly resp_prologue: string;
  readonly resp_static: string;
  readonly resp_ephemeral: string;
  readonly resp_psks?: readonly string[];
  readonly handshake_hash?: string;
  readonly messages: readonly { readonly payload: string; readonly ciphertext: string }[];
}

const { vectors } = JSON.parse(readFileSync(join(import.meta.dirname, 'vectors.json'), 'utf8')) as {
  vectors: readonly Vector[];
};

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const hex = (of: Uint8Array): string => Buffer.from(of).toString('hex');

function sidesOf(vector: Vector): Promise<[NoiseHandshake, NoiseHandshake]> {
  const cipher = vector.protocol_name.split('_')[3] as CipherName;
  const psk = (psks: readonly string[] | undefined) => (psks?.[0] === undefined ? undefined : bytes(psks[0]));
  return Promise.all([
    NoiseHandshake.begin({
      role: 'initiator',
      cipher,
      prologue: bytes(vector.init_prologue),
      staticKey: keyPair(bytes(vector.init_static)),
      ephemeralKey: keyPair(bytes(vector.init_ephemeral)),
      presharedKey: psk(vector.init_psks),
    }),
    NoiseHandshake.begin({
      role: 'responder',
      cipher,
      prologue: bytes(vector.resp_prologue),
      staticKey: keyPair(bytes(vector.resp_static)),
      ephemeralKey: keyPair(bytes(vector.resp_ephemeral)),
      presharedKey: psk(vector.resp_psks),
    }),
  ]);
}

suite('the handshake of Noise', () => {
  test('there are vectors of both patterns with both ciphers', () => {
    const names = new Set(vectors.map(({ protocol_name }) => protocol_name));
    assert.equal(names.size, 4);
    assert.equal(vectors.length, 6);
  });

  for (const [index, vector] of vectors.entries()) {
    test(`${vector.protocol_name}, vector ${index} of ${vector.from}`, async () => {
      const [initiator, responder] = await sidesOf(vector);
      for (const [at, { payload, ciphertext }] of vector.messages.slice(0, 3).entries()) {
        const [writer, reader] = at % 2 === 0 ? [initiator, responder] : [responder, initiator];
        assert.equal(hex(await writer.write(bytes(payload))), ciphertext, `message ${at}`);
        assert.equal(hex(await reader.read(bytes(ciphertext))), payload);
      }
      const [ours, theirs] = [initiator.finish(), responder.finish()];
      assert.equal(hex(ours.hash), hex(theirs.hash));
      if (vector.handshake_hash !== undefined) assert.equal(hex(ours.hash), vector.handshake_hash);
      assert.equal(hex(initiator.remoteStatic), hex(keyPair(bytes(vector.resp_static)).publicKey));
      assert.equal(hex(responder.remoteStatic), hex(keyPair(bytes(vector.init_static)).publicKey));
      // The responder sends the fourth message.
      for (const [at, { payload, ciphertext }] of vector.messages.slice(3).entries()) {
        const [writer, reader] = at % 2 === 0 ? [theirs, ours] : [ours, theirs];
        assert.equal(hex(await writer.sending.seal(bytes(payload))), ciphertext, `message ${at + 3}`);
        assert.equal(hex(await reader.receiving.open(bytes(ciphertext))), payload);
      }
    });
  }

  const cipher = 'AESGCM';
  const prologue = bytes('00');
  const side = (role: NoiseSide['role'], more: Partial<NoiseSide> = {}): Promise<NoiseHandshake> =>
    NoiseHandshake.begin({ role, cipher, prologue, staticKey: keyPair(), ...more });

  test('with a pre-shared key the first message tells who does not hold it', async () => {
    const presharedKey = new Uint8Array(32).fill(1);
    const first = await (await side('initiator', { presharedKey })).write();
    assert.equal(first.length, 48);
    await (await side('responder', { presharedKey })).read(first);
    const other = await side('responder', { presharedKey: new Uint8Array(32).fill(2) });
    await assert.rejects(other.read(first));
    const open = await (await side('initiator')).write();
    await assert.rejects((await side('responder', { presharedKey })).read(open));
  });

  for (const more of [{ prologue: bytes('01') }, { cipher: 'ChaChaPoly' as const }]) {
    test(`a side with another ${Object.keys(more)[0]} cannot read the second message`, async () => {
      const initiator = await side('initiator');
      const responder = await side('responder', more);
      await responder.read(await initiator.write());
      await assert.rejects(initiator.read(await responder.write()));
    });
  }

  test('every bit of a message counts, and so does its length', async () => {
    const whole = async () => {
      const [initiator, responder] = [await side('initiator'), await side('responder')];
      await responder.read(await initiator.write());
      return { initiator, second: await responder.write(new Uint8Array(8)) };
    };
    for (let at = 0; at < 32 + 48 + 24; at++) {
      const { initiator, second } = await whole();
      second[at]! ^= 0x40;
      await assert.rejects(initiator.read(second), `byte ${at}`);
    }
    for (const length of [0, 31, 32, 79, 103]) {
      const { initiator, second } = await whole();
      await assert.rejects(initiator.read(second.subarray(0, length)), `${length} bytes`);
    }
  });

  test('a key of small order is refused', () => {
    for (const pair of [keyPair, portableKeyPair]) {
      assert.throws(() => pair(new Uint8Array(32).fill(9)).sharedWith(new Uint8Array(32)));
      assert.throws(() => pair(new Uint8Array(32).fill(9)).sharedWith(bytes(`01${'00'.repeat(31)}`)));
    }
  });

  test('both implementations of X25519 agree', () => {
    const [a, b] = [new Uint8Array(32).fill(7), new Uint8Array(32).fill(8)];
    assert.deepEqual(keyPair(a).publicKey, portableKeyPair(a).publicKey);
    const shared = keyPair(a).sharedWith(portableKeyPair(b).publicKey);
    assert.equal(hex(shared), hex(portableKeyPair(b).sharedWith(keyPair(a).publicKey)));
  });
});

suite('the records of Noise', () => {
  const key = new Uint8Array(32).fill(3);
  for (const name of ['AESGCM', 'ChaChaPoly'] as const) {
    const all: [string, Aead][] = [
      ['by OpenSSL', aeadOf(name)],
      ['in JavaScript', portableAead(name)],
    ];

    test(`${name}: both implementations seal alike`, () => {
      for (const length of [0, 1, 15, 16, 17, 1_000]) {
        const [sealed, other] = all.map(([, aead]) =>
          new CipherState(aead, key).seal(new Uint8Array(length), Uint8Array.of(1)),
        );
        assert.equal(hex(sealed!), hex(other!));
      }
    });

    for (const [how, aead] of all) {
      test(`${name} ${how}: a record opens once, in its turn, and unaltered`, () => {
        const [sending, receiving] = [new CipherState(aead, key), new CipherState(aead, key)];
        const [first, second] = [sending.seal(bytes('aa')), sending.seal(bytes('aa'))];
        assert.notEqual(hex(first), hex(second));
        assert.equal(hex(receiving.open(first)), 'aa');
        assert.throws(() => receiving.open(first));
        assert.throws(() => new CipherState(aead, key).open(second));
        for (let at = 0; at < first.length; at++) {
          const altered = first.slice();
          altered[at]! ^= 1;
          assert.throws(() => new CipherState(aead, key).open(altered));
        }
        for (const length of [0, 1, 15, 16])
          assert.throws(() => new CipherState(aead, key).open(first.slice(0, length)));
      });

      test(`${name} ${how}: the key changes after so many records, on both sides alike`, () => {
        const keysSeen = new Set<string>();
        const watched: Aead = {
          name,
          withKey(used) {
            keysSeen.add(hex(used));
            return aead.withKey(used);
          },
        };
        const [sending, receiving] = [new CipherState(watched, key, 3), new CipherState(aead, key, 3)];
        const nonces = new Set<string>();
        for (let record = 0; record < 10; record++) {
          const sealed = sending.seal(Uint8Array.of(record));
          nonces.add(hex(sealed));
          assert.deepEqual([...receiving.open(sealed)], [record]);
        }
        assert.equal(keysSeen.size, 4);
        assert.equal(nonces.size, 10);
      });
    }
  }

  test('Rekey() is the encryption of zeros with the greatest number', () => {
    const aead = portableAead('ChaChaPoly');
    const nonce = bytes(`00000000${'ff'.repeat(8)}`);
    const next = aead.withKey(key).seal(nonce, new Uint8Array(32), new Uint8Array(0)).slice(0, 32);
    const state = new CipherState(aead, key, 1);
    state.seal(bytes('aa'));
    const second = bytes('000000000100000000000000');
    assert.equal(
      hex(state.seal(bytes('bb'))),
      hex(aead.withKey(next).seal(second, bytes('bb'), new Uint8Array(0))),
    );
  });
});
