import { expand, extract } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { joined } from '../../wire/frames/memory.ts';
import { aeadOf, type CipherName, tagBytes } from './aead.ts';
import { CipherState } from './cipher-state.ts';
import { type KeyPair, keyBytes, keyPair } from './x25519.ts';

const noBytes: Uint8Array = new Uint8Array(0);
const hashBytes = 32;

/** What a handshake begins with. */
export interface NoiseSide {
  readonly role: 'initiator' | 'responder';
  readonly cipher: CipherName;
  /** Both sides must have the same. */
  readonly prologue: Uint8Array;
  readonly staticKey: KeyPair;
  /** 32 bytes that both sides must hold: then the pattern is XXpsk0, otherwise XX. */
  readonly presharedKey?: Uint8Array | undefined;
  /** Default: a new one. Only tests give one. */
  readonly ephemeralKey?: KeyPair;
}

/** What a handshake leads to. */
export interface NoiseSession {
  /** For what this side sends. */
  readonly sending: CipherState;
  /** For what it receives. */
  readonly receiving: CipherState;
  /** The hash of the whole handshake. */
  readonly hash: Uint8Array;
  readonly cipher: CipherName;
  /** The first keys of both, for a cipher that works elsewhere. */
  readonly secrets: { readonly sending: Uint8Array; readonly receiving: Uint8Array };
}

type Token = 'psk' | 'e' | 's' | 'ee' | 'es' | 'se';

/** The messages of XX (revision 34, section 7.5). */
const pattern: readonly (readonly Token[])[] = [['e'], ['e', 'ee', 's', 'es'], ['s', 'se']];

/**
 * The handshake of the Noise protocol framework, revision 34, in the pattern XX or XXpsk0 with 25519 and SHA256. It takes
 * and makes messages and does no I/O:
 *
 *    initiator   psk, e        ──►
 *                ◄──   e, ee, s, es        responder
 *                s, se         ──►
 *
 * When a message cannot be read, `read` throws, and the handshake is of no use any more.
 */
export class NoiseHandshake {
  readonly #isInitiator: boolean;
  readonly #aead;
  readonly #staticKey: KeyPair;
  readonly #ephemeralKey: KeyPair;
  readonly #presharedKey: Uint8Array | undefined;
  #remoteEphemeral = noBytes;
  #remoteStatic = noBytes;
  #messages = 0;
  /** The SymmetricState (section 5.2): ck, h, and the CipherState. */
  #chainingKey: Uint8Array;
  #hash: Uint8Array;
  #cipher: CipherState | undefined;

  constructor({ role, cipher, prologue, staticKey, presharedKey, ephemeralKey }: NoiseSide) {
    this.#isInitiator = role === 'initiator';
    this.#aead = aeadOf(cipher);
    this.#staticKey = staticKey;
    this.#ephemeralKey = ephemeralKey ?? keyPair();
    this.#presharedKey = presharedKey;
    const name = `Noise_${presharedKey === undefined ? 'XX' : 'XXpsk0'}_25519_${cipher}_SHA256`;
    const nameBytes = new TextEncoder().encode(name);
    this.#hash = nameBytes.length > hashBytes ? sha256(nameBytes) : padded(nameBytes);
    this.#chainingKey = this.#hash;
    this.#mixHash(prologue);
  }

  /** The static key that the other side has shown, once its message was read. */
  get remoteStatic(): Uint8Array {
    return this.#remoteStatic;
  }

  /** The next message, which must be this side's, with a payload. */
  write(payload = noBytes): Uint8Array {
    const parts = this.#nextTokens().map((token) => {
      if (token === 'e') return this.#ownEphemeral();
      if (token === 's') return this.#encrypted(this.#staticKey.publicKey);
      this.#mix(token);
      return noBytes;
    });
    return joined([...parts, this.#encrypted(payload)]);
  }

  /** Reads the next message, which must be the other side's. @returns its payload. @throws if it is wrong. */
  read(message: Uint8Array): Uint8Array {
    let rest = message;
    const take = (length: number): Uint8Array => {
      if (rest.length < length) throw new Error('the message is too short');
      // Not slice(), which keeps all that came with it where the message is a Buffer.
      const taken = new Uint8Array(rest.subarray(0, length));
      rest = rest.subarray(length);
      return taken;
    };
    for (const token of this.#nextTokens()) {
      if (token === 'e') this.#takeEphemeral(take(keyBytes));
      else if (token === 's') this.#remoteStatic = this.#decrypted(take(keyBytes + tagBytes));
      else this.#mix(token);
    }
    return this.#decrypted(rest);
  }

  /** The keys for what follows, after the last message. */
  finish(): NoiseSession {
    const [ofInitiator, ofResponder] = this.#keysFrom(noBytes, 2) as [Uint8Array, Uint8Array];
    const secrets = this.#isInitiator
      ? { sending: ofInitiator, receiving: ofResponder }
      : { sending: ofResponder, receiving: ofInitiator };
    return {
      sending: new CipherState(this.#aead, secrets.sending),
      receiving: new CipherState(this.#aead, secrets.receiving),
      hash: this.#hash,
      cipher: this.#aead.name,
      secrets,
    };
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

  #mix(token: 'psk' | 'ee' | 'es' | 'se'): void {
    if (token === 'psk') this.#mixPresharedKey(this.#presharedKey!);
    else this.#mixKey(this.#shared(token));
  }

  /** The first letter is the initiator's key, the second the responder's. */
  #shared(token: 'ee' | 'es' | 'se'): Uint8Array {
    const ours = this.#isInitiator ? token[0] : token[1];
    const theirs = this.#isInitiator ? token[1] : token[0];
    const key = ours === 'e' ? this.#ephemeralKey : this.#staticKey;
    return key.sharedWith(theirs === 'e' ? this.#remoteEphemeral : this.#remoteStatic);
  }

  #encrypted(plain: Uint8Array): Uint8Array {
    const sealed = this.#cipher === undefined ? plain : this.#cipher.seal(plain, this.#hash);
    this.#mixHash(sealed);
    return sealed;
  }

  #decrypted(sealed: Uint8Array): Uint8Array {
    const plain = this.#cipher === undefined ? sealed : this.#cipher.open(sealed, this.#hash);
    this.#mixHash(sealed);
    return plain;
  }

  #mixHash(bytes: Uint8Array): void {
    this.#hash = sha256(joined([this.#hash, bytes]));
  }

  #mixKey(input: Uint8Array): void {
    const [chainingKey, key] = this.#keysFrom(input, 2);
    this.#chainingKey = chainingKey!;
    this.#cipher = new CipherState(this.#aead, key!);
  }

  /** MixKeyAndHash (section 5.2). */
  #mixPresharedKey(presharedKey: Uint8Array): void {
    const [chainingKey, hashed, key] = this.#keysFrom(presharedKey, 3);
    this.#chainingKey = chainingKey!;
    this.#mixHash(hashed!);
    this.#cipher = new CipherState(this.#aead, key!);
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
