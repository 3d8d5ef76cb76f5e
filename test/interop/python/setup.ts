import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** The package that the tests run against, exactly. */
const requirement = 'p2pnetwork==1.2';

const cacheDirectory = join(import.meta.dirname, '../../../node_modules/.cache/peerloom-python');
const run = promisify(execFile);
const installTimeoutMs = 120_000;

/** A Python that has the package, or why there is none. */
export type PythonSetup = { readonly python: string } | { readonly missing: string };

let setup: Promise<PythonSetup> | undefined;

/**
 * Makes a virtual environment with the package, once for each Python version and kept between runs. Any number of
 * processes may do so at once: each builds its own, and the first to finish gives its to all.
 */
export function pythonWithPackage(): Promise<PythonSetup> {
  setup ??= findOrBuild().catch((error: Error) => ({ missing: error.message }));
  return setup;
}

async function findOrBuild(): Promise<PythonSetup> {
  const base = await findPython();
  const key = createHash('sha256').update(`${base.executable} ${base.version} ${requirement}`).digest('hex');
  const home = join(cacheDirectory, key.slice(0, 16));
  const python = pythonIn(home);
  if (!existsSync(home)) await build(base.executable, home);
  await check(python, home);
  return { python };
}

async function findPython(): Promise<{ executable: string; version: string }> {
  const names = process.platform === 'win32' ? ['python', 'python3'] : ['python3', 'python'];
  for (const name of names) {
    try {
      const code = 'import sys; print(sys.executable); print(sys.version)';
      const { stdout } = await run(name, ['-c', code]);
      const [executable, version] = stdout.split(/\r?\n/);
      if (executable) return { executable, version: version ?? '' };
    } catch {
      // The next name, if there is one.
    }
  }
  throw new Error('python3 is not installed');
}

/** Builds beside its place and moves it there when it is whole; that it holds absolute paths harms nothing here. */
async function build(python: string, home: string): Promise<void> {
  const workshop = `${home}.${process.pid}`;
  mkdirSync(cacheDirectory, { recursive: true });
  try {
    await makeEnvironment(python, workshop);
    await installPackage(pythonIn(workshop));
    moveUnlessThere(workshop, home);
  } finally {
    rmSync(workshop, { recursive: true, force: true });
  }
}

async function makeEnvironment(python: string, home: string): Promise<void> {
  try {
    await run(python, ['-m', 'venv', home], { timeout: installTimeoutMs });
  } catch (error) {
    const output = outputOf(error);
    const lacksPip = /ensurepip|python3(\.\d+)?-venv|No module named venv/.test(output);
    const advice = lacksPip
      ? 'it lacks venv with ensurepip: on Debian and Ubuntu, apt-get install python3-venv'
      : output;
    throw new Error(`${python} cannot make a virtual environment: ${advice}`);
  }
}

async function installPackage(python: string): Promise<void> {
  try {
    const options = ['--quiet', '--disable-pip-version-check', '--retries', '1'];
    await run(python, ['-m', 'pip', 'install', ...options, requirement], { timeout: installTimeoutMs });
  } catch (error) {
    throw new Error(`pip cannot install ${requirement}: ${outputOf(error)}`);
  }
}

function moveUnlessThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    // Another process was first.
    if (!existsSync(to)) throw error;
  }
}

async function check(python: string, home: string): Promise<void> {
  try {
    await run(python, ['-c', 'import p2pnetwork.node']);
  } catch (error) {
    throw new Error(`${home} is damaged, remove it: ${outputOf(error)}`);
  }
}

function pythonIn(home: string): string {
  return process.platform === 'win32' ? join(home, 'Scripts/python.exe') : join(home, 'bin/python');
}

/** The last lines of what a program said before it failed. */
function outputOf(error: unknown): string {
  const { stdout = '', stderr = '', message } = error as Error & { stdout?: string; stderr?: string };
  const lines = `${stdout}\n${stderr}`.trim().split('\n');
  return lines.slice(-3).join(' ') || message;
}
