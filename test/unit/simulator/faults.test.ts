import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Data, Node, type NodeConnection } from '../../../src/index.ts';
import { Simulation, type SimulationOptions } from '../../../src/simulator/index.ts';

/** Writes down what it hears, and when. */
class ListeningNode extends Node {
  readonly heard: string[] = [];
  readonly ends: string[] = [];
  readonly wallTimes: number[] = [];
  wallNow = (): number => 0;
  now = (): number => 0;

  override nodeMessage(_peer: NodeConnection, data: Data): void {
    this.heard.push(`${data} at ${this.now()}`);
    this.wallTimes.push(this.wallNow());
  }

  override outboundNodeDisconnected(peer: NodeConnection): void {
    this.ends.push(`${peer.closeReason?.code} at ${this.now()}`);
  }

  override inboundNodeDisconnected(peer: NodeConnection): void {
    this.outboundNodeDisconnected(peer);
  }
}

/** Two nodes, 10 ms apart, of which the first has dialled the second; both have been up for a second. */
async function pair(options: SimulationOptions & { reconnect?: boolean } = {}) {
  const { reconnect = false, ...given } = options;
  const world = new Simulation({ seed: 1, latencyMs: 10, ...given });
  const nodes = world.spawn(2, ({ host, port, options: own }) => {
    const node = new ListeningNode(host, port, { ...own, reconnect: { minDelayMs: 100, maxDelayMs: 1_000 } });
    node.wallNow = () => own.runtime.wallNow();
    node.now = () => world.now;
    return node;
  });
  const [a, b] = nodes as [ListeningNode, ListeningNode];
  const connection = await world.settle(a.connectWithNode(b.host, b.port, { reconnect }));
  await world.run({ until: () => b.allNodes.length === 1 });
  await world.run(1_000 - (world.now % 1_000));
  return { world, nodes, a, b, connection };
}

