import { checkOptions, messageOf } from '../base/arguments.ts';
import { PeerloomError } from '../base/errors.ts';
import { loaded } from '../base/loaded.ts';
import type { Runtime } from '../base/runtime.ts';
import { checkStoreName, requireIndexedDb } from '../base/store-name.ts';
import type { Identity } from './identity.ts';
import type { NodeIdentity } from './signer.ts';

/** Where a page keeps an identity: in IndexedDB, for its origin. */
export interface IdentityStore {
  /** A name of your choice, 1 to 256 characters. Pages of one origin that use the same name are the same node. */
  readonly store: string;
}

const storeNames = ['store'] as const satisfies readonly (keyof IdentityStore)[];

/** A node's identity that a page stores. Its id is known once it is open. */
export class StoredIdentity implements NodeIdentity {
  readonly name: string;
  #identity: NodeIdentity | undefined;
  #decryptionKey: CryptoKey | undefined;
  #unlock: (() => void) | undefined;

  /** @throws TypeError or RangeError for a name that cannot be one; PeerloomError `ERR_TRANSPORT_UNAVAILABLE`. */
  constructor(given: IdentityStore) {
    checkOptions(given, storeNames, 'identity');
    this.name = checkStoreName('identity.store', given.store);
    requireIndexedDb('identity.store');
  }

  get id(): string {
    return this.#opened.id;
  }

  get publicKey(): Uint8Array {
    return this.#opened.publicKey;
  }

  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array> {
    return this.#opened.sign(message);
  }

  /**
   * Decrypts for this identity: the identity itself if the page knows its seed, or a key that cannot leave the browser.
   */
  get secret(): Identity | CryptoKey {
    return this.#decryptionKey ?? (this.#opened as Identity);
  }

  /**
   * Loads the identity, or creates it if there is none, and locks it against other pages until {@link close}.
   *
   * @throws PeerloomError `ERR_IDENTITY_IN_USE`; `ERR_IDENTITY_STORE`; `ERR_NOT_LOADED`.
   */
  async open(runtime: Runtime): Promise<void> {
    const { identityOf, loadOrCreateKey, lockIdentity } = await loaded(import('./stored-keys.ts'));
    this.#unlock = await lockIdentity(this.name, runtime);
    try {
      if (this.#identity === undefined) {
        const stored = await loadOrCreateKey(this.name, runtime);
        this.#identity = identityOf(stored);
        if ('decryptionKey' in stored) this.#decryptionKey = stored.decryptionKey;
      }
    } catch (cause) {
      this.close();
      throw new PeerloomError(
        'ERR_IDENTITY_STORE',
        `the identity store '${this.name}' cannot be used: ${messageOf(cause)}`,
        { cause },
      );
    }
  }

  /** Releases the lock. */
  close(): void {
    this.#unlock?.();
    this.#unlock = undefined;
  }

  get #opened(): NodeIdentity {
    if (this.#identity !== undefined) return this.#identity;
    const message = `the id of a node whose identity is in a store is known when start() has resolved`;
    throw new PeerloomError('ERR_NOT_STARTED', message);
  }
}
