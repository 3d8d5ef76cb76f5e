import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { idOf, keyOf, type SecondIdentity } from './second-identity.ts';

// A second implementation of Noise XX and XXpsk0, written from the specification, revision 34: nothing here imports src.

export type SecondCipher = 'AESGCM' | 'ChaChaPoly';

const algorithms = { AESGCM: 'aes-256-gcm', ChaChaPoly: 'chacha20-poly1305' } as const;

/** A key and the number of its next record. */
export class Sealing {
  #key: Buffer;
  readonly #cipher: SecondCipher;
  readonly #recordsPerKey: bigint;
  #number = 0n;

  constructor(cipher: SecondCipher, key: Buffer, recordsPerKey = 1_048_576) {
    this.#cipher = cipher;
    this.#key = key;
    this.#recordsPerKey = BigInt(recordsPerKey);
  }

  seal(plain: Uint8Array, associated: Uint8Array = Buffer.alloc(0)): Buffer {
    return this.#sealWith(this.#nonce(), plain, associated);
  }

  open(sealed: Buffer, associated: Uint8Array = Buffer.alloc(0)): Buffer {
    const algorithm = algorithms[this.#cipher] as 'aes-256-gcm';
    const nonce = this.#nonce();
    const decipher = createDecipheriv(algorithm, this.#key, nonce, { authTagLength: 16 });
    decipher.setAAD(associated, { plaintextLength: sealed.length - 16 });
    decipher.setAuthTag(sealed.subarray(-16));
    return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
  }

  #sealWith(nonce: Buffer, plain: Uint8Array, associated: Uint8Array): Buffer {
    const algorithm = algorithms[this.#cipher] as 'aes-256-gcm';
    const cipher = createCipheriv(algorithm, this.#key, nonce, { authTagLength: 16 });
    cipher.setAAD(associated, { plaintextLength: plain.length });
    return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }

  /** Of the next record; clause 16.8. */
  #nonce(): Buffer {
    if (this.#number > 0n && this.#number % this.#recordsPerKey === 0n) {
      const last = this.#nonceOf(2n ** 64n - 1n);
      this.#key = this.#sealWith(last, Buffer.alloc(32), Buffer.alloc(0)).subarray(0, 32);
    }
    return this.#nonceOf(this.#number++);
  }

  #nonceOf(number: bigint): Buffer {
    const nonce = Buffer.alloc(12);
    if (this.#cipher === 'AESGCM') nonce.writeBigUInt64BE(number, 4);
    else nonce.writeBigUInt64LE(number, 4);
    return nonce;
  }
}

export interface SecondNoiseOptions {
  readonly role: 'initiator' | 'responder';
  readonly cipher: SecondCipher;
  readonly prologue: Uint8Array;
  readonly psk?: Uint8Array | undefined;
}

/** The handshake, then the records. */
export class SecondNoise {
  readonly #isInitiator: boolean;
  readonly #cipher: SecondCipher;
  readonly #psk: Uint8Array | undefined;
  readonly staticKey = generateKeyPairSync('x25519');
  readonly #ephemeral = generateKeyPairSync('x25519');
  remoteStatic: Buffer = Buffer.alloc(0);
  #remoteEphemeral: Buffer = Buffer.alloc(0);
  #h: Buffer;
  #ck: Buffer;
  #key: Sealing | undefined;
  #turn = 0;
  #sending: Sealing | undefined;
  #receiving: Sealing | undefined;

  constructor({ role, cipher, prologue, psk }: SecondNoiseOptions) {
    this.#isInitiator = role === 'initiator';
    this.#cipher = cipher;
    this.#psk = psk;
    const name = `Noise_XX${psk === undefined ? '' : 'psk0'}_25519_${cipher}_SHA256`;
    this.#h =
      name.length <= 32 ? Buffer.concat([Buffer.from(name), Buffer.alloc(32 - name.length)]) : hash(name);
    this.#ck = this.#h;
    this.#mixHash(prologue);
  }

  write(payload: Uint8Array = Buffer.alloc(0)): Buffer {
    const turn = this.#turn++;
    const parts: Buffer[] = [];
    if (turn === 0) this.#mixPsk();
    if (turn < 2) {
      const ephemeral = rawKey(this.#ephemeral.publicKey);
      parts.push(ephemeral);
      this.#mixEphemeral(ephemeral);
    }
    if (turn === 1) this.#mixKey(shared(this.#ephemeral.privateKey, this.#remoteEphemeral));
    if (turn > 0) {
      parts.push(this.#seal(rawKey(this.staticKey.publicKey)));
      this.#mixKey(shared(this.staticKey.privateKey, this.#remoteEphemeral));
    }
    parts.push(this.#seal(payload));
    if (turn === 2) this.#split();
    return Buffer.concat(parts);
  }

  read(message: Buffer): Buffer {
    const turn = this.#turn++;
    let at = 0;
    if (turn === 0) this.#mixPsk();
    if (turn < 2) {
      this.#remoteEphemeral = message.subarray(0, 32);
      at = 32;
      this.#mixEphemeral(this.#remoteEphemeral);
    }
    if (turn === 1) this.#mixKey(shared(this.#ephemeral.privateKey, this.#remoteEphemeral));
    if (turn > 0) {
      this.remoteStatic = this.#open(message.subarray(at, at + 48));
      at += 48;
      this.#mixKey(shared(this.#ephemeral.privateKey, this.remoteStatic));
    }
    const payload = this.#open(message.subarray(at));
    if (turn === 2) this.#split();
    return payload;
  }

  /** A record, after the handshake. */
  seal(plain: Uint8Array): Buffer {
    return this.#sending!.seal(plain);
  }

  open(sealed: Buffer): Buffer {
    return this.#receiving!.open(sealed);
  }

  #split(): void {
    const [first, second] = hkdf(this.#ck, Buffer.alloc(0), 2).map((key) => new Sealing(this.#cipher, key));
    this.#sending = this.#isInitiator ? first : second;
    this.#receiving = this.#isInitiator ? second : first;
  }

  #seal(plain: Uint8Array): Buffer {
    const sealed = this.#key === undefined ? Buffer.from(plain) : this.#key.seal(plain, this.#h);
    this.#mixHash(sealed);
    return sealed;
  }

  #open(sealed: Buffer): Buffer {
    const plain = this.#key === undefined ? sealed : this.#key.open(sealed, this.#h);
    this.#mixHash(sealed);
    return plain;
  }

  #mixHash(bytes: Uint8Array): void {
    this.#h = hash(Buffer.concat([this.#h, bytes]));
  }

  #mixKey(input: Uint8Array): void {
    const [ck, key] = hkdf(this.#ck, input, 2);
    this.#ck = ck!;
    this.#key = new Sealing(this.#cipher, key!);
  }

  #mixEphemeral(publicKey: Buffer): void {
    this.#mixHash(publicKey);
    if (this.#psk !== undefined) this.#mixKey(publicKey);
  }

  #mixPsk(): void {
    if (this.#psk === undefined) return;
    const [ck, mixed, key] = hkdf(this.#ck, this.#psk, 3);
    this.#ck = ck!;
    this.#mixHash(mixed!);
    this.#key = new Sealing(this.#cipher, key!);
  }
}

/** Clause 16.6. */
export function noiseProof({ publicKey, privateKey }: SecondIdentity, noise: SecondNoise): Buffer {
  const signed = Buffer.concat([Buffer.from('noise-libp2p-static-key:'), rawKey(noise.staticKey.publicKey)]);
  return Buffer.concat([publicKey, sign(null, signed, privateKey)]);
}

/** The id of the side that has sent the proof. @throws Error. */
export function provenId(proof: Buffer, noise: SecondNoise): string {
  const signed = Buffer.concat([Buffer.from('noise-libp2p-static-key:'), noise.remoteStatic]);
  if (!verify(null, signed, keyOf(proof.subarray(0, 32)), proof.subarray(32, 96)))
    throw new Error('a wrong proof');
  return idOf(proof.subarray(0, 32));
}

function rawKey(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' }).subarray(-32);
}

function shared(privateKey: KeyObject, publicKey: Buffer): Buffer {
  const der = Buffer.concat([Buffer.from('302a300506032b656e032100', 'hex'), publicKey]);
  return diffieHellman({ privateKey, publicKey: createPublicKey({ key: der, format: 'der', type: 'spki' }) });
}

function hash(bytes: string | Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function hmac(key: Uint8Array, bytes: Uint8Array): Buffer {
  return createHmac('sha256', key).update(bytes).digest();
}

/** Section 4.3. */
function hkdf(chainingKey: Uint8Array, input: Uint8Array, outputs: number): Buffer[] {
  const temporary = hmac(chainingKey, input);
  const results: Buffer[] = [];
  for (let number = 1; number <= outputs; number++) {
    results.push(hmac(temporary, Buffer.concat([results.at(-1) ?? Buffer.alloc(0), Buffer.of(number)])));
  }
  return results;
}