suite('faults of a simulation', () => {
  test('a crash ends the links of a node, without a goodbye', async () => {
    const { world, a, b } = await pair();
    world.crash(b);
    a.sendToNodes('too late');
    await world.run(100);
    assert.deepEqual(a.ends, [`lost at ${1_010}`]);
    assert.deepEqual([b.heard, b.ends], [[], []], 'the dead do nothing');
    await assert.rejects(world.settle(a.connectWithNode(b.host, b.port)), { code: 'ERR_CONNECTION_REFUSED' });
  });

  test('of a machine without power nothing is heard: its peers give it up', async () => {
    const { world, a, b } = await pair();
    world.crash(b, { power: 'off' });
    await world.run({ seconds: 40 });
    assert.deepEqual(a.ends, []);
    await world.run({ seconds: 20 });
    assert.match(a.ends[0]!, /^timeout at 45/);
    await assert.rejects(world.settle(a.connectWithNode(b.host, b.port)), { code: 'ERR_TIMEOUT' });
  });

  test('a machine that has power again says that its old links are gone', async () => {
    const { world, a, b } = await pair();
    world.crash(b, { power: 'off' });
    await world.run({ seconds: 1 });
    world.restart(b);
    a.sendToNodes('anybody there?');
    await world.run({ seconds: 1 });
    assert.deepEqual(a.ends, ['lost at 2020']);
  });

  test('a node that stops says goodbye', async () => {
    const { world, a, b } = await pair();
    world.stop(b);
    await world.run(100);
    assert.deepEqual(a.ends, ['stopped at 1010']);
  });

  test('a partition lets nothing pass until it heals, and then what was sent meanwhile', async () => {
    const { world, nodes, a, b } = await pair();
    world.partition([a], [b]);
    a.sendToNodes('one');
    a.sendToNodes('two');
    await world.run(5_000);
    assert.deepEqual(b.heard, []);
    world.heal();
    await world.run(100);
    assert.deepEqual(b.heard, ['one at 6010', 'two at 6010']);
    world.partition([nodes[1]!]);
    await assert.rejects(world.settle(b.connectWithNode('10.0.0.1', 9)), { code: 'ERR_TIMEOUT' });
  });

  test('a partition that lasts ends connections, and a session goes on after it', async () => {
    const { world, a, b, connection } = await pair({ reconnect: true });
    world.partition([a], [b]);
    connection.send('sent meanwhile');
    await world.run({ minutes: 2 });
    assert.equal(a.ends.length, 1);
    assert.equal(connection.isSuspended, true);
    world.heal();
    await world.run({ minutes: 1 });
    assert.equal(connection.isSuspended, false);
    assert.equal(b.heard.length, 1);
  });

  test('members of one part of a partition reach each other', async () => {
    const world = new Simulation();
    const [a, b, c] = world.spawn(3, ({ host, port, options }) => new Node(host, port, options));
    world.partition([a!, b!]);
    await world.settle(a!.connectWithNode(b!.host, b!.port));
    await assert.rejects(world.settle(a!.connectWithNode(c!.host, c!.port)), { code: 'ERR_TIMEOUT' });
    world.heal();
    await world.settle(a!.connectWithNode(c!.host, c!.port));
  });

  test('a half-cut stops one direction only', async () => {
    const { world, a, b } = await pair();
    world.halfCut([a], [b]);
    a.sendToNodes('unheard');
    b.sendToNodes('heard');
    await world.run(100);
    assert.deepEqual([a.heard, b.heard], [['heard at 1010'], []]);
  });

  test('a black hole hears nothing, and nothing is heard of it', async () => {
    const { world, a, b } = await pair();
    world.blackHole(a);
    a.sendToNodes('unheard');
    b.sendToNodes('unheard');
    await world.run(1_000);
    assert.deepEqual([a.heard, b.heard], [[], []]);
  });

  test('a cut breaks links at once, perhaps in the middle of a piece', async () => {
    const { world, a, b, connection } = await pair({ reconnect: true });
    for (let round = 0; round < 20; round++) {
      connection.send(`${round}`);
      world.cut([a], [b]);
      await world.run({ until: () => !connection.isSuspended && b.heard.length === round + 1 });
    }
    assert.deepEqual(
      b.heard.map((text) => text.split(' ')[0]),
      Array.from({ length: 20 }, (_, round) => `${round}`),
    );
  });

  test('a paused process does nothing, and then everything in its order', async () => {
    const { world, a, b } = await pair();
    world.pause(b);
    a.sendToNodes('one');
    await world.run(500);
    a.sendToNodes('two');
    await world.run(500);
    assert.deepEqual(b.heard, []);
    world.resume(b);
    a.sendToNodes('three');
    await world.run(500);
    assert.deepEqual(b.heard, ['one at 2000', 'two at 2000', 'three at 2010']);
  });

  test('a paused process that is never resumed is given up', async () => {
    const { world, a, b } = await pair();
    world.pause(b);
    await world.run({ minutes: 2 });
    assert.match(a.ends[0]!, /^timeout at 45/);
  });

  test('a slow process takes its time for everything, in order', async () => {
    const { world, a, b } = await pair();
    world.slow(b, 100);
    for (const text of ['one', 'two', 'three']) {
      a.sendToNodes(text);
      await world.run(1);
    }
    await world.run(1_000);
    assert.deepEqual(
      b.heard.map((text) => text.split(' ')[0]),
      ['one', 'two', 'three'],
    );
    const times = b.heard.map((text) => Number(text.split(' at ')[1]));
    assert.ok(times[2]! >= times[0]! + 200, `${times}`);
  });

  test('a clock that drifts makes timers late, and wall clocks may jump', async () => {
    const { world, a, b } = await pair();
    const start = b.wallNow();
    world.drift(b, 0.5);
    world.jump(b, -3_600_000);
    await world.run({ seconds: 10 });
    assert.equal(b.wallNow() - start, 5_000 - 3_600_000);
    // A request of b gives up after 30 s of its own clock.
    world.pause(a);
    const failed = b.allNodes[0]!.request('anything', { timeoutMs: 20_000 });
    failed.catch(() => {});
    await world.run({ seconds: 39 });
    assert.equal(await Promise.race([failed.catch(() => 'failed'), 'waits']), 'waits');
    await assert.rejects(world.settle(failed, { seconds: 2 }), { code: 'ERR_TIMEOUT' });
  });

  test('a node behind a NAT can dial, but not be dialled', async () => {
    const world = new Simulation();
    const [outside] = world.spawn(1, ({ host, port, options }) => new Node(host, port, options));
    const [inside] = world.spawn(1, ({ host, port, options }) => new Node(host, port, options), {
      reachable: false,
    });
    await world.run(1);
    const dial = outside!.connectWithNode(inside!.host, inside!.port);
    await assert.rejects(world.settle(dial), { code: 'ERR_TIMEOUT' });
    await world.settle(inside!.connectWithNode(outside!.host, outside!.port));
    world.setReachable(inside!, true);
    const [third] = world.spawn(1, ({ host, port, options }) => new Node(host, port, options));
    await world.settle(third!.connectWithNode(inside!.host, inside!.port));
  });

  test('a bandwidth makes large messages take long, and holds fast senders back', async () => {
    const { world, a, b, connection } = await pair({ bytesPerSecond: 1_000_000 });
    const sentAt = world.now;
    a.sendToNodes('x'.repeat(500_000));
    await world.run({ until: () => b.heard.length === 1 });
    assert.ok(Math.abs(world.now - sentAt - 510) < 5, `${world.now - sentAt} ms`);
    let sent = 0;
    while (connection.send(new Uint8Array(100_000))) sent += 100_000;
    assert.ok(sent > 500_000 && sent < 3_000_000, `${sent}`);
    await world.settle(connection.drained());
    assert.ok(world.now - sentAt > 600);
  });

  test('loss and jitter delay pieces, and keep their order', async () => {
    const { world, a, b } = await pair({ loss: 0.2, jitterMs: 40 });
    for (let number = 0; number < 200; number++) {
      a.sendToNodes(`${number}`);
      await world.run(10);
    }
    await world.run({ seconds: 10 });
    assert.deepEqual(
      b.heard.map((text) => Number(text.split(' ')[0])),
      Array.from({ length: 200 }, (_, number) => number),
    );
    world.setLinks({ loss: 0, jitterMs: 0 });
    a.sendToNodes('now');
    const sentAt = world.now;
    await world.run(100);
    assert.equal(b.heard.at(-1), `now at ${sentAt + 10}`);
  });
});
