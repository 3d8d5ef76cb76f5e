import { existsSync, statSync } from 'node:fs';
import type { Command } from 'commander';
import type { Identity } from '../identity/identity.ts';
import { type IdentityFile, loadOrCreateIdentity, saveIdentity } from '../identity/identity-file.ts';
import { complain, WrongUse } from './failure.ts';

interface KeysOptions {
  readonly passphraseEnv?: string;
  readonly newPassphraseEnv?: string;
  readonly open?: boolean;
}

const keysHelp = `
The file is the one that peerloom node --identity takes: an Ed25519 private key in
PKCS#8 PEM, which openssl reads too. Anybody who has the file and its passphrase can
act as that node. Without a passphrase, the key lies unencrypted in the file.

Examples:
  peerloom keys new ada.pem
  peerloom keys show ada.pem
  PASS=… peerloom keys new ada.pem --passphrase-env PASS
  PASS=… peerloom keys show ada.pem --passphrase-env PASS
  OLD=… NEW=… peerloom keys passphrase ada.pem --passphrase-env OLD --new-passphrase-env NEW`;

const passphraseOption = [
  '--passphrase-env <variable>',
  'the environment variable with the passphrase of the file',
] as const;

/** Registers `peerloom keys` and its subcommands. */
export function addKeysCommand(program: Command): void {
  const keys = program
    .command('keys')
    .description('create and show the key file of a node, and change its passphrase')
    .addHelpText('after', keysHelp);
  keys
    .command('new <file>')
    .description('create a file with a new identity; an existing file is never overwritten')
    .option(...passphraseOption)
    .action((path: string, { passphraseEnv }: KeysOptions) => {
      if (existsSync(path)) throw new WrongUse(`${path} exists already: name another file`);
      show(loadOrCreateIdentity({ path, ...passphraseIn(passphraseEnv) }));
    });
  keys
    .command('show <file>')
    .description('print the id and the public key')
    .option(...passphraseOption)
    .action((path: string, options: KeysOptions) => show(load(path, options)));
  keys
    .command('passphrase <file>')
    .description('change, add or remove the passphrase')
    .option(...passphraseOption)
    .option('--new-passphrase-env <variable>', 'the environment variable with the new passphrase')
    .option('--open', 'leave the file without a passphrase: anybody who can read it can act as this node')
    .action((path: string, options: KeysOptions) => {
      const { newPassphraseEnv, open } = options;
      if ((newPassphraseEnv === undefined) !== (open === true)) {
        throw new WrongUse('pass the new passphrase with --new-passphrase-env, or use --open for none');
      }
      const identity = load(path, options);
      const names = statSync(path).nlink;
      saveIdentity(identity, { path, ...passphraseIn(newPassphraseEnv) });
      if (names > 1) {
        complain(`${path} had other names (hard links): they still lead to the old, unchanged file`);
      }
      show(identity);
    });
}

function load(path: string, { passphraseEnv }: KeysOptions): Identity {
  if (!existsSync(path))
    throw new WrongUse(`there is no file ${path}: create it with peerloom keys new ${path}`);
  return loadOrCreateIdentity({ path, ...passphraseIn(passphraseEnv) });
}

function show({ id, publicKey }: Identity): void {
  console.log(`id          ${id}\npublic key  ${Buffer.from(publicKey).toString('hex')}`);
}

function passphraseIn(variable: string | undefined): Pick<IdentityFile, 'passphrase'> {
  if (variable === undefined) return {};
  const passphrase = process.env[variable];
  if (!passphrase) throw new WrongUse(`the environment variable ${variable} is empty or not set`);
  return { passphrase };
}
