import type { KeyObject } from 'node:crypto';
import { checkOptions, checkWellFormed, shown } from '../base/arguments.ts';
import { requiredBuiltin } from '../base/builtin.ts';
import { PeerloomError } from '../base/errors.ts';
import { Identity, prefixed } from './identity.ts';
import { createPrivateFile, readPrivateFile, replacePrivateFile } from './private-file.ts';

/** The file that keeps an identity. */
export interface IdentityFile {
  /** The file's path. Missing folders on the way to it are created. */
  readonly path: string;
  /** Encrypts the file; 1 to 1,024 bytes of UTF-8. Without it, the private key is in the file unencrypted. */
  readonly passphrase?: string | undefined;
}

/** The number that OWASP's Password Storage Cheat Sheet asks for; it takes about 0.1 s whenever the file is used. */
const pbkdf2Iterations = 600_000;

/** Node.js does not accept longer passphrases. */
const maxPassphraseBytes = 1_024;

/** A key has a few hundred bytes; the rest is room for text around it. */
const maxFileBytes = 64 * 1024;

const seedBytes = 32;

/**
 * Loads the identity in a file: PKCS#8 as PEM, encrypted or not, as `openssl pkey` reads and writes it. If the file is
 * missing, it is created with a new identity, readable for this user only. If several processes create it at once, all
 * of them get the same identity. If other users of the machine can read or change the file, a process warning says so
 * (`PEERLOOM_IDENTITY_OPEN`).
 *
 * @throws PeerloomError `ERR_IDENTITY_PASSPHRASE` if the passphrase is missing or wrong, or is given for a file that
 * is not encrypted; `ERR_IDENTITY_KIND` if the key is not Ed25519; `ERR_IDENTITY_DAMAGED` if the file holds no private
 * key; `ERR_IDENTITY_FILE` if the system refuses, or the path leads to a pipe, a device or a folder;
 * `ERR_TRANSPORT_UNAVAILABLE` outside Node.js.
 * @throws TypeError or RangeError for a path or a passphrase that cannot be one.
 */
export function loadOrCreateIdentity(file: IdentityFile): Identity {
  checkFile(file);
  const identity = load(file) ?? create(file) ?? load(file);
  if (identity === undefined)
    throw fileError(file.path, new Error('it is a symbolic link to a file that does not exist'));
  return identity;
}

/**
 * Saves an identity to a file, for example with another passphrase. An existing file is replaced as a whole: at each
 * moment the path leads to the old content or to the new one. If the path is a symbolic link, the file that it leads to
 * is replaced. Other names of the file (hard links) keep the old content.
 *
 * @throws PeerloomError `ERR_IDENTITY_FILE` if the system refuses, or the path does not lead to a regular file;
 * `ERR_TRANSPORT_UNAVAILABLE` outside Node.js.
 * @throws TypeError or RangeError for a path or a passphrase that cannot be one.
 */
export function saveIdentity(identity: Identity, file: IdentityFile): void {
  checkFile(file);
  const pem = pemOf(identity, file);
  onFile(file, () => replacePrivateFile(file.path, pem));
}

const fileNames = ['path', 'passphrase'] as const satisfies readonly (keyof IdentityFile)[];

/** Checks the options: with a misspelt one, the key would silently stay unencrypted. */
function checkFile(file: IdentityFile): void {
  checkOptions(file, fileNames, 'identity');
  const { path, passphrase } = file;
  if (typeof path !== 'string' || path === '') {
    throw new TypeError(`identity.path must be the path of a file, not ${shown(path)}`);
  }
  if (passphrase === undefined) return;
  if (typeof passphrase !== 'string' || passphrase === '') {
    throw new TypeError(
      'identity.passphrase must be a string that is not empty; leave it out for a file that is not encrypted',
    );
  }
  checkWellFormed('identity.passphrase', passphrase);
  const bytes = new TextEncoder().encode(passphrase).length;
  if (bytes > maxPassphraseBytes) {
    throw new RangeError(
      `identity.passphrase must be at most ${maxPassphraseBytes} bytes long, not ${bytes}`,
    );
  }
}

/** `undefined` if there is no such file. */
function load(file: IdentityFile): Identity | undefined {
  const content = onFile(file, () => readPrivateFile(file.path, maxFileBytes));
  if (content === undefined) return undefined;
  if (content.isOpenToOthers) warnOfOthers(file.path);
  return identityOfPem(content.text, file);
}

/** `undefined` if the file has appeared meanwhile. */
function create(file: IdentityFile): Identity | undefined {
  const identity = Identity.generate();
  const pem = pemOf(identity, file);
  return onFile(file, () => createPrivateFile(file.path, pem)) ? identity : undefined;
}

function onFile<Result>({ path }: IdentityFile, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw error instanceof PeerloomError ? error : fileError(path, error);
  }
}

