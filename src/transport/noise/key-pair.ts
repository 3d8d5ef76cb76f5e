/** A key pair of X25519 (RFC 7748). */
export interface KeyPair {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** The shared secret with a public key. @throws if the public key is a point of small order. */
  sharedWith(publicKey: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** A key pair that computes secrets synchronously. */
export interface PromptKeyPair extends KeyPair {
  sharedWith(publicKey: Uint8Array): Uint8Array;
}

/** The length of a public key. */
export const keyBytes = 32;
