import { hkdf } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { scrypt, scryptAsync } from '@noble/hashes/scrypt.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { decryptAesGcm, encryptAesGcm } from '../base/aes-gcm.ts';
import { optionalBuiltin } from '../base/builtin.ts';
import { PeerloomError } from '../base/errors.ts';
import type { Runtime } from '../base/runtime.ts';
import { secretBytes } from '../base/secret-bytes.ts';
import type { Payload } from '../wire/payloads/payload.ts';
import { encodeText } from '../wire/payloads/text.ts';
import { saltBytes, sealBytes } from './sealed-body.ts';

/** The inputs from which a topic's key is derived. */
export interface TopicKeySource {
  /** The text that the user chose. Well-formed Unicode. */
  readonly text: string;
  readonly network: string;
  readonly topic: string;
  readonly runtime: Runtime;
}

/**
 * For scrypt (RFC 7914). A guess costs 32 MiB and about 0.1 s, because an attacker with a broadcast can guess offline.
 */
const cost = { N: 2 ** 15, r: 8, p: 1 };
const keyBytes = 32;
const scryptMemoryBytes = 64 * 1_048_576;

/** Always zero, because each key encrypts only one body. */
const nonce = new Uint8Array(12);

/** A topic's name on the wire is the first 16 of the 32 bytes of its HMAC, as hexadecimal digits. */
const nameBytes = 16;

const saltPurpose = encodeText('peerloom topic key 1\0');
const namePurpose = encodeText('peerloom topic name 1');
const bodyPurpose = encodeText('peerloom topic body 1');

/** Secrets that were derived recently or are being derived. All nodes of a process share them. */
const derived = new Map<string, Promise<Uint8Array>>();
const maxDerived = 64;

/** Encrypts the broadcasts of a topic, so that nodes that pass them on cannot read them (docs/protocol.md, 14.10). */
export class TopicKey {
  /** The topic's name on the wire. Without the key, it does not reveal the topic. */
  readonly wireTopic: string;
  readonly #secret: Uint8Array;
  readonly #runtime: Runtime;

  private constructor(secret: Uint8Array, runtime: Runtime) {
    this.wireTopic = bytesToHex(hmac(sha256, secret, namePurpose).subarray(0, nameBytes));
    this.#secret = secret;
    this.#runtime = runtime;
  }

  /**
   * Derives the key. This takes about 0.1 s for each text, network and topic: on another thread if the platform has
   * one, otherwise in pieces of 10 ms. A simulation can wait for neither, so it derives the key synchronously.
   */
  static async derive(source: TopicKeySource): Promise<TopicKey> {
    return new TopicKey(await secretOf(source), source.runtime);
  }

  /** @param header the header to which the sealed body is bound. It cannot be opened with another header. */
  seal(header: Uint8Array, { format, body }: Pick<Payload, 'format' | 'body'>): Uint8Array {
    const salt = secretBytes(this.#runtime, saltBytes, 'salts of topic keys');
    const text = new Uint8Array(1 + body.length);
    text[0] = format;
    text.set(body, 1);
    const encrypted = encryptAesGcm(this.#keyFor(salt, header), text);
    const sealed = new Uint8Array(saltBytes + encrypted.length);
    sealed.set(salt);
    sealed.set(encrypted, saltBytes);
    return sealed;
  }

  /** @throws PeerloomError `ERR_DECRYPTION` if the body was not sealed with this key and this header. */
  open(header: Uint8Array, sealed: Uint8Array): Pick<Payload, 'format' | 'body'> {
    if (sealed.length < sealBytes) throw new PeerloomError('ERR_DECRYPTION', 'cut short');
    const key = this.#keyFor(sealed.subarray(0, saltBytes), header);
    const text = decryptAesGcm(key, sealed.subarray(saltBytes));
    return { format: text[0]!, body: text.subarray(1) };
  }

  #keyFor(salt: Uint8Array, associated: Uint8Array) {
    return { key: hkdf(sha256, this.#secret, salt, bodyPurpose, keyBytes), nonce, associated };
  }
}

function secretOf({ text, network, topic, runtime }: TopicKeySource): Promise<Uint8Array> {
  const isVirtual = runtime.isVirtual === true;
  const name = JSON.stringify([isVirtual, text, network, topic]);
  const earlier = derived.get(name);
  if (earlier !== undefined) return earlier;
  const salt = saltOf(network, topic);
  const secret = isVirtual ? Promise.resolve(deriveAtOnce(text, salt)) : derive(text, salt);
  secret.catch(() => derived.delete(name));
  derived.set(name, secret);
  if (derived.size > maxDerived) derived.delete(derived.keys().next().value!);
  return secret;
}

function derive(text: string, salt: Uint8Array): Promise<Uint8Array> {
  const nodeCrypto = optionalBuiltin('node:crypto');
  if (nodeCrypto === undefined) return scryptAsync(text, salt, { ...cost, dkLen: keyBytes });
  return new Promise((resolve, reject) => {
    nodeCrypto.scrypt(text, salt, keyBytes, { ...cost, maxmem: scryptMemoryBytes }, (error, secret) => {
      // Bun passes undefined where Node.js passes null.
      if (error) reject(error);
      else resolve(new Uint8Array(secret));
    });
  });
}

function deriveAtOnce(text: string, salt: Uint8Array): Uint8Array {
  const nodeCrypto = optionalBuiltin('node:crypto');
  if (nodeCrypto === undefined) return scrypt(text, salt, { ...cost, dkLen: keyBytes });
  return new Uint8Array(nodeCrypto.scryptSync(text, salt, keyBytes, { ...cost, maxmem: scryptMemoryBytes }));
}

/** Returns the salt: both names, preceded by the length of the first, so that they cannot be confused. */
function saltOf(network: string, topic: string): Uint8Array {
  const names = [encodeText(network), encodeText(topic)] as const;
  const salt = new Uint8Array(saltPurpose.length + 2 + names[0].length + names[1].length);
  salt.set(saltPurpose);
  new DataView(salt.buffer).setUint16(saltPurpose.length, names[0].length);
  salt.set(names[0], saltPurpose.length + 2);
  salt.set(names[1], saltPurpose.length + 2 + names[0].length);
  return salt;
}
