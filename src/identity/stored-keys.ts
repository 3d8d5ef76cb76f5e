import { messageOf } from '../base/arguments.ts';
import { PeerloomError } from '../base/errors.ts';
import { completed, lockStore, openDatabase } from '../base/page-store.ts';
import type { Runtime } from '../base/runtime.ts';
import { secretBytes } from '../base/secret-bytes.ts';
import { toX25519SecretKey } from './ed25519.ts';
import { Identity, idFromPublicKey, pkcs8Of } from './identity.ts';
import type { NodeIdentity } from './signer.ts';

// The keys of identities that a page keeps. Pages that keep none do not load this.

/** WebCrypto keys of an identity that cannot leave the browser. */
interface BrowserKeys {
  readonly publicKey: Uint8Array;
  /** Ed25519. */
  readonly privateKey: CryptoKey;
  /** X25519, from the same seed. */
  readonly decryptionKey: CryptoKey;
}

/**
 * What the database keeps: keys that cannot leave the browser, or, where WebCrypto lacks Ed25519 or X25519, or the page
 * has no WebCrypto, the seed of both.
 */
type StoredKey = BrowserKeys | { readonly seed: Uint8Array };

const database = 'peerloom';
const table = 'identities';

/** Locks the identity. Pages without locks notice each other as soon as they connect with the same node. */
export async function lockIdentity(name: string, runtime: Runtime): Promise<() => void> {
  try {
    return await lockStore(`${database} identity ${name}`, runtime);
  } catch (cause) {
    const message =
      'another page of this browser, or another node of this page, uses this identity: close it, or use another identity.store';
    throw new PeerloomError('ERR_IDENTITY_IN_USE', message, { cause });
  }
}

export function identityOf(stored: StoredKey): NodeIdentity {
  if ('seed' in stored) return Identity.fromSeed(stored.seed);
  const { publicKey, privateKey } = stored;
  const id = idFromPublicKey(publicKey);
  return { id, publicKey, sign: (message) => signed(privateKey, message) };
}

async function signed(privateKey: CryptoKey, message: Uint8Array): Promise<Uint8Array> {
  try {
    return new Uint8Array(await crypto.subtle.sign('Ed25519', privateKey, Uint8Array.from(message)));
  } catch (cause) {
    throw new PeerloomError('ERR_SIGNER', `the browser did not sign: ${messageOf(cause)}`, { cause });
  }
}

/** Pages without locks may do this at the same time. The first page's key is kept, and all pages get it. */
export async function loadOrCreateKey(name: string, runtime: Runtime): Promise<StoredKey> {
  const opened = await openDatabase(database, [table]);
  try {
    const found = await transact(opened, 'readonly', (keys) => keys.get(name));
    if (found !== undefined) return found as StoredKey;
    const seed = { seed: secretBytes(runtime, 32, 'identity') };
    const made = (await unextractable(seed.seed)) ?? seed;
    // Some browsers cannot store such keys.
    if (!(await keep(opened, name, made)) && made !== seed) await keep(opened, name, seed);
    return (await transact(opened, 'readonly', (keys) => keys.get(name))) as StoredKey;
  } finally {
    opened.close();
  }
}

/** Stores the key, unless there is one already. @returns false if the browser cannot store it. */
async function keep(opened: IDBDatabase, name: string, key: StoredKey): Promise<boolean> {
  let isKept = true;
  await transact(opened, 'readwrite', (keys) => {
    const found = keys.getKey(name);
    // If a handler throws, the transaction ends with an AbortError that does not name the cause.
    found.onsuccess = () => {
      if (found.result !== undefined) return;
      try {
        keys.put(key, name);
      } catch (error) {
        if ((error as DOMException).name !== 'DataCloneError') throw error;
        isKept = false;
      }
    };
    return found;
  });
  return isKept;
}

/** `undefined` if WebCrypto is missing, as in pages of `http://` in a LAN, or lacks Ed25519 or X25519. */
async function unextractable(seed: Uint8Array): Promise<BrowserKeys | undefined> {
  const { subtle } = globalThis.crypto as { readonly subtle?: SubtleCrypto };
  if (subtle === undefined) return undefined;
  const { publicKey } = Identity.fromSeed(seed);
  const importKey = (name: 'Ed25519' | 'X25519', secret: Uint8Array, use: KeyUsage): Promise<CryptoKey> =>
    subtle.importKey('pkcs8', pkcs8Of(name, secret), name, false, [use]);
  try {
    const [privateKey, decryptionKey] = await Promise.all([
      importKey('Ed25519', seed, 'sign'),
      importKey('X25519', toX25519SecretKey(seed), 'deriveBits'),
    ]);
    return { publicKey, privateKey, decryptionKey };
  } catch {
    return undefined;
  }
}

/** Resolves when the transaction is complete, which is when the browser has kept what it wrote. */
async function transact<Result>(
  opened: IDBDatabase,
  mode: IDBTransactionMode,
  work: (keys: IDBObjectStore) => IDBRequest<Result>,
): Promise<Result> {
  const transaction = opened.transaction(table, mode, { durability: 'strict' });
  const done = completed(transaction);
  const request = work(transaction.objectStore(table));
  await done;
  return request.result;
}
