import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { Identity } from '../../../src/identity/identity.ts';
import { loadOrCreateIdentity, saveIdentity } from '../../../src/identity/identity-file.ts';
import { deviceIn } from '../../support/device.ts';

const passphrase = 'correct-horse';

/** One Ed25519 key, written by OpenSSL 3.0: `genpkey -algorithm ed25519`, then `pkcs8 -topk8`, then the same with `-scrypt`. */
const byOpenssl = {
  publicKey: 'bb8b710543ae6e475d160ed0f37ad95de1b99871cd6c51b52203efb7ceaeee2b',
  plain: `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEILU3DGKXpB9YJiuvbx3uah8wz48hjZihh/UoLjzoxMo+
-----END PRIVATE KEY-----
`,
  pbkdf2: `-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAicaLp9dHDjugICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEGbt+dxNGwMOYzvpNCzZIMoEQPCb
pTMLW1FWDrRPPat7I2SRZ379wIFUEoYC6A9gCFZTctXNZ0XPvxL5fRZnV/JMPQCs
TJzVrYiNSOh8TukgyXA=
-----END ENCRYPTED PRIVATE KEY-----
`,
  scrypt: `-----BEGIN ENCRYPTED PRIVATE KEY-----
MIGTME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAiWOf7kOonxGAICQAAC
AQgCAQEwHQYJYIZIAWUDBAEqBBC7+x45k1fgUBrU4d1MK0BwBECBukvGDyTtacEA
vKZEPx0NDngLsCOw4pItEl2yrimrEwoIGeSuDDeQ6BVFPTNq8e1ubG6bvjHRtOCk
oiCaMUEM
-----END ENCRYPTED PRIVATE KEY-----
`,
};

const ecKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgnR3TV6PTnLIMa3a4
VsajaufjEGMAxTWgtTqmEZKtteShRANCAAQED1hcmig2bAklwArbuDvxDgPqFXsF
8wJMyFWf2Et43ccMp71xayhZR+gGysbjtlW6CcRa9Kc9ejqIXBoDP0az
-----END PRIVATE KEY-----
`;

describe('a missing file', () => {
  test('is created with its folders, for this user alone, and read from then on', (t) => {
    const folder = temporaryFolder(t);
    const file = { path: path.join(folder, 'deep', 'er', 'identity.pem') };
    const created = loadOrCreateIdentity(file);
    assert.equal(loadOrCreateIdentity(file).id, created.id);
    assert.deepEqual(fs.readdirSync(path.dirname(file.path)), ['identity.pem']);
    if (process.platform === 'win32') return;
    assert.equal(fs.statSync(file.path).mode & 0o777, 0o600);
    assert.equal(fs.statSync(path.dirname(file.path)).mode & 0o777, 0o700);
  });

  test('is created encrypted when there is a passphrase', (t) => {
    const file = { path: path.join(temporaryFolder(t), 'identity.pem'), passphrase: 'pässphrase' };
    const created = loadOrCreateIdentity(file);
    assert.equal(loadOrCreateIdentity(file).id, created.id);
    const pem = fs.readFileSync(file.path, 'utf8');
    assert.match(
      pem,
      /^-----BEGIN ENCRYPTED PRIVATE KEY-----\n(.{64}\n){3}.{32}\n-----END ENCRYPTED PRIVATE KEY-----\n$/,
    );
  });

  test('that another process has created meanwhile is kept and read', (t) => {
    const file = { path: path.join(temporaryFolder(t), 'identity.pem') };
    const { linkSync } = fs;
    t.mock.method(fs, 'linkSync', (from: string, to: string) => {
      fs.writeFileSync(to, byOpenssl.plain, { mode: 0o600 });
      linkSync(from, to);
    });
    assert.equal(publicKeyOf(loadOrCreateIdentity(file)), byOpenssl.publicKey);
    assert.equal(fs.readFileSync(file.path, 'utf8'), byOpenssl.plain);
    assert.deepEqual(fs.readdirSync(path.dirname(file.path)), ['identity.pem']);
  });

  test('is created also where the file system has no hard links', (t) => {
    const file = { path: path.join(temporaryFolder(t), 'identity.pem') };
    t.mock.method(fs, 'linkSync', () => {
      throw systemError('EPERM');
    });
    const created = loadOrCreateIdentity(file);
    assert.equal(loadOrCreateIdentity(file).id, created.id);
    assert.deepEqual(fs.readdirSync(path.dirname(file.path)), ['identity.pem']);
    if (process.platform !== 'win32') assert.equal(fs.statSync(file.path).mode & 0o777, 0o600);
  });
});

describe('a file that is there', () => {
  for (const kind of ['plain', 'pbkdf2', 'scrypt'] as const) {
    test(`written by OpenSSL is read: ${kind}`, (t) => {
      const file = fileOf(t, byOpenssl[kind]);
      const identity = loadOrCreateIdentity(kind === 'plain' ? file : { ...file, passphrase });
      assert.equal(publicKeyOf(identity), byOpenssl.publicKey);
    });
  }

  test('may have the line ends of Windows, and text around the key', (t) => {
    const file = fileOf(t, `my key\r\n${byOpenssl.pbkdf2.replaceAll('\n', '\r\n')}\r\n`);
    assert.equal(publicKeyOf(loadOrCreateIdentity({ ...file, passphrase })), byOpenssl.publicKey);
  });

  test('is never changed by reading', (t) => {
    for (const content of [byOpenssl.plain, byOpenssl.pbkdf2, '', 'junk']) {
      const file = fileOf(t, content);
      try {
        loadOrCreateIdentity(file);
      } catch {}
      assert.equal(fs.readFileSync(file.path, 'utf8'), content);
    }
  });
});

describe('what is written is read by others', () => {
  const identity = Identity.generate();
  const files = { plain: {}, encrypted: { passphrase } };
  for (const [kind, options] of Object.entries(files)) {
    test(`Node.js: ${kind}`, (t) => {
      const file = { path: path.join(temporaryFolder(t), 'identity.pem'), ...options };
      saveIdentity(identity, file);
      const key = createPrivateKey({ key: fs.readFileSync(file.path), format: 'pem', ...options });
      assert.deepEqual(Uint8Array.from(key.export({ format: 'der', type: 'pkcs8' })), identity.toPkcs8());
    });

    const missing = spawnSync('openssl', ['version']).error !== undefined && 'openssl is not installed';
    test(`OpenSSL: ${kind}`, { skip: missing }, (t) => {
      const file = { path: path.join(temporaryFolder(t), 'identity.pem'), ...options };
      saveIdentity(identity, file);
      const pkey = spawnSync('openssl', [
        'pkey',
        '-in',
        file.path,
        '-passin',
        `pass:${passphrase}`,
        '-pubout',
        '-outform',
        'DER',
      ]);
      assert.equal(pkey.stdout.subarray(-32).toString('hex'), publicKeyOf(identity), pkey.stderr.toString());
      if (kind === 'plain') return;
      const structure = spawnSync('openssl', ['asn1parse', '-in', file.path]).stdout.toString();
      for (const part of [/:PBES2\n/, /:PBKDF2\n/, /:0927C0\n/, /:hmacWithSHA256\n/, /:aes-256-cbc\n/]) {
        assert.match(structure, part);
      }
    });
  }

  test('the same key and passphrase are never encrypted to the same bytes', (t) => {
    const file = { path: path.join(temporaryFolder(t), 'identity.pem'), passphrase };
    const contents = [0, 1].map(() => {
      saveIdentity(identity, file);
      const pem = fs.readFileSync(file.path, 'utf8');
      return Buffer.from(pem.replaceAll(/-----.*-----/g, ''), 'base64');
    });
    const fields = { salt: [35, 51], initializationVector: [85, 101], ciphertext: [103, 167] } as const;
    for (const [name, [start, end]] of Object.entries(fields)) {
      assert.notDeepEqual(contents[0]!.subarray(start, end), contents[1]!.subarray(start, end), name);
    }
  });
});

describe('saveIdentity', () => {
  test('changes the passphrase', (t) => {
    const file = fileOf(t, byOpenssl.plain);
    saveIdentity(loadOrCreateIdentity(file), { ...file, passphrase });
    assert.equal(publicKeyOf(loadOrCreateIdentity({ ...file, passphrase })), byOpenssl.publicKey);
    assert.throws(() => loadOrCreateIdentity(file), { code: 'ERR_IDENTITY_PASSPHRASE' });
    saveIdentity(loadOrCreateIdentity({ ...file, passphrase }), file);
    assert.equal(publicKeyOf(loadOrCreateIdentity(file)), byOpenssl.publicKey);
  });

  test('leaves the old content, and no litter, when the new one cannot be put in place', (t) => {
    const file = fileOf(t, byOpenssl.plain);
    t.mock.method(fs, 'renameSync', () => {
      throw systemError('EACCES');
    });
    assert.throws(() => saveIdentity(Identity.generate(), file), { code: 'ERR_IDENTITY_FILE' });
    assert.equal(fs.readFileSync(file.path, 'utf8'), byOpenssl.plain);
    assert.deepEqual(fs.readdirSync(path.dirname(file.path)), ['identity.pem']);
  });
});

const onWindows = process.platform === 'win32';

describe('a file that is a symbolic link', { skip: onWindows && 'links need privileges' }, () => {
  test('is read, and a new passphrase reaches the file that the link leads to', (t) => {
    const file = fileOf(t, byOpenssl.plain);
    const link = { path: path.join(temporaryFolder(t), 'link.pem') };
    fs.symlinkSync(file.path, link.path);
    saveIdentity(loadOrCreateIdentity(link), { ...link, passphrase });
    assert.ok(fs.lstatSync(link.path).isSymbolicLink());
    assert.match(fs.readFileSync(file.path, 'utf8'), /^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
    assert.equal(publicKeyOf(loadOrCreateIdentity({ ...file, passphrase })), byOpenssl.publicKey);
    assert.deepEqual(fs.readdirSync(path.dirname(file.path)), ['identity.pem']);
    assert.deepEqual(fs.readdirSync(path.dirname(link.path)), ['link.pem']);
  });

  test('is not replaced when it leads nowhere', (t) => {
    const file = { path: path.join(temporaryFolder(t), 'identity.pem') };
    fs.symlinkSync('nowhere', file.path);
    const error = {
      code: 'ERR_IDENTITY_FILE',
      message: /it is a symbolic link to a file that does not exist\.$/,
    };
    assert.throws(() => saveIdentity(Identity.generate(), file), error);
    assert.deepEqual(fs.readdirSync(path.dirname(file.path)), ['identity.pem']);
  });
});

describe('what is not a regular file', { skip: onWindows && 'there are no such files' }, () => {
  const error = {
    code: 'ERR_IDENTITY_FILE',
    message: /it is a pipe, a socket or a device; use a regular file\.$/,
  };

  test('a pipe is refused at once, though nobody writes to it', (t) => {
    const file = { path: path.join(temporaryFolder(t), 'identity.pem') };
    assert.equal(spawnSync('mkfifo', [file.path]).status, 0);
    const source = `
      import { loadOrCreateIdentity } from ${JSON.stringify(import.meta.resolve('../../../src/identity/identity-file.ts'))};
      try { loadOrCreateIdentity(${JSON.stringify(file)}); } catch (error) { console.log(error.code, error.message); }`;
    const args = ['--input-type=module', '-e', source];
    const { stdout, signal } = spawnSync(process.execPath, args, { timeout: 30_000, killSignal: 'SIGKILL' });
    assert.equal(signal, null, 'it did not wait');
    assert.match(stdout.toString(), /^ERR_IDENTITY_FILE .* it is a pipe/);
    assert.throws(() => saveIdentity(Identity.generate(), file), error);
    assert.ok(fs.lstatSync(file.path).isFIFO(), 'it is still there');
  });

  test('a file that becomes a pipe after it was looked at is not waited for', (t) => {
    const file = fileOf(t, byOpenssl.plain);
    const { openSync } = fs;
    t.mock.method(fs, 'openSync', (name: string, flags: number) => {
      fs.rmSync(name);
      spawnSync('mkfifo', [name]);
      return openSync(name, flags);
    });
    assert.throws(() => loadOrCreateIdentity(file), error);
  });

  test('a device is neither read nor replaced', (t) => {
    const link = { path: path.join(temporaryFolder(t), 'identity.pem') };
    const device = deviceIn(temporaryFolder(t));
    fs.symlinkSync(device, link.path);
    assert.throws(() => loadOrCreateIdentity(link), error);
    assert.throws(() => saveIdentity(Identity.generate(), link), error);
    assert.ok(fs.statSync(device).isCharacterDevice());
  });
});

describe('a file that other users can get at', { skip: onWindows && 'rights are not in the mode' }, () => {
  /** The modes of files of which the process warns. */
  async function warned(t: TestContext, modes: readonly number[], content: string): Promise<string[]> {
    const warnings: string[] = [];
    const listener = ({ name, message, code }: Error & { code?: string }): void => {
      assert.deepEqual([name, code], ['PeerloomWarning', 'PEERLOOM_IDENTITY_OPEN']);
      warnings.push(/identity-(\d+)\.pem; restrict it: chmod 600 /.exec(message)![1]!);
    };
    process.on('warning', listener);
    t.after(() => process.off('warning', listener));
    const folder = temporaryFolder(t);
    for (const mode of modes) {
      const file = { path: path.join(folder, `identity-${mode.toString(8)}.pem`) };
      fs.writeFileSync(file.path, content);
      fs.chmodSync(file.path, mode);
      loadOrCreateIdentity(content === byOpenssl.plain ? file : { ...file, passphrase });
    }
    await new Promise((resolve) => setImmediate(resolve));
    return warnings;
  }

  test('is read with a warning, whether they can read it or write to it', async (t) => {
    const modes = [0o640, 0o604, 0o620, 0o602, 0o644, 0o600, 0o400];
    assert.deepEqual(await warned(t, modes, byOpenssl.plain), ['640', '604', '620', '602', '644']);
  });

  test('is read with a warning also when it is encrypted', async (t) => {
    assert.deepEqual(await warned(t, [0o644, 0o600], byOpenssl.pbkdf2), ['644']);
  });
});

describe('on the disk', () => {
  /** The folders whose names were synced, with the files that were in them at that moment. */
  function watchSyncs(t: TestContext): Map<string, string[]> {
    const synced = new Map<string, string[]>();
    const opened = new Map<number, string>();
    const { fsyncSync, openSync } = fs;
    t.mock.method(fs, 'openSync', (...args: Parameters<typeof openSync>) => {
      const descriptor = openSync(...args);
      opened.set(descriptor, String(args[0]));
      return descriptor;
    });
    t.mock.method(fs, 'fsyncSync', (descriptor: number) => {
      const name = opened.get(descriptor)!;
      if (fs.statSync(name).isDirectory()) synced.set(name, fs.readdirSync(name));
      fsyncSync(descriptor);
    });
    return synced;
  }

  test('the name of a new file, and of each new folder, is synced', {
    skip: onWindows && 'it cannot be',
  }, (t) => {
    const folder = temporaryFolder(t);
    const synced = watchSyncs(t);
    loadOrCreateIdentity({ path: path.join(folder, 'deep', 'er', 'identity.pem') });
    const inFolders = [folder, path.join(folder, 'deep'), path.join(folder, 'deep', 'er')].map((one) => {
      return synced.get(one)?.filter((name) => !name.endsWith('.tmp'));
    });
    assert.deepEqual(inFolders, [['deep'], ['er'], ['identity.pem']]);
  });

  test('the name is synced once the new content has it', { skip: onWindows && 'it cannot be' }, (t) => {
    const file = fileOf(t, byOpenssl.plain);
    const synced = watchSyncs(t);
    saveIdentity(Identity.generate(), file);
    assert.deepEqual(synced.get(path.dirname(file.path)), ['identity.pem']);
  });

  test('a system that cannot sync folders is no hindrance, a disk that fails is told', (t) => {
    let code = '';
    t.mock.method(fs, 'fsyncSync', (descriptor: number) => {
      if (fs.fstatSync(descriptor).isDirectory()) throw systemError(code);
    });
    const file = fileOf(t, byOpenssl.plain);
    for (code of ['EISDIR', 'EPERM', 'EINVAL']) saveIdentity(Identity.generate(), file);
    code = 'EIO';
    const error = { code: 'ERR_IDENTITY_FILE', message: /EIO: said by the system\.$/ };
    assert.throws(() => saveIdentity(Identity.generate(), file), error);
  });
});

describe('errors', () => {
  const refused = (t: TestContext, content: string, options: { passphrase?: string }, error: object) => {
    const file = fileOf(t, content);
    assert.throws(() => loadOrCreateIdentity({ ...file, ...options }), { name: 'PeerloomError', ...error });
  };

  test('a missing passphrase', (t) => {
    const message = /is encrypted; give its passphrase as identity\.passphrase\.$/;
    refused(t, byOpenssl.pbkdf2, {}, { code: 'ERR_IDENTITY_PASSPHRASE', message });
  });

  test('a wrong passphrase, also when its noise has valid padding by chance', (t) => {
    const message = /the passphrase does not open .*; if it is right, the file is damaged\.$/;
    const chance = Array.from({ length: 2_000 }, (_, count) => `wrong ${count}`).find((candidate) => {
      try {
        createPrivateKey({ key: byOpenssl.pbkdf2, format: 'pem', passphrase: candidate });
      } catch (error) {
        return (error as NodeJS.ErrnoException).code !== 'ERR_OSSL_BAD_DECRYPT';
      }
      return false;
    });
    assert.ok(chance, 'one in 256 has');
    for (const wrong of ['wrong', chance]) {
      refused(t, byOpenssl.pbkdf2, { passphrase: wrong }, { code: 'ERR_IDENTITY_PASSPHRASE', message });
    }
  });

  test('a passphrase for a file that it does not protect', (t) => {
    const message = /is not encrypted; leave the passphrase out, or encrypt the file with saveIdentity\.$/;
    refused(t, byOpenssl.plain, { passphrase }, { code: 'ERR_IDENTITY_PASSPHRASE', message });
  });

  test('no message shows the passphrase', (t) => {
    for (const content of [byOpenssl.plain, byOpenssl.pbkdf2, ecKey, 'junk']) {
      const file = { ...fileOf(t, content), passphrase: 'not-the-right-one' };
      assert.throws(
        () => loadOrCreateIdentity(file),
        (error) => !`${(error as Error).stack}${(error as Error).cause}`.includes(file.passphrase),
      );
    }
  });

  test('a key of another kind', (t) => {
    const message = /holds a key of kind ec, but a node needs Ed25519/;
    refused(t, ecKey, {}, { code: 'ERR_IDENTITY_KIND', message });
  });

  const damaged = {
    'an empty file': '',
    'any text': 'hello\n',
    'half a key': byOpenssl.plain.slice(0, 60),
    'half an encrypted key': byOpenssl.pbkdf2.slice(0, 200),
    'a public key': `-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
