import { optionalBuiltin } from '../../base/builtin.ts';
import { tagBytes } from './cipher-names.ts';
import { recordsPerKey } from './records-per-key.ts';

const nonceBytes = 12;
const keyBytes = 32;
const noBytes: Uint8Array = new Uint8Array(0);

/** Whether the page has WebCrypto and nothing faster. Pages from `http://` in a LAN have no WebCrypto. */
export function hasWebCrypto(): boolean {
  return optionalBuiltin('node:crypto') === undefined && globalThis.crypto.subtle !== undefined;
}

/**
 * Like {@link CipherState}, but with the AES-GCM of WebCrypto, which is as fast as the hardware and asynchronous.
 * Records are numbered in the order of the calls, whenever they are done.
 */
export class WebCryptoCipher {
  readonly #recordsPerKey: number;
  #key: Promise<CryptoKey>;
  #next = 0;

  /** @param secret 32 bytes. */
  constructor(secret: Uint8Array, changeKeyAfter = recordsPerKey) {
    this.#recordsPerKey = changeKeyAfter;
    this.#key = imported(secret);
  }

  /** Resolves with the sealed record. The memory of the plaintext may be reused immediately. */
  async seal(plain: Uint8Array, associated = noBytes): Promise<Uint8Array> {
    const [key, algorithm] = [this.#keyOfNext(), this.#takeAlgorithm(associated)];
    const copy = plain.slice();
    return new Uint8Array(await crypto.subtle.encrypt(algorithm, await key, copy));
  }

  /** Resolves with the content. Rejects if the record was altered, reordered or repeated. */
  async open(sealed: Uint8Array, associated = noBytes): Promise<Uint8Array> {
    const [key, algorithm] = [this.#keyOfNext(), this.#takeAlgorithm(associated)];
    return new Uint8Array(
      await crypto.subtle.decrypt(algorithm, await key, sealed as Uint8Array<ArrayBuffer>),
    );
  }

  #keyOfNext(): Promise<CryptoKey> {
    if (this.#next > 0 && this.#next % this.#recordsPerKey === 0) {
      this.#key = this.#key.then(nextKey);
      this.#key.catch(() => {}); // `seal` and `open` reject with it
    }
    return this.#key;
  }

  /** Revision 34, section 12: four zero bytes, then the number, big-endian. */
  #takeAlgorithm(associated: Uint8Array): AesGcmParams {
    const iv = new Uint8Array(nonceBytes);
    const number = this.#next++;
    const view = new DataView(iv.buffer);
    view.setUint32(4, Math.floor(number / 2 ** 32));
    view.setUint32(8, number >>> 0);
    const additionalData = associated as Uint8Array<ArrayBuffer>;
    return { name: 'AES-GCM', iv, tagLength: 8 * tagBytes, additionalData };
  }
}

function imported(secret: Uint8Array): Promise<CryptoKey> {
  const key = crypto.subtle.importKey('raw', secret as Uint8Array<ArrayBuffer>, 'AES-GCM', false, [
    'encrypt',
    'decrypt',
  ]);
  key.catch(() => {}); // `seal` and `open` reject with it
  return key;
}

/** Rekey() of Noise (revision 34, section 4.2). */
async function nextKey(key: CryptoKey): Promise<CryptoKey> {
  const algorithm = { name: 'AES-GCM', iv: new Uint8Array(nonceBytes).fill(0xff, 4) };
  const sealed = await crypto.subtle.encrypt(algorithm, key, new Uint8Array(keyBytes));
  return imported(new Uint8Array(sealed, 0, keyBytes));
}
