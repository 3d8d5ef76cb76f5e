import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import puppeteer, { type Browser } from 'puppeteer-core';
import { chromiumPath, reasonToSkipBrowser, runInPage } from './in-page.ts';
import { isEvery, packed, reasonToSkip, run } from './packed.ts';

interface Bundling {
  readonly input: string;
  readonly output: string;
  readonly target: 'node' | 'browser';
}

type Bundlers = Record<string, (bundling: Bundling) => Promise<void>>;

const skip = await reasonToSkip('bundlers');
const names = ['esbuild', 'rollup', 'vite', 'webpack'];

/** What they do for Node.js differs little. */
const namesForNode = isEvery ? names : ['esbuild'];

suite('bundles of the packed package', { skip }, () => {
  let project: string;
  let bundlers: Bundlers;

  before(async () => {
    ({ project } = await packed());
    // The compiler must not ask for types of packages that may be missing.
    const build: string = './bundlers/build.js';
    ({ bundlers } = (await import(build)) as { bundlers: Bundlers });
    assert.deepEqual(Object.keys(bundlers), names);
  });

  for (const name of namesForNode) {
    test(`${name}, for Node.js: runs`, async () => {
      const bundle = await bundled(name, 'node-program.js', 'node');
      const { stdout, stderr } = await run(project, process.execPath, bundle);
      assert.deepEqual([stdout, stderr], ['alice: world\n', '']);
    });
  }

  test('vite, as it is by default: a page that imports Node loads at most 110 KB at its start', async () => {
    await writeFile(
      join(project, 'only-node.js'),
      `import { Node } from 'peerloom'; globalThis.Node = Node;`,
    );
    const bytes = await bytesAtStart(await bundled('vite', 'only-node.js', 'browser'));
    assert.ok(bytes > 50_000 && bytes <= 110_000, `${bytes} bytes, compressed by gzip`);
  });

  suite('for browsers', { skip: reasonToSkipBrowser }, () => {
    let chromium: Browser;
    before(async () => {
      const args = ['--no-sandbox', '--disable-dev-shm-usage'];
      chromium = await puppeteer.launch({ executablePath: chromiumPath, args });
    });
    after(() => chromium.close());

    for (const name of names) {
      test(`${name}: a page runs it, and loads what it needs later`, async () => {
        const bundle = await bundled(name, 'browser-program.js', 'browser');
        const { lines, later } = await runInPage(chromium, bundle);
        assert.deepEqual(lines, [
          'alice: world',
          'to the holders of the key',
          'ERR_TRANSPORT_UNAVAILABLE: a browser has no TCP: use webSocket(), the default there, and dial ws:// and wss:// addresses',
          'ERR_TRANSPORT_UNAVAILABLE: a browser has no files: use vault.store in the place of vault.path',
          'end',
        ]);
        assert.equal(later > 0, name !== 'esbuild', `${later} files`);
      });
    }
  });

  for (const name of isEvery ? ['esbuild', 'webpack'] : ['esbuild']) {
    test(`${name}, of a CommonJS program: runs`, async () => {
      const bundle = await bundled(name, 'node-program.cjs', 'node');
      const { stdout, stderr } = await run(project, process.execPath, bundle);
      assert.deepEqual([stdout, stderr], ['alice: world\n', '']);
    });
  }

  test('require() gives what import does', async () => {
    const { stdout, stderr } = await run(project, process.execPath, 'node-program.cjs');
    assert.deepEqual([stdout, stderr], ['alice: world\n', '']);
    const program = `
      import { createRequire } from 'node:module';
      import * as imported from 'peerloom';
      import * as secure from 'peerloom/secure';
      import * as simulator from 'peerloom/simulator';
      import * as tensors from 'peerloom/tensors';
      import * as testing from 'peerloom/testing';
      const require = createRequire(import.meta.url);
      const pairs = {
        peerloom: imported,
        'peerloom/secure': secure,
        'peerloom/simulator': simulator,
        'peerloom/tensors': tensors,
        'peerloom/testing': testing,
      };
      for (const [name, module] of Object.entries(pairs)) console.log(require(name) === module);
    `;
    const same = await run(project, process.execPath, '--input-type=module', '--eval', program);
    assert.equal(same.stdout, 'true\n'.repeat(5));
  });

  /** @returns the file made of a program of the project. */
  async function bundled(name: string, program: string, target: Bundling['target']): Promise<string> {
    const folder = join(project, 'bundles', `${name}-${program}`);
    await mkdir(folder, { recursive: true });
    const output = join(folder, target === 'node' ? 'bundle.mjs' : 'bundle.js');
    await bundlers[name]!({ input: join(project, program), output, target });
    return output;
  }
});

/** What a page loads with a module, and all that it imports by statements, compressed by gzip. */
async function bytesAtStart(path: string, counted = new Set<string>()): Promise<number> {
  if (counted.has(path)) return 0;
  counted.add(path);
  const text = await readFile(path, 'utf8');
  let bytes = gzipSync(text).length;
  for (const [, imported] of text.matchAll(/(?:\bfrom|\bimport)\s*["'](\.[^"']+)["']/g)) {
    bytes += await bytesAtStart(join(dirname(path), imported!), counted);
  }
  return bytes;
}
