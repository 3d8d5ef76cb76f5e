import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Fixture } from '../support/fixture.ts';
import { keysOfPrototypes } from '../support/programs/keys-of-prototypes.ts';
import { within } from '../support/turns.ts';

const program = fileURLToPath(new URL('../support/programs/frozen-intrinsics.ts', import.meta.url));

test('keys that frozen prototypes have as well arrive like others, and rest in a vault', async (t) => {
  const child = fork(program, { serialization: 'advanced' });
  const exited = once(child, 'exit');
  Fixture.of(t).defer(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const [lines] = (await within(once(child, 'message'), 'the nodes have talked')) as [[string, unknown][]];
  const of = (name: string): unknown[] => lines.filter(([event]) => event === name).map(([, data]) => data);
  assert.deepEqual(of('node_message_rejected'), []);
  assert.deepEqual(of('node_message'), keysOfPrototypes);
  assert.deepEqual(of('vault'), keysOfPrototypes);
});
