import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { IDBDatabase, IDBFactory, IDBObjectStore } from 'fake-indexeddb';
import { systemRuntime } from '../../../src/base/runtime.ts';
import { verifySignature } from '../../../src/identity/identity.ts';
import { StoredIdentity } from '../../../src/identity/identity-store.ts';
import { withCode } from '../../support/errors.ts';

/** The storage of a browser, for this test. */
function browser(t: TestContext): void {
  Object.assign(globalThis, { indexedDB: new IDBFactory() });
  t.after(() => Reflect.deleteProperty(globalThis, 'indexedDB'));
}

/** As where pages cannot lock what they use. */
function withoutLocks(t: TestContext): void {
  Object.defineProperty(navigator, 'locks', { value: undefined, configurable: true });
  t.after(() => Reflect.deleteProperty(navigator, 'locks'));
}

async function opened(t: TestContext, store = 'a'): Promise<StoredIdentity> {
  const identity = new StoredIdentity({ store });
  await identity.open(systemRuntime);
  t.after(() => identity.close());
  return identity;
}

suite('an identity that a page keeps', () => {
  test('is the same one when the page opens it again, and another one under another name', async (t) => {
    browser(t);
    const first = await opened(t);
    first.close();
    const again = await opened(t);
    assert.equal(again.id, first.id);
    assert.notEqual((await opened(t, 'b')).id, first.id);
    const message = new Uint8Array([1, 2, 3]);
    assert.ok(verifySignature(first.publicKey, message, await again.sign(message)));
  });

  test('is kept as keys that no page can read, and its seed is not kept', async (t) => {
    browser(t);
    const kept = t.mock.method(IDBObjectStore.prototype, 'put');
    for (const { secret, publicKey } of [await opened(t), await opened(t, 'b')]) {
      assert.ok(secret instanceof CryptoKey);
      assert.deepEqual([secret.type, secret.extractable, secret.usages], ['private', false, ['deriveBits']]);
      assert.equal(publicKey.length, 32);
    }
    assert.equal(kept.mock.callCount(), 2);
    for (const { arguments: given } of kept.mock.calls) {
      const stored = given[0] as Record<string, CryptoKey>;
      assert.deepEqual(Object.keys(stored).sort(), ['decryptionKey', 'privateKey', 'publicKey']);
      assert.equal(stored.privateKey!.extractable, false);
    }
  });

  test('is its seed, where the page has no WebCrypto, or one without these keys', async (t) => {
    for (const [store, subtle] of [
      ['a', undefined],
      ['b', { importKey: () => Promise.reject(new DOMException('no Ed25519', 'NotSupportedError')) }],
    ] as const) {
      browser(t);
      Object.defineProperty(crypto, 'subtle', { value: subtle, configurable: true });
      const { secret, id } = await opened(t, store).finally(() => Reflect.deleteProperty(crypto, 'subtle'));
      assert.ok('toPkcs8' in secret);
      assert.equal(secret.id, id);
    }
  });

  test('is known once the node has started, and not before', async (t) => {
    browser(t);
    const identity = new StoredIdentity({ store: 'a' });
    for (const use of [() => identity.id, () => identity.publicKey, () => identity.sign(new Uint8Array(1))]) {
      assert.throws(use, withCode('ERR_NOT_STARTED', /when start\(\) has resolved/));
    }
    await identity.open(systemRuntime);
    t.after(() => identity.close());
    assert.match(identity.id, /^12D3KooW/);
  });

  test('says so when the browser does not sign, with the reason', async (t) => {
    browser(t);
    const identity = await opened(t);
    const cause = new DOMException('not now', 'OperationError');
    t.mock.method(crypto.subtle, 'sign', () => Promise.reject(cause));
    await assert.rejects(Promise.resolve(identity.sign(new Uint8Array(1))), (error: Error) => {
      withCode('ERR_SIGNER', /the browser did not sign: not now/)(error);
      return error.cause === cause;
    });
  });

  test('is on the disk before it is used, and is not replaced by its seed for want of room', async (t) => {
    browser(t);
    const opening = t.mock.method(IDBDatabase.prototype, 'transaction');
    const put = t.mock.method(IDBObjectStore.prototype, 'put', () => {
      throw new DOMException('full', 'QuotaExceededError');
    });
    await assert.rejects(opened(t), withCode('ERR_IDENTITY_STORE'));
    assert.equal(put.mock.callCount(), 1);
    put.mock.restore();
    await opened(t);
    const writing = opening.mock.calls.filter(({ arguments: [, mode] }) => mode === 'readwrite');
    assert.equal(writing.length, 2);
    for (const { arguments: given } of writing) assert.deepEqual(given[2], { durability: 'strict' });
  });

  test('is that of the first page, where two make it at the same time', async (t) => {
    browser(t);
    withoutLocks(t);
    const [one, other] = await Promise.all([opened(t), opened(t)]);
    assert.equal(one.id, other.id);
  });

  test('is its seed, where the browser cannot keep keys', async (t) => {
    browser(t);
    const { put } = IDBObjectStore.prototype;
    t.mock.method(
      IDBObjectStore.prototype,
      'put',
      function (this: IDBObjectStore, value: object, key: string) {
        if ('privateKey' in value) throw new DOMException('a key', 'DataCloneError');
        return put.call(this, value, key);
      },
    );
    const first = await opened(t);
    first.close();
    const again = await opened(t);
    assert.equal(again.id, first.id);
    assert.ok('toPkcs8' in again.secret);
  });

  test('lets go of its name and its database if they fail, and says why', async (t) => {
    browser(t);
    await opened(t, 'b'); // the database is there
    const cause = new DOMException('no more room', 'QuotaExceededError');
    const close = t.mock.method(IDBDatabase.prototype, 'close');
    const mock = t.mock.method(IDBDatabase.prototype, 'transaction', () => {
      throw cause;
    });
    await assert.rejects(opened(t), (error: Error) => {
      withCode('ERR_IDENTITY_STORE', /'a' cannot be used: no more room/)(error);
      return error.cause === cause;
    });
    assert.equal(close.mock.callCount(), 1);
    mock.mock.restore();
    await opened(t);
  });

  test('belongs to one page at a time', {
    skip: !('locks' in navigator) && 'Node.js 24.5 has Web Locks',
  }, async (t) => {
    browser(t);
    const first = await opened(t);
    await assert.rejects(opened(t), (error: Error) => {
      withCode('ERR_IDENTITY_IN_USE', /another page of this browser/)(error);
      return error.cause instanceof Error;
    });
    first.close();
    await opened(t);
  });
});
