import type { Aead, KeyedAead } from './aead.ts';
import { tagBytes } from './cipher-names.ts';
import { recordsPerKey } from './records-per-key.ts';

const noBytes: Uint8Array = new Uint8Array(0);
const keyBytes = 32;

/** The nonce that only Rekey() uses: 2^64 - 1. */
const rekeyNonce = { high: 0xffff_ffff, low: 0xffff_ffff };

/**
 * The CipherState of Noise (revision 34, section 5.1): a key and the number of the next record, which never repeats.
 * The key changes by Rekey() (section 4.2) after every {@link recordsPerKey} records; the numbers continue.
 */
export class CipherState {
  readonly #aead: Aead;
  readonly #recordsPerKey: number;
  #key: KeyedAead;
  #next = 0;
  readonly #nonce = new Uint8Array(12);
  readonly #view = new DataView(this.#nonce.buffer);

  constructor(aead: Aead, key: Uint8Array, changeKeyAfter = recordsPerKey) {
    this.#aead = aead;
    this.#recordsPerKey = changeKeyAfter;
    this.#key = aead.withKey(key);
  }

  /** Returns the sealed record in new memory. */
  seal(plain: Uint8Array, associated = noBytes): Uint8Array {
    const nonce = this.#takeNonce();
    return this.#key.seal(nonce, plain, associated);
  }

  /** Returns the content in new memory. @throws if the record was altered, reordered or repeated. */
  open(sealed: Uint8Array, associated = noBytes): Uint8Array {
    const nonce = this.#takeNonce();
    return this.#key.open(nonce, sealed, associated);
  }

  /** The nonce of the next record. It may change the key first. */
  #takeNonce(): Uint8Array {
    if (this.#next > 0 && this.#next % this.#recordsPerKey === 0) this.#changeKey();
    const number = this.#next++;
    return this.#nonceOf(Math.floor(number / 2 ** 32), number >>> 0);
  }

  /** Revision 34, section 12: four zero bytes, then the number. ChaChaPoly has it little-endian, AESGCM big-endian. */
  #nonceOf(high: number, low: number): Uint8Array {
    const isLittleEndian = this.#aead.name === 'ChaChaPoly';
    this.#view.setUint32(4, isLittleEndian ? low : high, isLittleEndian);
    this.#view.setUint32(8, isLittleEndian ? high : low, isLittleEndian);
    return this.#nonce;
  }

  #changeKey(): void {
    const nonce = this.#nonceOf(rekeyNonce.high, rekeyNonce.low);
    const sealed = this.#key.seal(nonce, new Uint8Array(keyBytes), noBytes);
    this.#key = this.#aead.withKey(sealed.slice(0, sealed.length - tagBytes));
  }
}
