import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';

const folder = join(import.meta.dirname, '../../../mutants/warm');
const urlOf = (name: string) => JSON.stringify(pathToFileURL(join(folder, name)).href);

interface Outcome {
  readonly name: string;
  readonly status: string;
  readonly reason?: string;
}

/** Runs a test file twice in one process, as for two mutants. */
function outcomes(t: TestContext, source: string): { outcomes: Outcome[]; lines: string[] } {
  const place = mkdtempSync(join(tmpdir(), 'warm-'));
  t.after(() => rmSync(place, { recursive: true }));
  const tested = join(place, 'a.test.mjs');
  const imports = `import { suite, test, before, after, beforeEach, afterEach } from ${urlOf('harness.ts')};`;
  writeFileSync(tested, `${imports}\nconst say = (line) => globalThis.lines.push(line);\n${source}`);
  const program = join(place, 'program.mjs');
  writeFileSync(
    program,
    `import { collect } from ${urlOf('harness.ts')};
    import { runTests } from ${urlOf('run-tests.ts')};
    globalThis.lines = [];
    const outcomes = [];
    // As the channel to the parent does: the loop would end where a test never does.
    setInterval(() => {}, 1e6);
    const tests = await collect(() => import(${JSON.stringify(pathToFileURL(tested).href)}));
    for (let time = 0; time < 2; time++)
      await runTests(tests, {
        limitMs: () => 300,
        begins: () => {},
        ended: ({ test: { name }, status, reason }) => outcomes.push({ name, status, reason }),
      });
    console.log(JSON.stringify({ outcomes, lines }));
    process.exit();`,
  );
  const { stdout, stderr } = spawnSync(process.execPath, [program], { encoding: 'utf8' });
  assert.ok(stdout, stderr);
  return JSON.parse(stdout);
}

suite('the process that runs tests of mutants', () => {
  test('runs tests again, each time with the hooks of their suites around them', (t) => {
    const { outcomes: found, lines } = outcomes(
      t,
      `suite('s', () => {
        before(() => say('before'));
        after(() => say('after'));
        beforeEach(() => say('beforeEach'));
        afterEach(() => say('afterEach'));
        test('one', (t) => { t.after(() => say('t.after')); say('one'); });
        test('two', async () => say('two'));
      });
      test('three', () => say('three'));
      test('left out', { skip: 'a reason' }, () => say('never'));`,
    );
    const names = ['s > one', 's > two', 'three', 'left out'];
    assert.deepEqual(
      found.map(({ name }) => name),
      [...names, ...names],
    );
    assert.deepEqual([found[3]!.status, found[0]!.status], ['skipped', 'passed']);
    const once = 'before beforeEach one afterEach t.after beforeEach two afterEach after three'.split(' ');
    assert.deepEqual(lines, [...once, ...once]);
  });

  test('lets a test fail that throws, rejects, leaves an error, cannot close, or never ends', (t) => {
    const { outcomes: found } = outcomes(
      t,
      `test('throws', () => { throw new Error('thrown'); });
      test('rejects', async () => { throw new Error('rejected'); });
      test('leaves an error', () => { Promise.reject(new Error('left')); });
      test('cannot close', (t) => t.after(() => { throw new Error('open'); }));
      test('never ends', () => new Promise((resolve) => setTimeout(resolve, 1e6)));
      test('passes', () => {});`,
    );
    const once = [/thrown/, /rejected/, /left/, /open/, /longer than 300 ms/, undefined];
    for (const [index, { status, reason, name }] of found.entries()) {
      const expected = once[index % once.length];
      assert.equal(status, expected === undefined ? 'passed' : 'failed', name);
      if (expected !== undefined) assert.match(reason!, expected);
    }
    assert.equal(found.length, 2 * once.length);
  });
});
