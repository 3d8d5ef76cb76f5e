import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { suite, test } from 'node:test';

const program = resolve(import.meta.dirname, '../../support/programs/leaking-test.ts');

/** Runs a test that leaves something behind, looked over at its own end or at that of its file. */
async function run(leak: string, isItsOwn: boolean): Promise<{ isPassed: boolean; output: string }> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  // It need not wait for what it leaves behind.
  const args = ['--test-force-exit', '--test-reporter=tap', program, leak, String(isItsOwn)];
  return new Promise((settle) => {
    execFile(process.execPath, args, { env }, (error, stdout, stderr) => {
      settle({ isPassed: error === null, output: `${stdout}${stderr}` });
    });
  });
}

suite('what a test leaves behind is found', { concurrency: 4 }, () => {
  for (const [leak, found, byItself] of [
    ['a timer', /left behind: 1 Timeout/, true],
    ['a timer', /left behind: 1 Timeout/, false],
    ['a server', /left behind: 1 TCPServerWrap/, true],
    ['a server', /left behind: 1 TCPServerWrap/, false],
    ['a rejection', /nobody looks/, true],
    ['a rejection', /nobody looks/, false],
    ['a listener of the process', /left behind: 1 listeners of process 'SIGHUP'/, true],
    ['a listener of a signal', /left behind: 1 listeners of signals/, true],
    ['a listener of a signal', /left behind: 1 listeners of signals/, false],
    ['a listener too many', /nothing has a listener too many/, true],
    ['a listener too many', /nothing has a listener too many/, false],
    ['a connection without its end', /what begins ends/, true],
    ['an end without its connection', /no event comes before/, true],
  ] as const) {
    test(`${leak}, at the end of ${byItself ? 'the test' : 'the file'}`, async () => {
      const { isPassed, output } = await run(leak, byItself);
      assert.equal(isPassed, false, output);
      assert.match(output, found);
    });
  }

  test('and nothing where there is nothing', async () => {
    for (const byItself of [true, false]) {
      const { isPassed, output } = await run('nothing', byItself);
      assert.ok(isPassed, output);
    }
  });
});
