import assert from 'node:assert/strict';
import { access, cp, glob, readdir, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { before, suite, test } from 'node:test';
import { publint } from 'publint';
import './bundles.ts';
import './examples-elsewhere.ts';
import './old-node.ts';
import './runtimes.ts';
import { bin, packed, readJson, run } from './packed.ts';

/** The package as users get it: packed, installed into an empty project, type-checked, run. */
suite('the packed package', () => {
  let project: string;
  let installed: string;
  let tarball: string;

  before(async () => {
    ({ project, installed, tarball } = await packed());
  });

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
      'require',
      'src',
    ]);
    assert.deepEqual(new Set(await readdir(installed)), expected);
  });

  test('holds every page and program that its README and documents link to', async () => {
    for (const page of await list(installed, '{README.md,docs/**/*.md}')) {
      const text = await readFile(join(installed, page), 'utf8');
      for (const [, target] of text.matchAll(/\]\((?!https?:)([^)#]+)/g)) {
        const path = join(dirname(page), target!);
        // Only a clone has the tests, the benchmarks and the Python package.
        if (!/^(test|bench|python)\b/.test(path)) await access(join(installed, path));
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

  test('Node.js loads all its parts from a few files, and each class once', async () => {
    const program = `
      import { registerHooks } from 'node:module';
      let files = 0;
      registerHooks({
        load(url, context, nextLoad) {
          if (url.includes('/node_modules/peerloom/')) files++;
          return nextLoad(url, context);
        },
      });
      const { Node, memory } = await import('peerloom');
      const { SecureNode } = await import('peerloom/secure');
      const { Simulation } = await import('peerloom/simulator');
      const { TestNetwork } = await import('peerloom/testing');
      const node = new SecureNode('program', 0, { transports: [memory()] });
      console.log(node instanceof Node, files);
    `;
    const { stdout } = await run(project, process.execPath, '--input-type=module', '--eval', program);
    const [, files] = /^true (\d+)\n$/.exec(stdout) ?? [];
    assert.ok(Number(files) >= 4 && Number(files) <= 16, stdout);
  });

  test('holds modules that a page loads without a bundler', async () => {
    const folder = join(installed, 'dist/browser');
    for (const name of await list(folder, '*.js')) {
      const text = await readFile(join(folder, name), 'utf8');
      const imported = [...text.matchAll(/\b(?:from|import\(?)"([.@\w][\w@/.:-]*)"/g)].map(
        ([, path]) => path!,
      );
      for (const path of imported) assert.match(path, /^\.\/[\w-]+\.js$/, name);
    }
    const program = `
      import { Node, memory } from ${JSON.stringify(join(folder, 'peerloom.js'))};
      import { SecureNode } from ${JSON.stringify(join(folder, 'secure.js'))};
      const node = new SecureNode('page', 0, { transports: [memory()] });
      console.log(node instanceof Node);
    `;
    const { stdout } = await run(project, process.execPath, '--input-type=module', '--eval', program);
    assert.equal(stdout, 'true\n');
  });

  test('its command runs', async () => {
    const { stdout } = await run(project, process.execPath, join(installed, 'bin/peerloom.js'), '--help');
    assert.match(stdout, /Usage: peerloom/);
  });

  test('publint finds nothing', async () => {
    const { messages } = await publint({ pkgDir: installed, pack: false, level: 'suggestion' });
    // The field `imports`, which it would rather have, cannot name dist: a clone runs without.
    assert.deepEqual(
      messages.filter(({ code }) => code !== 'USE_EXPORTS_OR_IMPORTS_BROWSER'),
      [],
    );
  });

  test('arethetypeswrong finds nothing', async () => {
    await bin(
      '@arethetypeswrong/cli',
      'attw',
      dirname(tarball),
      tarball,
      '--profile',
      'esm-only',
      '--no-color',
    );
  });
});

async function list(cwd: string, pattern: string): Promise<string[]> {
  const found: string[] = [];
  for await (const path of glob(pattern, { cwd })) found.push(path.replaceAll('\\', '/'));
  return found;
}
