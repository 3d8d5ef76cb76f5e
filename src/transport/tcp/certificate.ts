import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { PeerloomError } from '../../base/errors.ts';
import { type Identity, verifySignature } from '../../identity/identity.ts';
import { type NodeIdentity, whenSigned } from '../../identity/signer.ts';
import { DerReader, der, Tag } from './der.ts';

/** A TLS key and its certificate. */
export interface Certificate {
  /** PEM. */
  readonly cert: string;
  /** The private key, unencrypted PKCS#8 in PEM. */
  readonly key: string;
  readonly der: Uint8Array;
}

/** X.690: the object identifiers of a common name, of ECDSA with SHA-256, and of the extension of libp2p. */
const commonName = Buffer.from('550403', 'hex');
const ecdsaWithSha256 = Buffer.from('2a8648ce3d040302', 'hex');
const libp2pKey = Buffer.from('2b0601040183a25a0101', 'hex');

/** The identity signs these words followed by the TLS key (libp2p specifications, "libp2p TLS Handshake"). */
const signedWords = Buffer.from('libp2p-tls-handshake:');

/** A protobuf as libp2p writes public keys: type 1 (Ed25519), 32 bytes. */
const publicKeyPrefix = Buffer.from('08011220', 'hex');
const publicKeyBytes = 32;

/** peerloom's certificates have about 380 bytes. An honest one is not much longer. */
const maxCertificateBytes = 4_096;

/**
 * Creates a fresh TLS key and its self-signed certificate (RFC 5280), in which the identity signs the key, as in
 * libp2p. Only that extension counts. Names and dates are the same for every node, so that they reveal nothing and no
 * clock is needed.
 *
 * The key is P-256, which every TLS library accepts. Some do not accept Ed25519.
 */
export function createCertificate(identity: Identity): Certificate;
export function createCertificate(identity: NodeIdentity): Certificate | Promise<Certificate>;
export function createCertificate(identity: NodeIdentity): Certificate | Promise<Certificate> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const keyInfo = publicKey.export({ format: 'der', type: 'spki' });
  return whenSigned(identity.sign(Buffer.concat([signedWords, keyInfo])), (signature) =>
    certificateOf({ keyInfo, privateKey, extension: keyExtension(identity.publicKey, signature) }),
  );
}

function certificateOf(parts: {
  readonly keyInfo: Uint8Array;
  readonly privateKey: KeyObject;
  readonly extension: Uint8Array;
}): Certificate {
  const { keyInfo, privateKey, extension } = parts;
  const serialNumber = randomBytes(16);
  serialNumber[0] = (serialNumber[0]! & 0x3f) | 0x40; // positive, without leading zeros, which DER would drop
  const algorithm = der(Tag.sequence, der(Tag.objectIdentifier, ecdsaWithSha256));
  const name = nameOf('peerloom');
  const toBeSigned = der(
    Tag.sequence,
    der(Tag.version, der(Tag.integer, Uint8Array.of(2))), // version 3, which has extensions
    der(Tag.integer, serialNumber),
    algorithm,
    name, // issuer
    der(
      Tag.sequence,
      der(Tag.utcTime, Buffer.from('700101000000Z')),
      der(Tag.generalizedTime, Buffer.from('99991231235959Z')),
    ),
    name, // subject
    keyInfo,
    der(Tag.extensions, der(Tag.sequence, extension)),
  );
  const signature = sign('sha256', toBeSigned, privateKey);
  const certificate = der(
    Tag.sequence,
    toBeSigned,
    algorithm,
    der(Tag.bitString, Uint8Array.of(0), signature),
  );
  const key = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  return { cert: pemOf(certificate), key, der: certificate };
}

/**
 * The Ed25519 public key of the node that certified the key of a certificate. TLS itself makes the owner prove that it
 * holds that key. The certificate's own signature and everything else in it are ignored.
 *
 * @throws PeerloomError `ERR_HANDSHAKE`.
 */
export function certifiedBy(certificate: Uint8Array): Uint8Array {
  if (certificate.length > maxCertificateBytes) {
    const message = `the certificate of the other side has ${certificate.length} bytes, but at most ${maxCertificateBytes} are allowed`;
    throw new PeerloomError('ERR_HANDSHAKE', message);
  }
  const toBeSigned = new DerReader(certificate).enter(Tag.sequence).enter(Tag.sequence);
  toBeSigned.read(Tag.version);
  toBeSigned.read(Tag.integer); // serial number
  // Signature algorithm, issuer, validity, subject.
  for (let skipped = 0; skipped < 4; skipped++) toBeSigned.read(Tag.sequence);
  const keyInfo = toBeSigned.readWhole(Tag.sequence);
  const { publicKey, signature } = signedKeyIn(toBeSigned);
  if (!verifySignature(publicKey, Buffer.concat([signedWords, keyInfo]), signature)) {
    const message = 'the certificate of the other side is not signed by the node that it names';
    throw new PeerloomError('ERR_HANDSHAKE', message);
  }
  return publicKey;
}

function keyExtension(publicKey: Uint8Array, signature: Uint8Array): Buffer {
  const signedKey = der(
    Tag.sequence,
    der(Tag.octetString, publicKeyPrefix, publicKey),
    der(Tag.octetString, signature),
  );
  return der(Tag.sequence, der(Tag.objectIdentifier, libp2pKey), der(Tag.octetString, signedKey));
}

function signedKeyIn(toBeSigned: DerReader): { publicKey: Uint8Array; signature: Uint8Array } {
  const value = toBeSigned.nextTag === Tag.extensions ? libp2pValueIn(toBeSigned) : undefined;
  if (value === undefined) {
    const message = 'the certificate of the other side does not say which node it belongs to';
    throw new PeerloomError('ERR_HANDSHAKE', message);
  }
  const signedKey = new DerReader(value).enter(Tag.sequence);
  const key = signedKey.read(Tag.octetString);
  const signature = signedKey.read(Tag.octetString);
  const isEd25519 =
    key.length === publicKeyPrefix.length + publicKeyBytes &&
    publicKeyPrefix.equals(key.subarray(0, publicKeyPrefix.length));
  if (!isEd25519) {
    const message = 'the certificate of the other side is signed by a key that is not Ed25519';
    throw new PeerloomError('ERR_HANDSHAKE', message);
  }
  return { publicKey: Uint8Array.from(key.subarray(publicKeyPrefix.length)), signature };
}

function libp2pValueIn(toBeSigned: DerReader): Uint8Array | undefined {
  const extensions = toBeSigned.enter(Tag.extensions).enter(Tag.sequence);
  while (!extensions.isAtEnd) {
    const extension = extensions.enter(Tag.sequence);
    const isOurs = libp2pKey.equals(extension.read(Tag.objectIdentifier));
    if (extension.nextTag === Tag.boolean) extension.read(Tag.boolean); // critical or not
    const value = extension.read(Tag.octetString);
    if (isOurs) return value;
  }
  return undefined;
}

function nameOf(text: string): Buffer {
  const attribute = der(
    Tag.sequence,
    der(Tag.objectIdentifier, commonName),
    der(Tag.utf8String, Buffer.from(text)),
  );
  return der(Tag.sequence, der(Tag.set, attribute));
}

function pemOf(certificate: Buffer): string {
  const lines = certificate.toString('base64').replace(/.{1,64}/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}-----END CERTIFICATE-----\n`;
}
