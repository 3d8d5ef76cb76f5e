import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, beforeEach, suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../../../scripts/install-if-needed.js', import.meta.url));

/** In place of npm: says what it was asked to do, does it, and runs the script again, as npm does after an install. */
const npm = `
import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
appendFileSync('calls', process.argv[2] + '\\n');
if (existsSync('is offline')) process.exit(1);
mkdirSync('node_modules', { recursive: true });
writeFileSync('node_modules/.package-lock.json', '');
const { status } = spawnSync(process.execPath, [${JSON.stringify(script)}, '.'], { stdio: 'inherit', timeout: 5_000 });
process.exit(status ?? 1);
`;

suite('the script that installs what is missing', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'peerloom-install-'));
    writeFileSync(join(folder, 'package-lock.json'), '{}');
    writeFileSync(join(folder, 'npm.mjs'), npm);
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function run(): { status: number | null; stderr: string } {
    const PATH = `${dirname(process.execPath)}${delimiter}${process.env.PATH}`;
    const env = { ...process.env, PATH, npm_execpath: join(folder, 'npm.mjs') };
    const { status, stderr } = spawnSync(process.execPath, [script, '.'], {
      cwd: folder,
      env,
      encoding: 'utf8',
    });
    return { status, stderr };
  }

  function calls(): string[] {
    return readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n');
  }

  test('installs all, then what npm left out, once', () => {
    assert.equal(run().status, 0);
    assert.deepEqual(calls(), ['ci', 'install']);
    assert.equal(run().status, 0);
    assert.deepEqual(calls(), ['ci', 'install'], 'nothing is missing any more');
  });

  test('adds what npm left out after an install by hand', () => {
    mkdirSync(join(folder, 'node_modules'));
    writeFileSync(join(folder, 'node_modules/.package-lock.json'), '');
    assert.equal(run().status, 0);
    assert.deepEqual(calls(), ['install']);
  });

  test('installs again when the lock file is newer', () => {
    run();
    const later = Date.now() / 1000 + 10;
    utimesSync(join(folder, 'package-lock.json'), later, later);
    run();
    assert.deepEqual(calls(), ['ci', 'install', 'ci', 'install']);
  });

  test('is content with what is there, and fails where nothing is', () => {
    writeFileSync(join(folder, 'is offline'), '');
    const { status, stderr } = run();
    assert.equal(status, 1);
    assert.match(stderr, /npm ci failed in /);
    mkdirSync(join(folder, 'node_modules'));
    writeFileSync(join(folder, 'node_modules/.package-lock.json'), '');
    const later = run();
    assert.equal(later.status, 0);
    assert.match(later.stderr, /optional packages may be missing/);
  });
});
