import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Data, Node, type NodeConnection } from '../../../../src/index.ts';
import type { Simulation } from '../../../../src/simulator/index.ts';
import { CheckError, type CheckOptions, check } from '../../../../src/simulator/testing/index.ts';

/** Counts what it hears from each peer, and forgets it all when a link breaks: a bug that needs a cut link to show. */
class Counter extends Node {
  heard = 0;

  override nodeMessage(_peer: NodeConnection, _data: Data): void {
    this.heard += 1;
  }

  override inboundNodeDisconnected(): void {
    this.heard = 0;
  }
}

/** Ten nodes tell the first one something; links break, and nodes crash that do not matter. */
async function everybodyCounts(world: Simulation): Promise<void> {
  const nodes = world.spawn(10, ({ host, port, options }) => new Counter(host, port, options));
  const [first, ...others] = nodes;
  await world.settle(
    Promise.all(others.map((node) => node.connectWithNode(first!.host, first!.port, { reconnect: true }))),
  );
  world.setLinks({ jitterMs: 5 });
  for (const node of others) {
    node.sendToNodes('one');
    await world.run({ seconds: 2 });
    world.pause(0.2);
    await world.run({ seconds: 1 });
    world.resume(nodes);
    world.cut(0.2);
  }
  await world.run({ seconds: 30 });
  const isCounted = (): unknown => first!.heard === others.length || `${first!.heard} were counted`;
  const endCheck = world.invariant('all are counted', isCounted);
  await world.run(0);
  // At the end of the world, all links end.
  endCheck();
}

async function failureOf(...args: Parameters<typeof check>): Promise<CheckError> {
  try {
    await check(...args);
  } catch (error) {
    if (error instanceof CheckError) return error;
    throw error;
  }
  return assert.fail('it did not fail');
}

suite('check', () => {
  test('runs a program in a world for each seed, and is silent while nothing fails', async () => {
    const seeds: number[] = [];
    const program = (world: Simulation): void => void seeds.push(world.seed);
    await check(program, { seeds: 3 });
    await check(program, { seed: 7 });
    assert.deepEqual(seeds, [1, 2, 3, 7]);
  });

  test('finds the fewest faults and nodes with which the program fails, in a call that can be pasted', async () => {
    const failure = await failureOf(everybodyCounts, { seeds: 20, latencyMs: 10, shrinkMs: 60_000 });
    assert.ok(failure.nodes.length <= 2, `${failure.nodes}`);
    assert.ok(failure.faults.length <= 1, JSON.stringify(failure.faults));
    assert.match(
      failure.message,
      /^With seed \d+, everybodyCounts fails after \d+ ms of virtual time; \d of 10 nodes and \d of 28 faults are enough\.\n/,
    );
    assert.match(failure.message, /all are counted: \d were counted/);
    assert.match(failure.message, /\n {2}[\d.]+ ms, node \d/);
    assert.ok(failure.message.endsWith(`\n\n${failure.code}\n`));
    const again = new Function('check', 'everybodyCounts', `return (async () => { ${failure.code} })()`);
    await assert.rejects(again(check, everybodyCounts), {
      name: 'CheckError',
      seed: failure.seed,
      nodes: failure.nodes,
      faults: failure.faults,
      timeMs: failure.timeMs,
      code: failure.code,
    });
  });

  test('fails where the program throws, with the last events', async () => {
    class Clumsy extends Error {}
    const failure = await failureOf(async (world) => {
      const [one, other] = world.spawn(4, ({ host, port, options }) => new Node(host, port, options));
      await world.settle(one!.connectWithNode(other!.host, other!.port));
      throw new Clumsy('oops');
    });
    assert.deepEqual([failure.seed, failure.nodes, failure.faults], [1, [0, 1], []]);
    assert.ok(failure.cause instanceof Clumsy);
    assert.match(
      failure.message,
      /\noops\nThe last events:\n(.*\n)* {2}[\d.]+ ms, node \d: outbound_node_connected \(node \d\)\n/,
    );
    assert.match(
      failure.code,
      /^await check\(program, \{\n {2}seed: 1,\n {2}nodes: \[0, 1\],\n {2}faults: \[\],\n\}\);$/,
    );
  });

  test('takes no other failure for the same', async () => {
    // With fewer nodes, it fails too, but because they are not there.
    const failure = await failureOf((world) => {
      const nodes = world.spawn(3, ({ host, port, options }) => new Node(host, port, options));
      if (nodes.length < 3) throw new RangeError('too few');
      throw new TypeError('broken');
    });
    assert.deepEqual(failure.nodes, [0, 1, 2]);
    assert.match(failure.message, /^With seed 1, the program fails after 0 ms of virtual time\.\n/);
    assert.doesNotMatch(failure.message, /The last events/);
    assert.equal(failure.code, 'await check(program, {\n  seed: 1,\n});');
  });

  test('can be told not to look for a smaller case', async () => {
    const failure = await failureOf(everybodyCounts, { seeds: 20, latencyMs: 10, shrinkMs: 0 });
    assert.equal(failure.nodes.length, 10);
    assert.equal(failure.faults.length, 28);
    assert.equal(failure.code, 'await check(everybodyCounts, {\n  seed: 1,\n  latencyMs: 10,\n});');
  });

  test('refuses options that make no sense', async () => {
    for (const options of [
      { seeds: 0 },
      { seed: 1.5 },
      { nodes: [0] },
      { shrinkMs: -1 },
      { sed: 1 },
      { loss: 2 },
    ]) {
      await assert.rejects(
        check(() => {}, options as CheckOptions),
        /^(Type|Range)Error/,
        JSON.stringify(options),
      );
    }
    await assert.rejects(check(7 as never), TypeError);
  });
});
