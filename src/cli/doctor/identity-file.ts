import { statSync } from 'node:fs';
import { messageOf } from '../../base/arguments.ts';
import { loadOrCreateIdentity } from '../../identity/identity-file.ts';
import { readPrivateFile } from '../../identity/private-file.ts';
import type { Finding } from './finding.ts';

const maxFileBytes = 65_536;

export interface GivenFile {
  readonly path: string;
  readonly passphrase?: string | undefined;
}

/** Checks whether the key file can be used, and whether other users can read it. It is neither created nor changed. */
export function identityFindings({ path, passphrase }: GivenFile): readonly Finding[] {
  const about = 'identity';
  try {
    const file = readPrivateFile(path, maxFileBytes);
    if (file === undefined) {
      const advice = `peerloom node --identity ${path} creates it, and so does peerloom keys new ${path}`;
      return [{ is: 'note', about, text: `there is no file ${path}`, advice }];
    }
    const isEncrypted = file.text.includes('ENCRYPTED PRIVATE KEY');
    const open: Finding = {
      is: 'wrong',
      about,
      text: `other users of this machine can read ${path}${isEncrypted ? '' : ', whose key is not encrypted'}`,
      advice: `chmod 600 ${path}`,
    };
    const closed: Finding = {
      is: 'ok',
      about,
      text: `only this user can read ${path}; its key is ${isEncrypted ? 'encrypted by a passphrase' : 'not encrypted'}`,
    };
    return file.isOpenToOthers ? [open] : [closed, ...keyFinding(path, passphrase, isEncrypted)];
  } catch (error) {
    return [{ is: 'wrong', about, text: `${path} cannot be read: ${messageOf(error)}` }];
  }
}

function keyFinding(path: string, passphrase: string | undefined, isEncrypted: boolean): readonly Finding[] {
  const about = 'identity';
  if (isEncrypted && passphrase === undefined) {
    const text = 'the key was not looked at, because it needs its passphrase';
    return [{ is: 'note', about, text, advice: 'name its variable with --passphrase-env' }];
  }
  try {
    const { id } = loadOrCreateIdentity({ path, ...(passphrase !== undefined && { passphrase }) });
    return [{ is: 'ok', about, text: `the key in ${path} is that of ${id}` }];
  } catch (error) {
    return [{ is: 'wrong', about, text: messageOf(error) }];
  }
}

/** Checks the clock by the time of a file. If it was written in the future, the clock is slow, or was fast then. */
export function clockByFile(path: string, nowMs: number): readonly Finding[] {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined || status.mtimeMs <= nowMs + 1_000) return [];
  return [
    {
      is: 'wrong',
      about: 'clock',
      text: `by this clock, ${path} was written in the future: the clock was set back, or was wrong then`,
      advice: 'set the clock by NTP',
    },
  ];
}
