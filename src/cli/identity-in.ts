import type { IdentityFile } from '../identity/identity-file.ts';
import { WrongUse } from './failure.ts';

/**
 * The key file that `--identity` and `--passphrase-env` name. @throws WrongUse if the file or the passphrase is
 * missing.
 */
export function identityIn(path: string | undefined, variable: string | undefined): IdentityFile | undefined {
  if (variable === undefined) return path === undefined ? undefined : { path };
  if (path === undefined)
    throw new WrongUse('--passphrase-env needs --identity: it is the passphrase of that file');
  const passphrase = process.env[variable];
  if (!passphrase)
    throw new WrongUse(`--passphrase-env: the environment variable ${variable} is empty or not set`);
  return { path, passphrase };
}
