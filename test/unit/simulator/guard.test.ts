import assert from 'node:assert/strict';
import { scrypt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { suite, test } from 'node:test';
import { deflate, deflateSync } from 'node:zlib';
import { type Data, Node, type NodeConnection } from '../../../src/index.ts';
import { Simulation, type SimulationError, type SimulationOptions } from '../../../src/simulator/index.ts';

/** Runs a handler of a simulated node. */
async function handle(
  act: (peer: NodeConnection) => unknown,
  options: SimulationOptions = {},
): Promise<Simulation> {
  class Acting extends Node {
    override nodeMessage(peer: NodeConnection, _data: Data): unknown {
      return act(peer);
    }

    override nodeError(): void {}
  }
  const world = new Simulation(options);
  const [a, b] = world.spawn(2, ({ host, port, options }) => new Acting(host, port, options));
  const connection = await world.settle(a!.connectWithNode(b!.host, b!.port));
  connection.send('go');
  await world.run({ seconds: 60 });
  return world;
}

const forbidden: Record<string, () => unknown> = {
  'Math.random()': () => Math.random(),
  'Date.now()': () => Date.now(),
  'new Date()': () => new Date(),
  'Date()': () => Date(),
  'performance.now()': () => performance.now(),
  'setTimeout()': () => setTimeout(() => {}, 0),
  'setInterval()': () => clearInterval(setInterval(() => {}, 1)),
  'setImmediate()': () => setImmediate(() => {}),
  'AbortSignal.timeout()': () => AbortSignal.timeout(1),
  'crypto.getRandomValues()': () => crypto.getRandomValues(new Uint8Array(1)),
  'crypto.randomUUID()': () => crypto.randomUUID(),
  'crypto.subtle.digest()': () => crypto.subtle.digest('SHA-256', new Uint8Array(1)),
};

const outside: Record<string, [type: RegExp, start: () => unknown]> = {
  'a file': [/FSREQ/, () => readFile(import.meta.filename)],
  'a thread that compresses': [/ZLIB/, () => deflate('x'.repeat(10_000), () => {})],
  'a thread that computes a key': [/SCRYPT/, () => scrypt('a', 'b', 32, () => {})],
};

/** @returns the failure of the run. */
async function failureOf(run: Promise<unknown>): Promise<SimulationError> {
  return run.then(
    () => assert.fail('the run succeeds'),
    (error: unknown) => error as SimulationError,
  );
}

suite('the guard of a simulation', () => {
  for (const [name, use] of Object.entries(forbidden)) {
    test(`finds ${name}, also after an await`, async () => {
      const late = async (): Promise<unknown> => {
        for (let step = 0; step < 10; step++) await undefined;
        return use();
      };
      for (const act of [use, late]) {
        const { failure, cause } = await failureOf(handle(act));
        assert.equal(failure.invariant, 'the seed decides everything');
        assert.ok(failure.problem.startsWith(`${name} is not decided by the seed: use `));
        assert.deepEqual(failure.nodes, [1]);
        assert.match((cause as Error).stack!, /guard\.test\.ts/);
      }
      // Outside of the world, everything is as it was.
      use();
    });
  }

  for (const [name, [type, start]] of Object.entries(outside)) {
    test(`finds ${name}`, async () => {
      const { failure } = await failureOf(handle(start));
      assert.equal(failure.invariant, 'the seed decides everything');
      assert.match(failure.problem, type);
    });
  }

  test('lets nodes do what the seed decides, or needs no time', async () => {
    await handle(async () => {
      new Date(5).toISOString();
      deflateSync('x');
      await undefined;
      queueMicrotask(() => {});
      assert.ok(new Date(3) instanceof Date);
    });
    await handle(() => Math.random(), { guard: false });
  });

  test('leaves the rest of the process alone', async () => {
    const inBetween = Promise.withResolvers<number>();
    setTimeout(() => inBetween.resolve(Math.random() + Date.now()), 1);
    let turns = 0;
    const before = Date;
    const world = await handle(async (peer) => {
      while (turns++ < 2_000) await peer.ping();
    });
    await inBetween.promise;
    assert.ok(world.now > 0);
    assert.ok(Object.getOwnPropertyDescriptor(globalThis, 'Date')!.value === before);
  });

  test('watches over factories as well', () => {
    const world = new Simulation();
    const spawn = () =>
      world.spawn(1, ({ host, options }) => new Node(host, Math.floor(Math.random() * 1_000), options));
    assert.throws(spawn, /^Error: Math\.random\(\) is not decided by the seed/);
    assert.ok(Math.random() < 1);
  });

  test('is of one world at a time', async () => {
    const [good, bad] = await Promise.allSettled([handle(() => {}), handle(() => Math.random())]);
    assert.deepEqual([good.status, bad.status], ['fulfilled', 'rejected']);
  });
});
