import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { checkRuntime } from '../../../src/base/checked-runtime.ts';
import { memory, Node } from '../../../src/index.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';

suite('virtual time', () => {
  test('moves on only when it is told, and runs what falls due', async () => {
    const runtime = new VirtualRuntime();
    const ran: string[] = [];
    const set = (name: string, delayMs: number) =>
      runtime.setTimeout(() => void ran.push(`${name} at ${runtime.now()}`), delayMs);
    set('a', 10);
    set('b', 5);
    set('c', 10);
    set('d', 0);
    set('e', 11);
    set('f', 7).cancel();
    assert.deepEqual([ran, runtime.now(), runtime.pending], [[], 0, [0, 5, 10, 10, 11]]);
    await runtime.advance(10);
    assert.deepEqual(ran, ['d at 0', 'b at 5', 'a at 10', 'c at 10']);
    assert.deepEqual([runtime.now(), runtime.pending], [10, [1]]);
  });

  test('waits for all that follows from a timer before it runs the next', async () => {
    const runtime = new VirtualRuntime();
    const ran: string[] = [];
    runtime.setTimeout(async () => {
      for (let step = 0; step < 100; step++) await undefined;
      ran.push('what follows from the first');
      runtime.setTimeout(() => ran.push('third'), 0);
    }, 1);
    runtime.setTimeout(() => ran.push('second'), 1);
    await runtime.advance(1);
    assert.deepEqual(ran, ['what follows from the first', 'second', 'third']);
  });

  test('passes during a computation, after which what fell due runs late', async () => {
    const runtime = new VirtualRuntime();
    const ran: number[] = [];
    runtime.setTimeout(() => ran.push(runtime.now()), 5);
    runtime.compute(20);
    assert.deepEqual(ran, []);
    await runtime.advance(0);
    assert.deepEqual(ran, [20]);
  });

  test('moves on until a promise settles, and says why it does not', async () => {
    const runtime = new VirtualRuntime();
    const after = (delayMs: number) =>
      new Promise<number>((resolve) => {
        runtime.setTimeout(() => resolve(runtime.now()), delayMs);
      });
    assert.equal(await runtime.settle(after(3_600_000)), 3_600_000);
    await assert.rejects(runtime.settle(Promise.reject(new Error('its own'))), /its own/);
    await assert.rejects(runtime.settle(new Promise(() => {})), /no timer is left/);
    await assert.rejects(runtime.settle(after(2_000), 1_000), /it takes more than 1000 ms/);
    assert.equal(runtime.now(), 3_600_000);
  });

  test('moves on until a condition holds, or until nothing but watching is left', async () => {
    const runtime = new VirtualRuntime();
    let looks = 0;
    const look = (): void => {
      looks += 1;
      runtime.setTimeout(look, 10, 'watching');
    };
    look();
    runtime.setTimeout(() => runtime.setTimeout(() => {}, 25), 10);
    const dropped = runtime.setTimeout(look, 1_000, 'watching');
    assert.equal(await runtime.until(() => looks === 3), true);
    assert.deepEqual([runtime.now(), await runtime.idle(5), await runtime.idle()], [20, false, true]);
    assert.deepEqual([runtime.now(), looks, await runtime.until(() => looks === 9, 10)], [35, 4, false]);
    dropped.cancel();
    runtime.setTimeout(() => {}, 1).cancel();
    assert.equal(await runtime.idle(0), true);
    assert.equal(await new VirtualRuntime().until(() => false), false);
  });

  test('fails where a timer throws', async () => {
    const runtime = new VirtualRuntime();
    runtime.setTimeout(() => {
      throw new Error('in a timer');
    }, 1);
    await assert.rejects(runtime.advance(1), /in a timer/);
    assert.throws(() => runtime.setTimeout(() => {}, Number.NaN), RangeError);
    assert.throws(() => runtime.setTimeout(() => {}, -1), RangeError);
  });

  test('has a wall clock, which may be ahead for one node', async () => {
    const runtime = new VirtualRuntime({ wallStartMs: 1_000 });
    const node = runtime.of('a');
    assert.equal(new Date(new VirtualRuntime().wallNow()).toISOString(), '2001-01-01T00:00:00.000Z');
    await runtime.advance(5);
    node.wallOffsetMs = -3;
    assert.deepEqual([runtime.wallNow(), node.wallNow(), node.now()], [1_005, 1_002, 5]);
  });

  test('is shared by the nodes of a world, each of which has chance of its own', async () => {
    const draw = (names: string[]) => {
      const runtime = new VirtualRuntime({ seed: 5 });
      const nodes = names.map((name) => checkRuntime(runtime.of(name)));
      const rounds = [1, 2, 3].map(() => nodes.map((node) => [node.random(), ...node.randomBytes(4)]));
      return Object.fromEntries(names.map((name, index) => [name, rounds.map((round) => round[index])]));
    };
    const { b: _, ...others } = draw(['a', 'b', 'c']);
    assert.deepEqual(draw(['a', 'c']), others, 'a node less changes nothing for the others');
    const runtime = new VirtualRuntime();
    const ran: number[] = [];
    runtime.of('a').setTimeout(() => ran.push(runtime.now()), 4);
    await runtime.advance(10);
    assert.deepEqual(ran, [4]);
  });

  test('decides the keys of its nodes, of each by its name', () => {
    const idsOf = (seed: number) => {
      const world = new VirtualRuntime({ seed });
      return ['a', 'b'].map(
        (name) => new Node('virtual', 1, { runtime: world.of(name), transports: [memory()] }).id,
      );
    };
    const ids = idsOf(5);
    assert.deepEqual(idsOf(5), ids);
    assert.equal(new Set([...ids, ...idsOf(6)]).size, 4);
    assert.throws(
      () => new Node('127.0.0.1', 0, { runtime: new VirtualRuntime() }),
      /^TypeError: tcp\(\) reaches beyond this process/,
    );
  });

  test('keeps the chance of each purpose apart', () => {
    const [one, other] = [1, 2].map(() => new VirtualRuntime({ seed: 5 }).of('a'));
    one!.random('jitter');
    one!.randomBytes(3, 'ids');
    assert.equal(one!.random(), other!.random());
    assert.deepEqual(one!.randomBytes(9), other!.randomBytes(9));
  });
});
