import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import '../support/look-over.ts';
import { Page } from '../support/page.ts';
import { Program } from './cli/program.ts';

const page = new Page('docs/tutorial.md');

/** The tests stay on this machine. */
const onLoopback = (source: string): string => source.replace("'0.0.0.0'", "'127.0.0.1'");

suite('docs/tutorial.md', () => {
  for (const name of ['hello.ts', 'friends.ts']) {
    test(`its ${name} prints what the page says`, async (t) => {
      const cwd = page.writeFiles(t);
      const { stdout } = await promisify(execFile)(process.execPath, [name], { cwd, timeout: 60_000 });
      assert.equal(stdout, page.outputOf(name));
    });
  }

  test('its chat carries lines both ways, and tells who joins and leaves', async (t) => {
    const start = starter(t, 'chat.ts');
    const ada = start(['ada', '0']);
    const ben = start(['ben', '0', await addressOf(ada)]);
    await ada.prints(/\* ben joined/);
    ben.type('hello\n');
    await ada.prints(/ben: hello/);
    ada.type('hello ben\n');
    await ben.prints(/ada: hello ben/);
    ben.endInput();
    await ada.prints(/\* ben left/);
    assert.equal((await ben.ended).code, 0);
  });

  test('its chat of three machines reaches everybody, and lets nobody in without the key', async (t) => {
    const start = starter(t, 'secure-chat.ts', { CHAT_KEY: 'a key for the test, long and random' });
    const ada = start(['ada', '0']);
    const ben = start(['ben', '0', await addressOf(ada)]);
    await ada.prints(/\* ben joined/);
    const cleo = start(['cleo', '0', await addressOf(ada), await addressOf(ben)]);
    await cleo.prints(/\* found ada/);
    await cleo.prints(/\* found ben/);
    cleo.type('hello both\n');
    await Promise.all([ada.prints(/cleo: hello both/), ben.prints(/cleo: hello both/)]);

    const eve = starter(t, 'secure-chat.ts', { CHAT_KEY: 'another key' })(['eve', '0', await addressOf(ada)]);
    await eve.prints(/no connection yet with 127\.0\.0\.1:\d+: .*network key/);
    eve.endInput();
    const { stdout } = await eve.ended;
    assert.doesNotMatch(stdout, /found ada/);
  });
});

function starter(t: TestContext, name: string, env: NodeJS.ProcessEnv = {}): (args: string[]) => Program {
  const cwd = page.writeFiles(t, onLoopback);
  const quiet = { NODE_OPTIONS: '--disable-warning=ExperimentalWarning' };
  return (args) => new Program(t, args, { ...quiet, ...env }, { script: join(cwd, name), cwd });
}

async function addressOf(program: Program): Promise<string> {
  const [, port] = await program.prints(/listening on port (\d+)/);
  return `127.0.0.1:${port}`;
}
