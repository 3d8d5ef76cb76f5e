import { concatBytes } from '@noble/curves/utils.js';
import { decryptAesGcm, encryptAesGcm } from '../../base/aes-gcm.ts';
import type { Data } from '../../base/data.ts';
import { PeerloomError } from '../../base/errors.ts';
import { type Runtime, systemRuntime } from '../../base/runtime.ts';
import { secretBytes } from '../../base/secret-bytes.ts';
import { sha256Hex } from '../../base/sha256.ts';
import type { Identity } from '../../identity/identity.ts';
import { type NodeIdentity, whenSigned } from '../../identity/signer.ts';
import { encodeText } from '../../wire/payloads/text.ts';
import { canonicalJson } from '../canonical-json.ts';
import { hashOf, signHash, verifyHash } from '../digest.ts';
import { hasFields, isBlob, isCount, isName } from './vault-arguments.ts';
import { maxBodyBytes, tagBytes } from './vault-limits.ts';

/** The name and state of an item. Encryption and the owner's signature bind it to the content. */
export interface ItemHeader {
  readonly owner: string;
  readonly collection: string;
  readonly item: string;
  /**
   * The version, which grows with each change of the collection. No two items of a collection have the same version.
   */
  readonly version: number;
  /** The epoch with whose key the content is encrypted. */
  readonly epoch: number;
  /** Milliseconds since 1970, by the owner's clock. */
  readonly time: number;
  /** Whether the item is deleted. Its content is then `null`. */
  readonly deleted: boolean;
  /** The name of the chunks of a large item, 32 hexadecimal digits; the text then describes them. Otherwise empty. */
  readonly blob: string;
}

/** An item as it is stored and sent. */
export interface SealedItem extends ItemHeader {
  /** The nonce, 12 bytes, the AES-256-GCM ciphertext, and its tag, 16 bytes. */
  readonly body: Uint8Array;
  /** The owner's Ed25519 signature, 64 bytes, of the hash of the header and the body's SHA-256. */
  readonly signature: Uint8Array;
}

const purpose = 'peerloom-vault-item-1';
const nonceBytes = 12;
const signatureBytes = 64;
const itemFields = [
  'owner',
  'collection',
  'item',
  'version',
  'epoch',
  'time',
  'deleted',
  'blob',
  'body',
  'signature',
] as const satisfies readonly (keyof SealedItem)[];

/** Bytes by which an item's body is longer than the text. */
export const sealBytes = nonceBytes + tagBytes;

/** What {@link sealItem} encrypts, and how. */
export interface ItemContent {
  /** The key of the epoch, 32 bytes. */
  readonly key: Uint8Array;
  readonly text: Uint8Array;
  /** The source of the random nonce. Default: the system. */
  readonly runtime?: Runtime;
}

/**
 * Encrypts the text with the epoch's key, 32 bytes, and signs the result.
 *
 * @returns a promise if the key of the identity signs asynchronously.
 */
export function sealItem(identity: Identity, header: ItemHeader, content: ItemContent): SealedItem;
export function sealItem(
  identity: NodeIdentity,
  header: ItemHeader,
  content: ItemContent,
): SealedItem | Promise<SealedItem>;
export function sealItem(
  identity: NodeIdentity,
  header: ItemHeader,
  { key, text, runtime = systemRuntime }: ItemContent,
): SealedItem | Promise<SealedItem> {
  const nonce = secretBytes(runtime, nonceBytes, 'nonces of items');
  const body = concatBytes(nonce, encryptAesGcm({ key, nonce, associated: associated(header) }, text));
  const signature = signHash(identity, purpose, signedHash(header, body));
  return whenSigned(signature, (signature) => ({ ...header, body, signature }));
}

/** @throws PeerloomError `ERR_DECRYPTION` if the key is wrong, or if the header or the body was altered. */
export function openItem(item: SealedItem, key: Uint8Array): Uint8Array {
  const { body } = item;
  try {
    const [nonce, encrypted] = [body.subarray(0, nonceBytes), body.subarray(nonceBytes)];
    return decryptAesGcm({ key, nonce, associated: associated(headerOf(item)) }, encrypted);
  } catch (cause) {
    const message = `version ${item.version} of ${item.item} cannot be decrypted with the key of epoch ${item.epoch}`;
    throw new PeerloomError('ERR_DECRYPTION', message, { cause });
  }
}

/** @throws PeerloomError `ERR_VAULT_INVALID` if the form is wrong; `ERR_SIGNATURE_INVALID`. */
export function verifyItem(item: SealedItem): void {
  const { owner, collection, item: name, version, epoch, time, deleted, blob, body, signature } = item;
  const isForm =
    hasFields(item, itemFields) &&
    isName(collection) &&
    isName(name) &&
    [version, epoch, time].every(isCount) &&
    typeof deleted === 'boolean' &&
    (blob === '' || isBlob(blob)) &&
    body instanceof Uint8Array &&
    body.length > sealBytes &&
    body.length <= maxBodyBytes &&
    signature instanceof Uint8Array &&
    signature.length === signatureBytes;
  if (!isForm) throw new PeerloomError('ERR_VAULT_INVALID', 'an item is malformed');
  if (!verifyHash(owner, purpose, signedHash(headerOf(item), body), signature)) {
    throw new PeerloomError(
      'ERR_SIGNATURE_INVALID',
      `version ${version} of ${name} was not signed by ${owner}`,
    );
  }
}

function headerOf({ body: _, signature: __, ...header }: SealedItem): ItemHeader {
  return header;
}

function associated(header: ItemHeader): Uint8Array {
  return encodeText(canonicalJson(header as unknown as Data));
}

function signedHash(header: ItemHeader, body: Uint8Array): string {
  return hashOf({ ...header, body: sha256Hex(body) });
}
