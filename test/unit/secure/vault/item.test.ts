import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { sha256Hex } from '../../../../src/base/sha256.ts';
import { Identity } from '../../../../src/index.ts';
import { hashOf, signHash } from '../../../../src/secure/digest.ts';
import {
  type ItemHeader,
  openItem,
  type SealedItem,
  sealBytes,
  sealItem,
  verifyItem,
} from '../../../../src/secure/vault/item.ts';
import { maxBodyBytes } from '../../../../src/secure/vault/vault-limits.ts';
import { withCode } from '../../../support/errors.ts';

const owner = Identity.generate();
const key = new Uint8Array(32).fill(7);
const text = Uint8Array.of(1, 2, 3);
const header: ItemHeader = {
  owner: owner.id,
  collection: 'c',
  item: 'i',
  version: 5,
  epoch: 2,
  time: 100,
  deleted: false,
  blob: '',
};
const sealed = sealItem(owner, header, { key, text });

/** Another header, field by field. */
const otherHeaders: Partial<ItemHeader>[] = [
  { owner: Identity.generate().id },
  { collection: 'd' },
  { item: 'j' },
  { version: 6 },
  { epoch: 3 },
  { time: 101 },
  { deleted: true },
  { blob: 'a'.repeat(32) },
];

/** What an owner signs that does not keep to the form. */
function signed(change: Record<string, unknown>): SealedItem {
  const { body, signature: _, ...rest } = { ...sealed, ...change } as SealedItem;
  const hash = hashOf({ ...rest, body: sha256Hex(body) } as never);
  return { ...rest, body, signature: signHash(owner, 'peerloom-vault-item-1', hash) };
}

suite('an item', () => {
  test('opens with its key, and is its owner’s', () => {
    verifyItem(sealed);
    assert.deepEqual(openItem(sealed, key), text);
    assert.equal(sealed.body.length, text.length + sealBytes);
    const again = sealItem(owner, header, { key, text });
    assert.notDeepEqual(again.body, sealed.body, 'the nonce is another one each time');
    assert.notDeepEqual(again.body.subarray(0, 12), sealed.body.subarray(0, 12));
  });

  test('opens in its own place alone: its content is bound to every field of the header', () => {
    for (const change of otherHeaders) {
      const elsewhere = { ...sealed, ...change };
      assert.throws(() => openItem(elsewhere, key), withCode('ERR_DECRYPTION'), JSON.stringify(change));
    }
  });

  test('does not open with another key, or altered, or too short', () => {
    const bodies = [
      sealed.body.map((byte, index) => (index === 20 ? byte ^ 1 : byte)),
      sealed.body.subarray(0, 28),
    ];
    assert.throws(
      () => openItem(sealed, new Uint8Array(32)),
      (error: Error) => withCode('ERR_DECRYPTION', /epoch 2/)(error) && error.cause instanceof Error,
    );
    for (const body of [...bodies, new Uint8Array(3)]) {
      assert.throws(() => openItem({ ...sealed, body }, key), withCode('ERR_DECRYPTION'));
    }
  });

  test('is refused when any field was altered, or another signed it', () => {
    for (const change of otherHeaders) {
      assert.throws(() => verifyItem({ ...sealed, ...change }), withCode('ERR_SIGNATURE_INVALID'));
    }
    const body = sealed.body.map((byte) => byte ^ 1);
    assert.throws(() => verifyItem({ ...sealed, body }), withCode('ERR_SIGNATURE_INVALID'));
    const other = sealItem(Identity.generate(), header, { key, text });
    assert.throws(() => verifyItem(other), withCode('ERR_SIGNATURE_INVALID'));
  });

  test('is refused in another form, though its owner signed it', () => {
    verifyItem(signed({ time: 7 }));
    const forms = [
      { collection: 7 },
      { item: null },
      { version: -1 },
      { version: 1.5 },
      { version: 2 ** 53 },
      { version: '1' },
      { epoch: -1 },
      { epoch: 0.5 },
      { time: -1 },
      { time: 0.5 },
      { deleted: 1 },
      { blob: 'x' },
      { blob: 'A'.repeat(32) },
      { blob: 'a'.repeat(33) },
      { blob: 7 },
      { body: new Uint8Array(28) },
      { body: new Uint8Array(0) },
    ];
    for (const form of forms) {
      assert.throws(() => verifyItem(signed(form)), withCode('ERR_VAULT_INVALID'), JSON.stringify(form));
    }
    for (const signature of [
      'x',
      undefined,
      null,
      new Uint8Array(63),
      new Uint8Array(65),
      new Uint8Array(0),
    ]) {
      const item = { ...sealed, signature } as unknown as SealedItem;
      assert.throws(() => verifyItem(item), withCode('ERR_VAULT_INVALID'));
    }
    const asList = { ...sealed, body: [...sealed.body] } as unknown as SealedItem;
    assert.throws(() => verifyItem(asList), withCode('ERR_VAULT_INVALID'));
  });

  test('has a body of a mebibyte at most', () => {
    const fill = (bytes: number) => sealItem(owner, header, { key, text: new Uint8Array(bytes - sealBytes) });
    verifyItem(fill(maxBodyBytes));
    assert.throws(() => verifyItem(fill(maxBodyBytes + 1)), withCode('ERR_VAULT_INVALID'));
  });

  test('may have no content at all', () => {
    const empty = sealItem(owner, header, { key, text: Uint8Array.of(1) });
    verifyItem(empty);
    assert.deepEqual(openItem(empty, key), Uint8Array.of(1));
  });
});
