import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Fixture } from '../support/fixture.ts';
import { within } from '../support/turns.ts';

const program = fileURLToPath(new URL('../support/programs/cluster-of-nodes.ts', import.meta.url));

/** What the node in each worker of a cluster has come to: its port, or the code of its error. */
async function startCluster(
  t: TestContext,
  ports: 'any-port' | 'one-port',
): Promise<readonly (number | string)[]> {
  const child = fork(program, [ports]);
  const exited = once(child, 'exit');
  Fixture.of(t).defer(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const [results] = await within(once(child, 'message'), 'the nodes of the cluster start');
  return results;
}

test('nodes in the workers of one cluster have a port each', async (t) => {
  const [first, second] = await startCluster(t, 'any-port');
  assert.equal(typeof first, 'number');
  assert.equal(typeof second, 'number');
  assert.notEqual(first, second);
});

test('a worker of a cluster cannot listen on the port of another one', async (t) => {
  const [first, second] = await startCluster(t, 'one-port');
  assert.equal(typeof first, 'number');
  assert.equal(second, 'ERR_ADDRESS_IN_USE');
});
