import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { suite, test } from 'node:test';

const program = resolve(import.meta.dirname, '../../support/programs/misusing-pool.ts');

function run(misuse: string): { isPassed: boolean; output: string } {
  const { status, stderr } = spawnSync(process.execPath, [program, misuse], { encoding: 'utf8' });
  return { isPassed: status === 0, output: stderr };
}

suite('who misuses a pool is found, even where the error is caught', () => {
  for (const [misuse, found] of [
    ['gives back twice', /given back to its pool twice/],
    ['gives back what the pool does not need, twice', /given back to its pool twice/],
    ['gives back what is of no pool', /given back to its pool twice/],
    ['writes afterwards', /written to after it was given back/],
    ['reads afterwards', /what was read is corrupt/],
  ] as const) {
    test(misuse, () => {
      const { isPassed, output } = run(misuse);
      assert.equal(isPassed, false);
      assert.match(output, found);
    });
  }

  test('and who does not is left alone', () => {
    const { isPassed, output } = run('nothing');
    assert.ok(isPassed, output);
  });
});
