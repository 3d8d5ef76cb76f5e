import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after } from 'node:test';
import { promisify } from 'node:util';

export const root = resolve(import.meta.dirname, '../..');

/** The package as users get it: packed, and installed into a project that has nothing else. */
export interface Packed {
  readonly tarball: string;
  /** The folder of the project, a copy of `project` beside this file. */
  readonly project: string;
  /** The folder of the package inside. */
  readonly installed: string;
}

/** `npm run test:long -- packaging` runs every example on every runtime, every pair of them, and every bundler. */
export const isEvery = process.env.PEERLOOM_ALL_RUNTIMES !== undefined;

let made: Promise<Packed> | undefined;

/** Made once for all suites of this process: packing builds `dist` anew, so no two processes may do it at once. */
export function packed(): Promise<Packed> {
  made ??= make();
  return made;
}

async function make(): Promise<Packed> {
  const folder = await mkdtemp(join(tmpdir(), 'peerloom-package-'));
  cleanUps.push(() => rm(folder, { recursive: true, force: true }));
  const project = join(folder, 'project');
  await cp(join(import.meta.dirname, 'project'), project, { recursive: true });
  await npm(root, 'pack', '--pack-destination', folder);
  const [name] = (await readdir(folder)).filter((entry) => entry.endsWith('.tgz'));
  const tarball = join(folder, name!);
  await npm(project, 'install', '--prefer-offline', '--no-audit', '--no-fund', tarball);
  return { tarball, project, installed: join(project, 'node_modules/peerloom') };
}

const cleanUps: (() => Promise<void>)[] = [];
after(() => Promise.all(cleanUps.map((cleanUp) => cleanUp())));

function npm(cwd: string, ...args: string[]) {
  const { npm_execpath: path } = process.env;
  return path === undefined ? run(cwd, 'npm', ...args) : run(cwd, process.execPath, path, ...args);
}

/** @throws Error with all that the program printed. */
export async function run(cwd: string, command: string, ...args: string[]) {
  try {
    return await promisify(execFile)(command, args, { cwd, maxBuffer: 2 ** 24 });
  } catch (error) {
    const { message, stdout, stderr } = error as Error & { stdout: string; stderr: string };
    throw new Error(`${message}\n${stdout}\n${stderr}`);
  }
}

/** Runs a command of a development package. */
export async function bin(name: string, command: string, cwd: string, ...args: string[]) {
  const folder = join(root, 'node_modules', name);
  const { bin } = await readJson<{ bin: Record<string, string> }>(join(folder, 'package.json'));
  return run(cwd, process.execPath, join(folder, bin[command]!), ...args);
}

export async function readJson<Value>(path: string): Promise<Value> {
  return JSON.parse(await readFile(path, 'utf8')) as Value;
}

/**
 * Why the tests that need the packages of a folder beside this file are skipped; false when those are installed. The
 * build server skips nothing: there the tests fail instead.
 */
export async function reasonToSkip(folder: 'bundlers' | 'runtimes'): Promise<string | false> {
  if (folder === 'runtimes' && process.platform !== 'linux')
    return 'the other runtimes are installed on Linux only';
  const installed = join(import.meta.dirname, folder, 'node_modules/.package-lock.json');
  if (existsSync(installed) || process.env.CI === 'true') return false;
  return `not installed: node scripts/install-if-needed.js test/packaging/${folder}`;
}
