import assert from 'node:assert/strict';
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
  type X509Certificate,
} from 'node:crypto';

// A second implementation of the protocol, written from docs/protocol.md: nothing here imports src.

export interface SecondIdentity {
  readonly id: string;
  readonly publicKey: Buffer;
  readonly privateKey: KeyObject;
}

export function newIdentity(): SecondIdentity {
  return identityOf(generateKeyPairSync('ed25519').privateKey);
}

/** One whose id is on the wanted side of another (clause 1.3). */
export function identityBeside(other: string, side: 'lower' | 'higher'): SecondIdentity {
  for (;;) {
    const identity = newIdentity();
    if (identity.id < other === (side === 'lower')) return identity;
  }
}

export function identityOfSeed(seed: Uint8Array): SecondIdentity {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  return identityOf(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
}

export function idOf(publicKey: Uint8Array): string {
  return base58(Buffer.concat([Buffer.from('002408011220', 'hex'), publicKey]));
}

function identityOf(privateKey: KeyObject): SecondIdentity {
  const publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32);
  return { id: idOf(publicKey), publicKey, privateKey };
}

function base58(bytes: Buffer): string {
  const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
  let text = '';
  for (let rest = BigInt(`0x${bytes.toString('hex')}`); rest > 0n; rest /= 58n) {
    text = alphabet[Number(rest % 58n)] + text;
  }
  for (const byte of bytes) {
    if (byte !== 0) break;
    text = `1${text}`;
  }
  return text;
}

const signatureAlgorithms: Record<string, string> = {
  ed25519: '06032b6570',
  ec: '06082a8648ce3d040302',
};

/** What a node says about the key of a certificate: DER of clause 2.5. */
export interface SignedKey {
  readonly publicKey: Uint8Array;
  readonly signature: Uint8Array;
}

export interface CertificateOptions {
  readonly name?: string;
  /** The key of TLS. Default: a new one on P-256. */
  readonly key?: KeyObject;
  /** Other extensions, before the one that counts. */
  readonly before?: readonly Buffer[];
  /** What stands in the extension that counts; `undefined` leaves it out. Default: what is right. */
  readonly signedKey?: (keyInfo: Buffer) => SignedKey | undefined;
}

/** A certificate of clause 2.5, as different from the ones of src as TLS allows; both parts as PEM. */
export function certificateOf(
  identity: SecondIdentity,
  options: CertificateOptions = {},
): { cert: string; key: string } {
  const { name = 'anything', before = [], signedKey = signedBy(identity) } = options;
  const { key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey } = options;
  const kind = key.asymmetricKeyType!;
  const algorithm = der(0x30, Buffer.from(signatureAlgorithms[kind]!, 'hex'));
  const commonName = der(
    0x30,
    der(0x31, der(0x30, Buffer.from('0603550403', 'hex'), der(0x0c, Buffer.from(name)))),
  );
  const expired = der(
    0x30,
    ...['800101000000Z', '800102000000Z'].map((date) => der(0x17, Buffer.from(date))),
  );
  const keyInfo = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const signed = signedKey(keyInfo);
  const extensions = [...before, ...(signed === undefined ? [] : [extensionOf(signed)])];
  const toBeSigned = der(
    0x30,
    Buffer.from('a003020102', 'hex'),
    der(0x02, Buffer.of(7)),
    algorithm,
    commonName,
    expired,
    commonName,
    keyInfo,
    ...(extensions.length === 0 ? [] : [der(0xa3, der(0x30, ...extensions))]),
  );
  const signature = sign(kind === 'ed25519' ? null : 'sha256', toBeSigned, key);
  const certificate = der(0x30, toBeSigned, algorithm, der(0x03, Buffer.of(0), signature));
  const lines = certificate.toString('base64').replace(/.{1,64}/g, '$&\n');
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines}-----END CERTIFICATE-----\n`,
    key: key.export({ format: 'pem', type: 'pkcs8' }).toString(),
  };
}

export function signedBy({ publicKey, privateKey }: Omit<SecondIdentity, 'id'>) {
  return (keyInfo: Buffer): SignedKey => ({
    publicKey,
    signature: sign(null, Buffer.concat([Buffer.from('libp2p-tls-handshake:'), keyInfo]), privateKey),
  });
}

const libp2pKey = Buffer.from('060a2b0601040183a25a0101', 'hex');

/** Marked as critical, which ours are not. */
function extensionOf({ publicKey, signature }: SignedKey): Buffer {
  const key = der(0x04, Buffer.from('08011220', 'hex'), Buffer.from(publicKey));
  const value = der(0x30, key, der(0x04, Buffer.from(signature)));
  return der(0x30, libp2pKey, Buffer.from('0101ff', 'hex'), der(0x04, value));
}

/** The public key of the node that signed the key of a certificate; the bytes of ours stand at the end of it. */
export function signerOf(certificate: X509Certificate): Buffer {
  const { raw, publicKey } = certificate;
  const at = raw.indexOf(libp2pKey);
  assert.ok(at > 0, 'the certificate has the extension of libp2p');
  const key = raw.subarray(raw.indexOf(Buffer.from('042408011220', 'hex'), at) + 6).subarray(0, 32);
  const signature = raw.subarray(raw.indexOf(Buffer.from('0440', 'hex'), at + 48) + 2).subarray(0, 64);
  const keyInfo = publicKey.export({ format: 'der', type: 'spki' });
  const statement = Buffer.concat([Buffer.from('libp2p-tls-handshake:'), keyInfo]);
  assert.ok(verify(null, statement, keyOf(key), signature));
  return key;
}

export function keyOf(publicKey: Uint8Array): KeyObject {
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), publicKey]);
  return createPublicKey({ key: spki, format: 'der', type: 'spki' });
}

export function der(tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}
