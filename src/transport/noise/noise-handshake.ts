import { expand, extract } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { joined } from '../../wire/frames/memory.ts';
import { type CipherName, tagBytes } from './cipher-names.ts';
import { type KeyPair, keyBytes } from './key-pair.ts';
import { type CipherMaker, cipherMakerOf, newKeyPair, type RecordCipher } from './noise-crypto.ts';

const noBytes: Uint8Array = new Uint8Array(0);
const hashBytes = 32;

/** The input of a handshake. */
export interface NoiseSide {
  readonly role: 'initiator' | 'responder';
  readonly cipher: CipherName;
  /** Must be the same on both sides. */
  readonly prologue: Uint8Array;
  readonly staticKey: KeyPair;
  /** 32 bytes that both sides must hold. With it, the pattern is XXpsk0, otherwise XX. */
  readonly presharedKey?: Uint8Array | undefined;
  /** Given only by tests. Default: a new one. */
  readonly ephemeralKey?: KeyPair;
}

/** The result of a handshake. */
export interface NoiseSession {
  /** Seals what this side sends. */
  readonly sending: RecordCipher;
  /** Opens what this side receives. */
  readonly receiving: RecordCipher;
  /** The hash of the whole handshake. */
  readonly hash: Uint8Array;
}

type Token = 'psk' | 'e' | 's' | 'ee' | 'es' | 'se';

/** The messages of XX (revision 34, section 7.5). */
const pattern: readonly (readonly Token[])[] = [['e'], ['e', 'ee', 's', 'es'], ['s', 'se']];

/**
 * The handshake of the Noise protocol framework, revision 34, in the pattern XX or XXpsk0 with 25519 and SHA256. It
 * takes and makes messages and does no I/O:
 *
 *    initiator   psk, e        ──►
 *                ◄──   e, ee, s, es        responder
 *                s, se         ──►
 *
 * If a message cannot be read, `read` rejects, and the handshake cannot be used any more.
 */
export class NoiseHandshake {
  readonly #isInitiator: boolean;
  readonly #cipherOf: CipherMaker;
  readonly #staticKey: KeyPair;
  readonly #ephemeralKey: KeyPair;
  readonly #presharedKey: Uint8Array | undefined;
  #remoteEphemeral = noBytes;
  #remoteStatic = noBytes;
  #messages = 0;
  /** The SymmetricState (section 5.2): ck, h, and the CipherState. */
  #chainingKey: Uint8Array;
  #hash: Uint8Array;
  #cipher: RecordCipher | undefined;

  private constructor(
    { role, cipher, prologue, staticKey, presharedKey }: NoiseSide,
    { ephemeralKey, cipherOf }: { readonly ephemeralKey: KeyPair; readonly cipherOf: CipherMaker },
  ) {
    this.#isInitiator = role === 'initiator';
    this.#cipherOf = cipherOf;
    this.#staticKey = staticKey;
    this.#ephemeralKey = ephemeralKey;
    this.#presharedKey = presharedKey;
    const name = `Noise_${presharedKey === undefined ? 'XX' : 'XXpsk0'}_25519_${cipher}_SHA256`;
    const nameBytes = new TextEncoder().encode(name);
    this.#hash = nameBytes.length > hashBytes ? sha256(nameBytes) : padded(nameBytes);
    this.#chainingKey = this.#hash;
    this.#mixHash(prologue);
  }

  /** @throws PeerloomError `ERR_NOT_LOADED` in a page. */
  static async begin(side: NoiseSide): Promise<NoiseHandshake> {
    const ephemeralKey = side.ephemeralKey ?? (await newKeyPair());
    return new NoiseHandshake(side, { ephemeralKey, cipherOf: await cipherMakerOf(side.cipher) });
  }

  /** The static key that the other side has shown, once its message was read. */
  get remoteStatic(): Uint8Array {
    return this.#remoteStatic;
  }

