import { etc, getPublicKey, hashes, Point, sign } from '@noble/ed25519';
import { sha512 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import { blinded } from '../base/blinded.ts';
import { optionalBuiltin } from '../base/builtin.ts';

/** Checks signatures of one public key. */
export type Verify = (message: Uint8Array, signature: Uint8Array) => boolean;

const publicKeyBytes = 32;
const signatureBytes = 64;

/** RFC 8410: the bytes before the 32 bytes of a public key in DER. */
const spkiPrefix = hexToBytes('302a300506032b6570032100');

const { invert, mod } = etc;
hashes.sha512 = sha512;

/** p, the order of the field, and n, the order of the group (RFC 8032, section 5.1). */
const { p: fieldSize, n: groupSize } = Point.CURVE();

/**
 * The y coordinates of the points of order 1, 2, 4 and 8, little-endian. The sign of x does not matter: with either
 * sign, such an encoding names a point of small order, or no point at all.
 */
const smallOrderYs = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
].map(hexToBytes);

/** 2^255 − 19, the order of the field, little-endian. */
const fieldOrder = hexToBytes('edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f');

/** L, the order of the group, little-endian. */
const groupOrder = hexToBytes('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010');

/**
 * Whether 32 bytes may be the public key of a node: in canonical encoding, and not of small order (docs/protocol.md,
 * clause 1.5). The first check of a signature finds out whether a point of the curve has that y.
 */
export function isPublicKey(bytes: Uint8Array): boolean {
  return bytes.length === publicKeyBytes && isCanonicalPoint(bytes, 0);
}

/**
 * The part of the rule for signatures that needs no arithmetic (docs/protocol.md, clause 1.4). Libraries disagree
 * on it, so no runtime leaves it to its library.
 */
export function isCanonicalSignature(signature: Uint8Array): boolean {
  return (
    signature.length === signatureBytes &&
    isCanonicalPoint(signature, 0) &&
    isLess(signature, publicKeyBytes, groupOrder)
  );
}

/**
 * Returns a function that checks signatures of a public key by the rule of docs/protocol.md, clause 1.4, on every
 * runtime. Making it costs a third of a check, so it is worth keeping.
 */
export function verifierOf(publicKey: Uint8Array): Verify {
  if (!isPublicKey(publicKey)) return () => false;
  const nodeCrypto = optionalBuiltin('node:crypto');
  if (nodeCrypto === undefined) return portableVerifierOf(publicKey);
  const spki = Buffer.concat([spkiPrefix, publicKey]);
  const key = nodeCrypto.createPublicKey({ key: spki, format: 'der', type: 'spki' });
  return (message, signature) =>
    isCanonicalSignature(signature) && nodeCrypto.verify(null, message, key, signature);
}

/** In JavaScript, the only synchronous way in a browser. The library's own check multiplies by the cofactor. */
function portableVerifierOf(publicKey: Uint8Array): Verify {
  let minusA: Point;
  try {
    minusA = Point.fromBytes(publicKey).negate();
  } catch {
    return () => false; // no point of the curve has that y
  }
  return (message, signature) => {
    if (!isCanonicalSignature(signature)) return false;
    const r = signature.subarray(0, publicKeyBytes);
    const s = bytesToNumberLE(signature.subarray(publicKeyBytes));
    const k = mod(bytesToNumberLE(sha512(concatBytes(r, publicKey, message))), groupSize);
    const expected = Point.BASE.multiplyUnsafe(s).add(minusA.multiplyUnsafe(k)).toBytes();
    return expected.every((byte, at) => byte === r[at]);
  };
}

/** A key pair in JavaScript. @param seed 32 bytes, the private key of RFC 8032. */
export function portableSignerOf(seed: Uint8Array): {
  readonly publicKey: Uint8Array;
  readonly sign: (message: Uint8Array) => Uint8Array;
} {
  return {
    publicKey: blinded(() => getPublicKey(seed)),
    sign: (message) => blinded(() => sign(message, seed)),
  };
}

/**
 * The X25519 public key that belongs to an Ed25519 public key: the same point on the curve's other form (RFC 7748,
 * section 4.1).
 *
 * @throws Error if no point of the curve has that key.
 */
export function toX25519PublicKey(publicKey: Uint8Array): Uint8Array {
  const { y } = Point.fromBytes(publicKey);
  return numberToBytesLE(
    mod((1n + y) * invert(mod(1n - y, fieldSize), fieldSize), fieldSize),
    publicKeyBytes,
  );
}

/** The X25519 secret key that belongs to a seed (RFC 8032, section 5.1.5). */
export function toX25519SecretKey(seed: Uint8Array): Uint8Array {
  return sha512(seed).slice(0, publicKeyBytes);
}

function isCanonicalPoint(bytes: Uint8Array, offset: number): boolean {
  if (!isLess(bytes, offset, fieldOrder, 0x7f)) return false;
  return !smallOrderYs.some((y) => isEqual(bytes, offset, y));
}

/** Whether 32 little-endian bytes are a number below a bound. `topMask` clears the sign of x in the last byte. */
function isLess(bytes: Uint8Array, offset: number, bound: Uint8Array, topMask = 0xff): boolean {
  for (let at = publicKeyBytes - 1; at >= 0; at--) {
    const byte = bytes[offset + at]! & (at === publicKeyBytes - 1 ? topMask : 0xff);
    if (byte !== bound[at]) return byte < bound[at]!;
  }
  return false;
}

/** Compares all bits but the sign of x. */
function isEqual(bytes: Uint8Array, offset: number, y: Uint8Array): boolean {
  for (let at = 0; at < publicKeyBytes - 1; at++) if (bytes[offset + at] !== y[at]) return false;
  return (bytes[offset + publicKeyBytes - 1]! & 0x7f) === y[publicKeyBytes - 1];
}

function bytesToNumberLE(bytes: Uint8Array): bigint {
  return BigInt(`0x${bytesToHex(bytes.slice().reverse())}`);
}

function numberToBytesLE(number: bigint, length: number): Uint8Array {
  return hexToBytes(number.toString(16).padStart(2 * length, '0')).reverse();
}
