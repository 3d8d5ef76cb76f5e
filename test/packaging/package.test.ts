import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { access, cp, glob, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { publint } from 'publint';

/** The package as users get it: packed, installed into an empty project, type-checked, run. */
suite('the packed package', () => {
  const root = resolve(import.meta.dirname, '../..');
  let folder: string;
  let project: string;
  let installed: string;
  let tarball: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'peerloom-package-'));
    project = join(folder, 'project');
    await cp(join(import.meta.dirname, 'project'), project, { recursive: true });
    await npm(root, 'pack', '--pack-destination', folder);
    const [name] = (await readdir(folder)).filter((entry) => entry.endsWith('.tgz'));
    tarball = join(folder, name!);
    await npm(project, 'install', '--prefer-offline', '--no-audit', '--no-fund', tarball);
    installed = join(project, 'node_modules/peerloom');
  });

  after(() => rm(folder, { recursive: true, force: true }));

  test('holds JavaScript, declarations and source maps whose sources are there', async () => {
    const modules = await list(installed, 'src/**/*.ts');
    assert.ok(modules.includes('src/index.ts'));
    for (const source of modules) {
      const base = source.replace(/^src\/(.*)\.ts$/, 'dist/$1');
      for (const file of [`${base}.js.map`, `${base}.d.ts.map`]) {
        const { sources } = JSON.parse(await readFile(join(installed, file), 'utf8')) as {
          sources: string[];
        };
        assert.deepEqual(
          sources.map((path) => resolve(installed, dirname(file), path)),
          [join(installed, source)],
          file,
        );
        await readFile(join(installed, file.replace(/\.map$/, '')));
      }
    }
  });

  test('holds nothing else than it should', async () => {
    const expected = new Set([
      'ARCHITECTURE.md',
      'CHANGELOG.md',
      'CONTRIBUTING.md',
      'LICENSE',
      'README.md',
      'SECURITY.md',
      'bin',
      'dist',
      'docs',
      'examples',
      'package.json',
      'src',
    ]);
    assert.deepEqual(new Set(await readdir(installed)), expected);
  });

  test('holds every page and program that its README and documents link to', async () => {
    for (const page of await list(installed, '{README.md,docs/**/*.md}')) {
      const text = await readFile(join(installed, page), 'utf8');
      for (const [, target] of text.matchAll(/\]\((?!https?:)([^)#]+)/g)) {
        const path = join(dirname(page), target!);
        // Only a clone has the tests and the benchmarks.
        if (!/^(test|bench)\b/.test(path)) await access(join(installed, path));
      }
    }
  });

  test('its examples run where they are copied to', async () => {
    await cp(join(installed, 'examples/two-nodes.ts'), join(project, 'two-nodes.ts'));
    const { stdout } = await run(project, process.execPath, 'two-nodes.ts');
    assert.match(stdout, /^bob: alice has connected\n/);
  });

  test('brings at most 30 packages, without native code or install scripts', async () => {
    const { packages } = await readJson<{ packages: Record<string, { hasInstallScript?: boolean }> }>(
      join(project, 'node_modules/.package-lock.json'),
    );
    const names = Object.keys(packages);
    assert.ok(names.includes('node_modules/peerloom'));
    assert.ok(names.length <= 30, `${names.length} packages: ${names.join(', ')}`);
    assert.deepEqual(
      names.filter((name) => packages[name]?.hasInstallScript),
      [],
    );
    assert.deepEqual(await list(project, 'node_modules/**/{*.node,binding.gyp}'), []);
  });

  test('type-checks and runs a program in TypeScript', async () => {
    await bin('typescript', 'tsc', project, '-p', '.');
    const { stdout } = await run(project, process.execPath, 'main.ts');
    assert.equal(stdout, 'speaker: {"hello":"world"}\n');
  });

  test('every subpath can be imported', async () => {
    const { name, exports } = await readJson<{ name: string; exports: Record<string, unknown> }>(
      join(installed, 'package.json'),
    );
    const subpaths = Object.keys(exports);
    assert.ok(subpaths.includes('.'));
    for (const subpath of subpaths) {
      const specifier = JSON.stringify(name + subpath.slice(1));
      const attributes = subpath.endsWith('.json') ? ", { with: { type: 'json' } }" : '';
      const program = `console.log(Object.keys(await import(${specifier}${attributes})).length > 0)`;
      const { stdout } = await run(project, process.execPath, '--input-type=module', '--eval', program);
      assert.equal(stdout, 'true\n', subpath);
    }
  });

  test('its command runs', async () => {
    const { stdout } = await run(project, process.execPath, join(installed, 'bin/peerloom.js'), '--help');
    assert.match(stdout, /Usage: peerloom/);
  });

  test('publint finds nothing', async () => {
    const { messages } = await publint({ pkgDir: installed, pack: false, level: 'suggestion' });
    assert.deepEqual(messages, []);
  });

  test('arethetypeswrong finds nothing', async () => {
    await bin('@arethetypeswrong/cli', 'attw', folder, tarball, '--profile', 'esm-only', '--no-color');
  });

  function npm(cwd: string, ...args: string[]) {
    const { npm_execpath: path } = process.env;
    return path === undefined ? run(cwd, 'npm', ...args) : run(cwd, process.execPath, path, ...args);
  }

  /** Runs a command of a development package. */
  async function bin(name: string, command: string, cwd: string, ...args: string[]) {
    const folder = join(root, 'node_modules', name);
    const { bin } = await readJson<{ bin: Record<string, string> }>(join(folder, 'package.json'));
    return run(cwd, process.execPath, join(folder, bin[command]!), ...args);
  }
});

async function run(cwd: string, command: string, ...args: string[]) {
  try {
    return await promisify(execFile)(command, args, { cwd, maxBuffer: 2 ** 24 });
  } catch (error) {
    const { message, stdout, stderr } = error as Error & { stdout: string; stderr: string };
    throw new Error(`${message}\n${stdout}\n${stderr}`);
  }
}

async function readJson<Value>(path: string): Promise<Value> {
  return JSON.parse(await readFile(path, 'utf8')) as Value;
}

async function list(cwd: string, pattern: string): Promise<string[]> {
  const found: string[] = [];
  for await (const path of glob(pattern, { cwd })) found.push(path.replaceAll('\\', '/'));
  return found;
}
