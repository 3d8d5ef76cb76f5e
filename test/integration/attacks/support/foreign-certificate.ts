import { generateKeyPairSync, sign } from 'node:crypto';

/** The signature algorithms by the kind of key: DER of their object identifiers and parameters (RFC 5280, 8410). */
const algorithms = {
  ed25519: { oid: '06032b6570', digest: null },
  ec: { oid: '06082a8648ce3d040302', digest: 'sha256' },
  rsa: { oid: '06092a864886f70d01010b0500', digest: 'sha256' },
} as const;

export type KeyKind = keyof typeof algorithms;

/** A self-signed certificate and its key, both PEM; `paddingBytes` go into an extension that nobody knows. */
export function foreignCertificate(kind: KeyKind, paddingBytes = 0): { cert: string; key: string } {
  const { publicKey, privateKey } = keyPair(kind);
  const { oid, digest } = algorithms[kind];
  const algorithm = der(0x30, hex(oid));
  const name = der(0x30, der(0x31, der(0x30, hex('0603550403'), der(0x0c, Buffer.from('somebody')))));
  const validity = der(
    0x30,
    der(0x17, Buffer.from('700101000000Z')),
    der(0x18, Buffer.from('99991231235959Z')),
  );
  const extension = der(0x30, hex('06032a0304'), der(0x04, Buffer.alloc(paddingBytes)));
  const toBeSigned = der(
    0x30,
    hex('a003020102'), // version 3
    hex('020101'), // serial number
    algorithm,
    name,
    validity,
    name,
    publicKey.export({ format: 'der', type: 'spki' }),
    der(0xa3, der(0x30, extension)),
  );
  const signature = sign(digest, toBeSigned, privateKey);
  const certificate = der(0x30, toBeSigned, algorithm, der(0x03, hex('00'), signature));
  const cert = `-----BEGIN CERTIFICATE-----\n${certificate.toString('base64')}\n-----END CERTIFICATE-----\n`;
  return { cert, key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString() };
}

function keyPair(kind: KeyKind) {
  if (kind === 'rsa') return generateKeyPairSync('rsa', { modulusLength: 2048 });
  if (kind === 'ec') return generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return generateKeyPairSync('ed25519');
}

function hex(text: string): Buffer {
  return Buffer.from(text, 'hex');
}

/** One DER value (X.690): tag, length in its shortest form, content. */
function der(tag: number, ...content: Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  if (body.length < 0x80) return Buffer.concat([Uint8Array.of(tag, body.length), body]);
  const length = body.length.toString(16);
  const lengthBytes = hex(length.length % 2 === 0 ? length : `0${length}`);
  return Buffer.concat([Uint8Array.of(tag, 0x80 | lengthBytes.length), lengthBytes, body]);
}
