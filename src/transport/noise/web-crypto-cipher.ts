import { optionalBuiltin } from '../../base/builtin.ts';
import { portableAead, tagBytes } from './aead.ts';
import { recordsPerKey } from './cipher-state.ts';

const nonceBytes = 12;
const keyBytes = 32;

/** Whether the page has WebCrypto, and nothing faster. Pages from `http://` in a LAN have none. */
export function hasWebCrypto(): boolean {
  return optionalBuiltin('node:crypto') === undefined && globalThis.crypto.subtle !== undefined;
}

/**
 * What {@link CipherState} is, with AES-GCM of WebCrypto: as fast as the processor, but asynchronous. Records have the
 * numbers of the order in which they are given, whenever they are done.
 */
export class WebCryptoCipher {
  readonly #recordsPerKey: number;
  #secret: Uint8Array;
  #key: Promise<CryptoKey>;
  #next = 0;

  /** @param secret 32 bytes. */
  constructor(secret: Uint8Array, changeKeyAfter = recordsPerKey) {
    this.#recordsPerKey = changeKeyAfter;
    this.#secret = secret;
    this.#key = imported(secret);
  }

  /** The record. The memory of the plaintext may be used again at once. */
  async seal(plain: Uint8Array): Promise<Uint8Array> {
    const [key, algorithm, copy] = [this.#keyOfNext(), this.#takeAlgorithm(), plain.slice()];
    return new Uint8Array(await crypto.subtle.encrypt(algorithm, await key, copy));
  }

  /** What the record holds. Rejects if the record was altered, is out of order, or came before. */
  async open(sealed: Uint8Array): Promise<Uint8Array> {
    const [key, algorithm] = [this.#keyOfNext(), this.#takeAlgorithm()];
    return new Uint8Array(
      await crypto.subtle.decrypt(algorithm, await key, sealed as Uint8Array<ArrayBuffer>),
    );
  }

  /** The key changes by Rekey() of Noise, which needs the secret, and so the cipher in JavaScript. */
  #keyOfNext(): Promise<CryptoKey> {
    if (this.#next === 0 || this.#next % this.#recordsPerKey !== 0) return this.#key;
    const nonce = new Uint8Array(nonceBytes).fill(0xff, 4);
    const cipher = portableAead('AESGCM').withKey(this.#secret);
    this.#secret = cipher.seal(nonce, new Uint8Array(keyBytes), new Uint8Array(0)).slice(0, keyBytes);
    this.#key = imported(this.#secret);
    return this.#key;
  }

  /** Revision 34, section 12: four zero bytes, then the number, big-endian. */
  #takeAlgorithm(): AesGcmParams {
    const iv = new Uint8Array(nonceBytes);
    const number = this.#next++;
    const view = new DataView(iv.buffer);
    view.setUint32(4, Math.floor(number / 2 ** 32));
    view.setUint32(8, number >>> 0);
    return { name: 'AES-GCM', iv, tagLength: 8 * tagBytes };
  }
}

function imported(secret: Uint8Array): Promise<CryptoKey> {
  const key = crypto.subtle.importKey('raw', secret as Uint8Array<ArrayBuffer>, 'AES-GCM', false, [
    'encrypt',
    'decrypt',
  ]);
  key.catch(() => {}); // whoever seals or opens learns of it
  return key;
}