/** A warning, not an error: in containers, all users can often read a mounted secret. */
function warnOfOthers(path: string): void {
  const message = `other users of this machine can read or change the identity file ${path}; restrict it: chmod 600 ${path}`;
  process.emitWarning(message, { type: 'PeerloomWarning', code: 'PEERLOOM_IDENTITY_OPEN' });
}

function identityOfPem(pem: string, { path, passphrase }: IdentityFile): Identity {
  const encrypted = /-----BEGIN ENCRYPTED PRIVATE KEY-----[^-]+-----END ENCRYPTED/.test(pem);
  if (encrypted && passphrase === undefined) {
    throw passphraseError(`${path} is encrypted; give its passphrase as identity.passphrase`);
  }
  let key: KeyObject;
  try {
    key = nodeCrypto().createPrivateKey({ key: pem, format: 'pem', passphrase });
  } catch (cause) {
    // A wrong passphrase decrypts the key to noise, which fails in the same ways as damage.
    if (encrypted) {
      throw passphraseError(`the passphrase does not open ${path}; if it is right, the file is damaged`, {
        cause,
      });
    }
    throw new PeerloomError(
      'ERR_IDENTITY_DAMAGED',
      `The identity file ${path} does not hold a private key in PKCS#8 PEM. Restore it from a copy: a new identity would have another id.`,
      { cause },
    );
  }
  if (key.asymmetricKeyType !== 'ed25519') {
    throw new PeerloomError(
      'ERR_IDENTITY_KIND',
      `The identity file ${path} holds a key of kind ${key.asymmetricKeyType}, but a node needs Ed25519. Use another path: if no file is there, the node creates one.`,
    );
  }
  if (!encrypted && passphrase !== undefined) {
    throw passphraseError(
      `${path} is not encrypted; leave the passphrase out, or encrypt the file with saveIdentity`,
    );
  }
  return Identity.fromSeed(key.export({ format: 'der', type: 'pkcs8' }).subarray(-seedBytes));
}

function pemOf(identity: Identity, { passphrase }: IdentityFile): string {
  const pkcs8 = identity.toPkcs8();
  const [label, der] =
    passphrase === undefined
      ? ['PRIVATE KEY', pkcs8]
      : ['ENCRYPTED PRIVATE KEY', encryptedPkcs8(pkcs8, passphrase)];
  const lines = Buffer.from(der)
    .toString('base64')
    .replace(/.{1,64}/g, '$&\n');
  return `-----BEGIN ${label}-----\n${lines}-----END ${label}-----\n`;
}

/**
 * EncryptedPrivateKeyInfo (RFC 5958) by PBES2 (RFC 8018): PBKDF2-HMAC-SHA256 and AES-256-CBC. Node.js can
 * write it too, but with only 2,048 iterations. 48 bytes of PKCS#8 always become 64, so the DER is a template.
 */
function encryptedPkcs8(pkcs8: Uint8Array, passphrase: string): Uint8Array {
  const { createCipheriv, pbkdf2Sync, randomBytes } = nodeCrypto();
  const salt = randomBytes(16);
  const iv = randomBytes(16);
  const key = pbkdf2Sync(passphrase, salt, pbkdf2Iterations, 32, 'sha256');
  const cipher = createCipheriv('aes-256-cbc', key, iv);
  const iterations = prefixed(`0203 ${pbkdf2Iterations.toString(16).padStart(6, '0')}`);
  const hmacSha256 = prefixed('300c 0608 2a864886f70d0209 0500');
  const pbkdf2 = prefixed('3032 0609 2a864886f70d01050c 3025 0410', salt, iterations, hmacSha256);
  const aes256Cbc = prefixed('301d 0609 60864801650304012a 0410', iv);
  const pbes2 = prefixed('3060 0609 2a864886f70d01050d 3053', pbkdf2, aes256Cbc);
  return prefixed('3081a4', pbes2, prefixed('0440', cipher.update(pkcs8), cipher.final()));
}

function passphraseError(problem: string, options?: { cause: unknown }): PeerloomError {
  return new PeerloomError('ERR_IDENTITY_PASSPHRASE', `The identity cannot be read: ${problem}.`, options);
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'this user has no permission to read and write it',
  EEXIST: 'a part of the path is not a folder',
  EISDIR: 'it is a folder; add the name of a file',
  ENOTDIR: 'a part of the path is not a folder',
  EPERM: 'this user has no permission to read and write it',
  EROFS: 'the file system is read-only; choose another path',
};

function fileError(path: string, cause: unknown): PeerloomError {
  const reason = reasons[codeOf(cause) ?? ''] ?? (cause as Error).message;
  return new PeerloomError('ERR_IDENTITY_FILE', `The identity file ${path} cannot be used: ${reason}.`, {
    cause,
  });
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

function nodeCrypto() {
  return requiredBuiltin('node:crypto', 'An identity file');
}