  /** Makes the next message, which must be this side's, with a payload. */
  async write(payload = noBytes): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for (const token of this.#nextTokens()) {
      if (token === 'e') parts.push(this.#ownEphemeral());
      else if (token === 's') parts.push(await this.#encrypted(this.#staticKey.publicKey));
      else await this.#mix(token);
    }
    return joined([...parts, await this.#encrypted(payload)]);
  }

  /** Reads the next message, which must be the other side's. @returns its payload. Rejects if it is wrong. */
  async read(message: Uint8Array): Promise<Uint8Array> {
    let rest = message;
    const take = (length: number): Uint8Array => {
      if (rest.length < length) throw new Error('the message is too short');
      // Not slice(): if the message is a Buffer, it would keep the whole buffer.
      const taken = new Uint8Array(rest.subarray(0, length));
      rest = rest.subarray(length);
      return taken;
    };
    for (const token of this.#nextTokens()) {
      if (token === 'e') this.#takeEphemeral(take(keyBytes));
      else if (token === 's') this.#remoteStatic = await this.#decrypted(take(keyBytes + tagBytes));
      else await this.#mix(token);
    }
    return this.#decrypted(rest);
  }

  /** Returns the ciphers for what follows the last message. */
  finish(): NoiseSession {
    const [ofInitiator, ofResponder] = this.#keysFrom(noBytes, 2) as [Uint8Array, Uint8Array];
    const [ours, theirs] = this.#isInitiator ? [ofInitiator, ofResponder] : [ofResponder, ofInitiator];
    return { sending: this.#cipherOf(ours), receiving: this.#cipherOf(theirs), hash: this.#hash };
  }

  #nextTokens(): readonly Token[] {
    const index = this.#messages++;
    const tokens = pattern[index]!;
    return index === 0 && this.#presharedKey !== undefined ? ['psk', ...tokens] : tokens;
  }

  #ownEphemeral(): Uint8Array {
    const { publicKey } = this.#ephemeralKey;
    this.#mixEphemeral(publicKey);
    return publicKey;
  }

  #takeEphemeral(publicKey: Uint8Array): void {
    this.#remoteEphemeral = publicKey;
    this.#mixEphemeral(publicKey);
  }

  /** Section 9.2: with a psk an ephemeral key is mixed into the key too. */
  #mixEphemeral(publicKey: Uint8Array): void {
    this.#mixHash(publicKey);
    if (this.#presharedKey !== undefined) this.#mixKey(publicKey);
  }

  async #mix(token: 'psk' | 'ee' | 'es' | 'se'): Promise<void> {
    if (token === 'psk') this.#mixPresharedKey(this.#presharedKey!);
    else this.#mixKey(await this.#shared(token));
  }

  /** The first letter is the initiator's key, the second the responder's. */
  #shared(token: 'ee' | 'es' | 'se'): Uint8Array | Promise<Uint8Array> {
    const ours = this.#isInitiator ? token[0] : token[1];
    const theirs = this.#isInitiator ? token[1] : token[0];
    const key = ours === 'e' ? this.#ephemeralKey : this.#staticKey;
    return key.sharedWith(theirs === 'e' ? this.#remoteEphemeral : this.#remoteStatic);
  }

  async #encrypted(plain: Uint8Array): Promise<Uint8Array> {
    const sealed = this.#cipher === undefined ? plain : await this.#cipher.seal(plain, this.#hash);
    this.#mixHash(sealed);
    return sealed;
  }

  async #decrypted(sealed: Uint8Array): Promise<Uint8Array> {
    const plain = this.#cipher === undefined ? sealed : await this.#cipher.open(sealed, this.#hash);
    this.#mixHash(sealed);
    return plain;
  }

  #mixHash(bytes: Uint8Array): void {
    this.#hash = sha256(joined([this.#hash, bytes]));
  }

  #mixKey(input: Uint8Array): void {
    const [chainingKey, key] = this.#keysFrom(input, 2);
    this.#chainingKey = chainingKey!;
    this.#cipher = this.#cipherOf(key!);
  }

  /** MixKeyAndHash (section 5.2). */
  #mixPresharedKey(presharedKey: Uint8Array): void {
    const [chainingKey, hashed, key] = this.#keysFrom(presharedKey, 3);
    this.#chainingKey = chainingKey!;
    this.#mixHash(hashed!);
    this.#cipher = this.#cipherOf(key!);
  }

  /** HKDF (section 4.3). */
  #keysFrom(input: Uint8Array, count: number): Uint8Array[] {
    const bytes = expand(sha256, extract(sha256, input, this.#chainingKey), undefined, count * hashBytes);
    return Array.from({ length: count }, (_, at) => bytes.slice(at * hashBytes, (at + 1) * hashBytes));
  }
}

function padded(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(hashBytes);
  whole.set(bytes);
  return whole;
}
