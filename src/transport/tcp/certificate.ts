import { createPrivateKey, type KeyObject, randomBytes, X509Certificate } from 'node:crypto';
import { isPublicKey } from '../../ed25519.ts';
import { PeerloomError } from '../../errors.ts';
import { type Identity, prefixed } from '../../identity.ts';

/** What TLS needs of an identity, both as PEM. */
export interface Certificate {
  readonly cert: string;
  /** The private key, unencrypted PKCS#8. */
  readonly key: string;
}

/**
 * A self-signed X.509 certificate of the identity's key (RFC 5280, RFC 8410). Only the key in it counts: names and
 * dates are the same for every node, so that it tells nothing else and no clock can be wrong for it.
 *
 * Every field has a fixed length, so the DER is a template around serial number, public key and signature.
 */
export function createCertificate(identity: Identity): Certificate {
  const serialNumber = randomBytes(16);
  serialNumber[0] = (serialNumber[0]! & 0x3f) | 0x40; // positive, without leading zeros, which DER would drop
  const algorithm = prefixed('3005 0603 2b6570'); // Ed25519
  const name = prefixed('3013 3111 300f 0603 550403 0c08', ascii('peerloom')); // common name
  const validity = prefixed('3020 170d', ascii('700101000000Z'), prefixed('180f'), ascii('99991231235959Z'));
  const toBeSigned = prefixed(
    '308196',
    prefixed('a003 0201 02'), // version 3: some TLS stacks take no other
    prefixed('0210', serialNumber),
    algorithm,
    name, // issuer
    validity,
    name, // subject
    prefixed('302a', algorithm, prefixed('0321 00', identity.publicKey)),
  );
  const signature = prefixed('0341 00', identity.sign(toBeSigned));
  const certificate = new X509Certificate(prefixed('3081e3', toBeSigned, algorithm, signature));
  const key = createPrivateKey({ key: Buffer.from(identity.toPkcs8()), format: 'der', type: 'pkcs8' });
  return { cert: certificate.toString(), key: key.export({ format: 'pem', type: 'pkcs8' }).toString() };
}

/**
 * The Ed25519 public key of a certificate, 32 bytes.
 *
 * @throws PeerloomError `ERR_HANDSHAKE` when its key is of another kind, cannot be read, or is one that anybody can
 * sign for (docs/protocol.md, clause 1.5).
 */
export function publicKeyOfCertificate(certificate: X509Certificate): Uint8Array {
  const publicKey = readPublicKey(certificate);
  if (publicKey.asymmetricKeyType !== 'ed25519') {
    throw new PeerloomError(
      'ERR_HANDSHAKE',
      `the certificate of the other side holds a key of kind ${publicKey.asymmetricKeyType}, not Ed25519`,
    );
  }
  const bytes = Uint8Array.from(Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url'));
  if (!isPublicKey(bytes)) {
    const message = 'the certificate of the other side holds a key that anybody can sign for';
    throw new PeerloomError('ERR_HANDSHAKE', message);
  }
  return bytes;
}

function readPublicKey(certificate: X509Certificate): KeyObject {
  try {
    return certificate.publicKey;
  } catch (cause) {
    throw new PeerloomError('ERR_HANDSHAKE', 'the certificate of the other side holds no known key', {
      cause,
    });
  }
}

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
