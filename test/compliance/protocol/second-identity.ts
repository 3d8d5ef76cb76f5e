import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

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

/** A self-signed certificate, as different from the ones of src as TLS allows; both parts as PEM. */
export function certificateOf(privateKey: KeyObject, name = 'anything'): { cert: string; key: string } {
  const kind = privateKey.asymmetricKeyType!;
  const algorithm = der(0x30, Buffer.from(signatureAlgorithms[kind]!, 'hex'));
  const commonName = der(
    0x30,
    der(0x31, der(0x30, Buffer.from('0603550403', 'hex'), der(0x0c, Buffer.from(name)))),
  );
  const expired = der(
    0x30,
    ...['800101000000Z', '800102000000Z'].map((date) => der(0x17, Buffer.from(date))),
  );
  const toBeSigned = der(
    0x30,
    Buffer.from('a003020102', 'hex'),
    der(0x02, Buffer.of(7)),
    algorithm,
    commonName,
    expired,
    commonName,
    createPublicKey(privateKey).export({ format: 'der', type: 'spki' }),
  );
  const signature = sign(kind === 'ed25519' ? null : 'sha256', toBeSigned, privateKey);
  const certificate = der(0x30, toBeSigned, algorithm, der(0x03, Buffer.of(0), signature));
  const lines = certificate.toString('base64').replace(/.{1,64}/g, '$&\n');
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines}-----END CERTIFICATE-----\n`,
    key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
  };
}

function der(tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}
