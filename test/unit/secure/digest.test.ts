import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { suite, test } from 'node:test';
import { idFromPublicKey } from '../../../src/identity/identity.ts';
import { type Data, Identity } from '../../../src/index.ts';
import { hashOf, hashSteps, isHash, signHash, verifyHash } from '../../../src/secure/digest.ts';
import { heldBytes } from '../../support/memory.ts';

const alice = Identity.generate();
const hash = hashOf('data');

suite('a signature of a hash', () => {
  test('is true for its author, its purpose and its hash alone', () => {
    const signature = signHash(alice, 'a purpose', hash);
    assert.equal(signature.length, 64);
    for (let round = 0; round < 2; round++) {
      assert.equal(verifyHash(alice.id, 'a purpose', hash, signature), true);
      assert.equal(verifyHash(Identity.generate().id, 'a purpose', hash, signature), false);
      assert.equal(verifyHash(alice.id, 'another', hash, signature), false);
      assert.equal(verifyHash(alice.id, 'a purpose', hashOf('other data'), signature), false);
      assert.equal(verifyHash(alice.id, 'a purpose', hash, signature.with(5, signature[5]! ^ 1)), false);
      assert.equal(verifyHash(alice.id, 'a purpose', hash, signature.subarray(1)), false);
    }
  });

  test('is false, and no error, for what is not the id of a node', () => {
    const signature = signHash(alice, 'a purpose', hash);
    for (const id of ['', 'nobody', alice.id.slice(1), `${alice.id} `]) {
      assert.equal(verifyHash(id, 'a purpose', hash, signature), false, id);
    }
  });

  test('is proven with keys that are kept for the last authors, not for all', () => {
    const maxVerifiers = 4_096;
    const noSignature = new Uint8Array(0);
    const prove = (): void => {
      for (let count = 0; count < maxVerifiers; count++) {
        verifyHash(idFromPublicKey(randomBytes(32)), 'a purpose', hash, noSignature);
      }
    };
    prove();
    const before = heldBytes();
    prove();
    const bytes = (heldBytes() - before) / maxVerifiers;
    assert.ok(bytes < 200, `${bytes} bytes an author`);
  });
});

suite('a hash', () => {
  test('is the SHA-256 of the canonical JSON, in one step or in several', () => {
    const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
    assert.equal(hashOf({ b: 1, a: 'ä' }), sha256('{"a":"ä","b":1}'));
    const large = Array(100_000).fill(7);
    const steps = hashSteps(large as Data);
    let count = 0;
    let step = steps.next();
    for (; !step.done; step = steps.next()) count += 1;
    assert.ok(count > 1, `${count} steps`);
    assert.equal(step.value, sha256(JSON.stringify(large)));
  });

  test('is 64 hexadecimal digits in lower case', () => {
    assert.equal(isHash(hash), true);
    for (const text of [
      hash.slice(1),
      `${hash}0`,
      hash.toUpperCase(),
      ` ${hash}`,
      `${hash}\n`,
      null,
      7,
      [hash],
    ]) {
      assert.equal(isHash(text), false, String(text));
    }
  });
});
