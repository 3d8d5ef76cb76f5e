import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { suite, test } from 'node:test';
import { Identity } from '../../../../src/identity/identity.ts';
import { VirtualRuntime } from '../../../../src/simulator/virtual-runtime.ts';
import { createCertificate } from '../../../../src/transport/tcp/certificate.ts';
import { checkDialProof, proveDial, sha256 } from '../../../../src/transport/tcp/dial-proof.ts';
import { KnownCertificates } from '../../../../src/transport/tcp/known-certificates.ts';
import {
  type ListenerCertificate,
  ListenerCertificates,
} from '../../../../src/transport/tcp/listener-certificates.ts';
import { Recent } from '../../../../src/transport/tcp/recent.ts';
import { withCode } from '../../../support/errors.ts';
import { turn } from '../../../support/turns.ts';

const hourMs = 60 * 60 * 1_000;
const listener = Identity.generate();
const dialler = Identity.generate();
const networkHash = sha256(Buffer.from(''));

function start(): { runtime: VirtualRuntime; certificates: ListenerCertificates } {
  const runtime = new VirtualRuntime();
  return { runtime, certificates: new ListenerCertificates(listener, runtime) };
}

function proofFor(dialled: ListenerCertificate): Uint8Array {
  return proveDial(dialler, { nonce: randomBytes(16), networkHash, dialled });
}

function use(proof: Uint8Array, shown: ListenerCertificate): void {
  shown.use(checkDialProof(proof, shown));
}

suite('the certificates of a listener', () => {
  test('are shown for an hour each; then the proofs for one are worthless', async () => {
    const { runtime, certificates } = start();
    const first = certificates.latest();
    await runtime.advance(hourMs - 1);
    assert.equal(certificates.latest(), first);
    await runtime.advance(1);
    const second = certificates.latest();
    assert.notEqual(second, first);
    assert.notDeepEqual(second.certificateHash, first.certificateHash);
    const older = proofFor(first);
    assert.throws(() => use(older, second), withCode('ERR_HANDSHAKE', /does not hold the key/));
    use(older, first); // on a connection that began before
  });

  test('of a signer are made ahead, and the one before is shown while the next is signed', async () => {
    const runtime = new VirtualRuntime();
    const signed: PromiseWithResolvers<Uint8Array>[] = [];
    const sign = (): Promise<Uint8Array> => {
      signed.push(Promise.withResolvers());
      return signed.at(-1)!.promise;
    };
    const { id, publicKey } = listener;
    const certificates = new ListenerCertificates({ id, publicKey, sign }, runtime);
    assert.throws(() => certificates.latest(), withCode('ERR_SIGNER'));
    signed.at(-1)!.reject(new Error('asleep'));
    await turn();
    const prepared = certificates.prepare();
    signed.at(-1)!.resolve(new Uint8Array(64));
    await prepared;
    const first = certificates.latest();
    await runtime.advance(hourMs);
    assert.equal(certificates.latest(), first);
    assert.equal(certificates.latest(), first);
    assert.equal(signed.length, 3, 'one at a time');
    signed.at(-1)!.reject(new Error('asleep again'));
    await turn();
    assert.equal(certificates.latest(), first);
    signed.at(-1)!.resolve(new Uint8Array(64));
    await turn();
    const second = certificates.latest();
    assert.notEqual(second, first);
    assert.equal(signed.length, 4);
    for (let proofs = 0; proofs < 2 * 16_384; proofs++) second.use({ nonce: randomBytes(16) });
    assert.throws(() => certificates.latest(), withCode('ERR_SIGNER'));
  });

  test('take each proof once', () => {
    const shown = start().certificates.latest();
    const [proof, other] = [proofFor(shown), proofFor(shown)];
    use(proof, shown);
    assert.throws(() => use(proof, shown), withCode('ERR_HANDSHAKE', /used before/));
    use(other, shown);
    assert.throws(() => use(proof, shown), withCode('ERR_HANDSHAKE', /used before/));
  });

  test('remember so many proofs and no more, however many come, and take none of them twice', () => {
    const { certificates } = start();
    const shown = new Set<ListenerCertificate>();
    // Signatures are not what this is about: 100,000 of them take a minute.
    const nonces = Array.from({ length: 100_000 }, () => randomBytes(16));
    let mostProofs = 0;
    for (const nonce of nonces) {
      const certificate = certificates.latest();
      shown.add(certificate);
      certificate.use({ nonce });
      mostProofs = Math.max(mostProofs, certificate.proofs);
    }
    assert.equal(mostProofs, 16_384);
    assert.equal(shown.size, Math.ceil(100_000 / 16_384));
    for (const [index, certificate] of [...shown].entries()) {
      const nonce = nonces[index * 16_384]!;
      assert.throws(() => certificate.use({ nonce }), withCode('ERR_HANDSHAKE'));
    }
    assert.equal(
      new Set([...shown].map(({ certificateHash }) => Buffer.from(certificateHash).toString('hex'))).size,
      shown.size,
    );
  });
});

suite('the certificates that a dialler knows', () => {
  test('name the same node again, and so many are remembered', () => {
    const known = new KnownCertificates();
    const made = Array.from({ length: 300 }, () => createCertificate(listener).der);
    for (const certificate of made) {
      assert.deepEqual(known.read(certificate).listenerKey, listener.publicKey);
      assert.deepEqual(known.read(certificate), {
        listenerKey: listener.publicKey,
        certificateHash: sha256(certificate),
      });
    }
    assert.equal(known.size, 256);
    assert.deepEqual(
      known.read(made[0]!).listenerKey,
      listener.publicKey,
      'one that was forgotten is read anew',
    );
  });

  test('do not hold one that is wrong', () => {
    const known = new KnownCertificates();
    const wrong = Buffer.from(createCertificate(listener).der);
    const at = wrong.indexOf(listener.publicKey);
    wrong.set(dialler.publicKey, at);
    for (let trial = 0; trial < 2; trial++) {
      assert.throws(() => known.read(wrong), withCode('ERR_HANDSHAKE', /not signed by the node/));
    }
    assert.equal(known.size, 0);
  });
});

test('what is kept because it was used recently makes room for what is used now', () => {
  const recent = new Recent<string>(2);
  const made: string[] = [];
  const of = (name: string): string =>
    recent.of(Buffer.from(name), () => {
      made.push(name);
      return name.toUpperCase();
    });
  for (const name of ['a', 'b', 'a', 'c', 'a', 'b']) assert.equal(of(name), name.toUpperCase());
  assert.deepEqual(made, ['a', 'b', 'c', 'b'], 'b was used less recently than a');
  assert.throws(() => recent.of(Buffer.from('d'), () => assert.fail('it cannot be made')));
  assert.equal(recent.size, 2);
});