`,
  };
  for (const [what, content] of Object.entries(damaged)) {
    for (const options of [{}, { passphrase }]) {
      test(`${what}, ${'passphrase' in options ? 'with' : 'without'} a passphrase`, (t) => {
        const message = /does not hold a private key in PKCS#8 PEM\. Restore it/;
        refused(t, content, options, { code: 'ERR_IDENTITY_DAMAGED', message });
      });
    }
  }

  test('a file that is much too large for a key', (t) => {
    const file = fileOf(t, byOpenssl.plain + '#'.repeat(64 * 1024));
    const error = {
      code: 'ERR_IDENTITY_FILE',
      message: /it has 65655 bytes, but at most 65536 are allowed\.$/,
    };
    assert.throws(() => loadOrCreateIdentity(file), error);
  });

  test('a folder', (t) => {
    const folder = temporaryFolder(t);
    const error = { code: 'ERR_IDENTITY_FILE', message: /it is a folder; add the name of a file\.$/ };
    assert.throws(() => loadOrCreateIdentity({ path: folder }), error);
    assert.throws(() => saveIdentity(Identity.generate(), { path: folder }), error);
  });

  test('a file where the path needs a folder', (t) => {
    const file = { path: path.join(fileOf(t, 'text').path, 'identity.pem') };
    const error = { code: 'ERR_IDENTITY_FILE', message: /a part of the path is not a folder\.$/ };
    assert.throws(() => loadOrCreateIdentity(file), error);
    assert.throws(() => saveIdentity(Identity.generate(), file), error);
  });

  test('a link that leads nowhere', {
    skip: onWindows && 'links need privileges',
  }, (t) => {
    const file = { path: path.join(temporaryFolder(t), 'identity.pem') };
    fs.symlinkSync('nowhere', file.path);
    const error = {
      code: 'ERR_IDENTITY_FILE',
      message: /it is a symbolic link to a file that does not exist\.$/,
    };
    assert.throws(() => loadOrCreateIdentity(file), error);
  });

  test('a file of somebody else', (t) => {
    const file = fileOf(t, byOpenssl.plain);
    t.mock.method(fs, 'readFileSync', () => {
      throw systemError('EACCES');
    });
    const error = {
      code: 'ERR_IDENTITY_FILE',
      message: /this user has no permission to read and write it\.$/,
    };
    assert.throws(() => loadOrCreateIdentity(file), error);
  });

  test('a reason without words of our own: those of the system', (t) => {
    const file = { path: path.join(temporaryFolder(t), 'identity.pem') };
    t.mock.method(fs, 'writeFileSync', () => {
      throw systemError('ENOSPC');
    });
    const error = { code: 'ERR_IDENTITY_FILE', message: /ENOSPC: said by the system\.$/ };
    assert.throws(() => loadOrCreateIdentity(file), error);
  });

  test('a runtime without files', (t) => {
    t.mock.method(process, 'getBuiltinModule', () => undefined);
    for (const options of [{}, { passphrase }]) {
      const file = { path: 'identity.pem', ...options };
      assert.throws(() => loadOrCreateIdentity(file), { code: 'ERR_TRANSPORT_UNAVAILABLE' });
      assert.throws(() => saveIdentity(Identity.generate(), file), { code: 'ERR_TRANSPORT_UNAVAILABLE' });
    }
  });

  test('arguments that cannot be right', (t) => {
    const file = { path: path.join(temporaryFolder(t), 'identity.pem') };
    for (const wrong of ['', 7, undefined]) {
      const error = { name: 'TypeError', message: /^identity\.path must be the path of a file, not / };
      assert.throws(() => loadOrCreateIdentity({ path: wrong as never }), error);
    }
    for (const wrong of ['', 7, null]) {
      const error = {
        name: 'TypeError',
        message: /^identity\.passphrase must be a string that is not empty/,
      };
      assert.throws(() => loadOrCreateIdentity({ ...file, passphrase: wrong as never }), error);
    }
    assert.throws(() => loadOrCreateIdentity({ ...file, passphrase: 'ä'.repeat(513) }), {
      name: 'RangeError',
      message: 'identity.passphrase must be at most 1024 bytes long, not 1026',
    });
    // All halves of surrogate pairs become one character: two passphrases would open one file.
    for (const half of ['secret \ud800', 'secret \udc01']) {
      assert.throws(() => loadOrCreateIdentity({ ...file, passphrase: half }), {
        name: 'TypeError',
        message: 'identity.passphrase must be well-formed Unicode; it holds half of a surrogate pair',
      });
    }
    const misspelt = { ...file, pasphrase: 'a' };
    const error = {
      name: 'TypeError',
      message:
        /^identity\.pasphrase is not an option; did you mean 'passphrase'\? The options are path, passphrase$/,
    };
    assert.throws(() => loadOrCreateIdentity(misspelt), error);
    assert.throws(() => saveIdentity(Identity.generate(), misspelt), error);
    assert.equal(fs.existsSync(file.path), false);
  });

  test('a passphrase of the greatest length is no error', (t) => {
    const file = { path: path.join(temporaryFolder(t), 'identity.pem'), passphrase: 'ä'.repeat(512) };
    const created = loadOrCreateIdentity(file);
    assert.equal(loadOrCreateIdentity(file).id, created.id);
  });
});

function temporaryFolder(t: TestContext): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'peerloom-identity-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  return folder;
}

function fileOf(t: TestContext, content: string): { path: string } {
  const file = { path: path.join(temporaryFolder(t), 'identity.pem') };
  fs.writeFileSync(file.path, content, { mode: 0o600 });
  return file;
}

function publicKeyOf(identity: Identity): string {
  return Buffer.from(identity.publicKey).toString('hex');
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: said by the system`), { code });
}
