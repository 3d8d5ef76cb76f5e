import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const cacheDirectory = join(import.meta.dirname, '../../node_modules/.cache/peerloom-python');
const run = promisify(execFile);
const defaultTimeoutMs = 120_000;

/** A Python that has the packages, or why there is none. */
export type PythonSetup = { readonly python: string } | { readonly missing: string };

/** What a virtual environment of Python must have. */
export interface PythonPackages {
  /** For pip, each as one argument. */
  readonly requirements: readonly string[];
  /** A module that can be imported once they are installed. */
  readonly module: string;
  /** What else the environment depends on, such as the content of a file. */
  readonly key?: string;
  /** The lowest Python that they run on, such as `[3, 11]`. */
  readonly atLeast?: readonly [number, number];
  /** How long pip may take; default two minutes. */
  readonly installTimeoutMs?: number;
}

const setups = new Map<string, Promise<PythonSetup>>();

/**
 * Makes a virtual environment with the packages, once for each Python version and kept between runs. Any number of
 * processes may do so at once: each builds its own, and the first to finish gives its to all.
 */
export function pythonWith(packages: PythonPackages): Promise<PythonSetup> {
  const name = JSON.stringify(packages);
  let setup = setups.get(name);
  if (setup === undefined) {
    setup = findOrBuild(packages).catch((error: Error) => ({ missing: error.message }));
    setups.set(name, setup);
  }
  return setup;
}

async function findOrBuild(packages: PythonPackages): Promise<PythonSetup> {
  const { requirements, module, key = '', atLeast = [3, 0] } = packages;
  const timeout = packages.installTimeoutMs ?? defaultTimeoutMs;
  const base = await findPython();
  const [major = 0, minor = 0] = base.version.split('.').map((part) => Number.parseInt(part, 10));
  if (major < atLeast[0] || (major === atLeast[0] && minor < atLeast[1])) {
    throw new Error(`python3 is Python ${major}.${minor}, and ${module} needs ${atLeast.join('.')} or later`);
  }
  const whole = `${base.executable} ${base.version} ${requirements.join(' ')}${key}`;
  const home = join(cacheDirectory, createHash('sha256').update(whole).digest('hex').slice(0, 16));
  const python = pythonIn(home);
  if (!existsSync(home)) await build(base.executable, home, { requirements, timeout });
  await check(python, home, module);
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

interface Installing {
  readonly requirements: readonly string[];
  /** In milliseconds. */
  readonly timeout: number;
}

/** Builds beside its place and moves it there when it is whole; that it holds absolute paths harms nothing here. */
async function build(python: string, home: string, packages: Installing): Promise<void> {
  const workshop = `${home}.${process.pid}`;
  mkdirSync(cacheDirectory, { recursive: true });
  try {
    await makeEnvironment(python, workshop);
    await installPackages(pythonIn(workshop), packages);
    moveUnlessThere(workshop, home);
  } finally {
    rmSync(workshop, { recursive: true, force: true });
  }
}

async function makeEnvironment(python: string, home: string): Promise<void> {
  try {
    await run(python, ['-m', 'venv', home], { timeout: defaultTimeoutMs });
  } catch (error) {
    const output = outputOf(error);
    const lacksPip = /ensurepip|python3(\.\d+)?-venv|No module named venv/.test(output);
    const advice = lacksPip
      ? 'it lacks venv with ensurepip: on Debian and Ubuntu, apt-get install python3-venv'
      : output;
    throw new Error(`${python} cannot make a virtual environment: ${advice}`);
  }
}

async function installPackages(python: string, { requirements, timeout }: Installing): Promise<void> {
  try {
    const options = ['--quiet', '--disable-pip-version-check', '--retries', '1'];
    await run(python, ['-m', 'pip', 'install', ...options, ...requirements], { timeout });
  } catch (error) {
    throw new Error(`pip cannot install ${requirements.join(' ')}: ${outputOf(error)}`);
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

async function check(python: string, home: string, module: string): Promise<void> {
  try {
    await run(python, ['-c', `import ${module}`]);
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
