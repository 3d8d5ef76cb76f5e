import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import '../support/look-over.ts';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');

/** What `check` finds for each bug. */
const bugs = {
  'early-release': /^nothing is lost, doubled or moved: node \d cannot read what node \d sent/m,
  'lost-acknowledgement':
    /^nothing is lost, doubled or moved: node \d learns that \d+ lines to node \d may be lost/m,
  'wrong-tie-break': /^of two links, the one that the lower id dialled stays/m,
};

const seeds = 200;
/** Of the sources without a bug: `npm run test:long -- planted` tries 2,000. */
const faultless = Number(process.env.PEERLOOM_PLANTED ?? 0);

suite('a simulation finds a bug that is planted in the sources, and what it needs to show', {
  concurrency: true,
}, () => {
  for (const [name, problem] of Object.entries(bugs)) {
    test(name, async (t) => {
      const copy = copyOfSources(t);
      const patch = join(import.meta.dirname, `planted/${name}.patch`);
      // If the patch does not apply, the code that it breaks has changed: plant the bug there anew, with `diff -U1`.
      await run('git', ['apply', patch], { cwd: copy });
      const found = await find(copy, seeds);
      assert.ok(found !== null, `nothing in ${seeds} worlds`);
      assert.match(found.message, problem);
      assert.ok(found.nodes.length <= 3 && found.faults.length <= 3, found.message);
    });
  }

  test(`and none where none is planted: ${faultless} seeds`, {
    skip: faultless === 0 && 'a long test',
  }, async () => {
    assert.equal(await find(root, faultless), null);
  });
});

interface Found {
  readonly message: string;
  readonly nodes: readonly number[];
  readonly faults: readonly unknown[];
}

/** @param folder of the sources. */
async function find(folder: string, seeds: number): Promise<Found | null> {
  const { stdout } = await run(process.execPath, ['test/simulator/planted/find.ts', `${seeds}`], {
    cwd: folder,
  });
  return JSON.parse(stdout) as Found | null;
}

function copyOfSources(t: TestContext): string {
  const copy = mkdtempSync(join(tmpdir(), 'planted-'));
  t.after(() => rmSync(copy, { recursive: true }));
  for (const path of ['package.json', 'src', 'test/simulator']) {
    cpSync(join(root, path), join(copy, path), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'), 'junction');
  return copy;
}
