import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { bootstrap, Node, type NodeOptions } from '../../src/index.ts';
import type { RecordingNode } from '../support/recording-node.ts';
import { startDurable } from '../support/start-durable.ts';
import { connect, makeNode, startNodes } from '../support/start-nodes.ts';
import { until } from '../support/turns.ts';

/** Rounds come every second, so that a test need not wait for long. */
const fast = { periodMs: 1_000 } as const;
const automatic: NodeOptions = { neighbourhood: fast };

const isNeighbour = (node: Node, other: Node): boolean =>
  node.neighbourhood.active.some(({ id }) => id === other.id);

const areNeighbours = (one: Node, other: Node): boolean => isNeighbour(one, other) && isNeighbour(other, one);

suite('neighbours that nodes find by themselves', () => {
  test('make a whole network of seven nodes that know one address, and broadcasts reach all', async (t) => {
    const [seed] = await startNodes(t, 1, { options: automatic });
    const discovery = [bootstrap([`127.0.0.1:${seed.port}`])];
    const others = await startNodes(t, 6, { options: () => ({ discovery, neighbourhood: fast }) });
    const all = [seed, ...others];
    await until(
      () => all.every((node) => node.neighbourhood.active.length >= 3),
      'everybody has three neighbours',
      20_000,
    );
    for (const node of all) assert.ok(node.neighbourhood.active.length <= 5);
    seed.broadcast('hello');
    for (const node of others) await node.event('node_broadcast');
    for (const node of all) assert.deepEqual(node.of('connection_error'), []);
    await seed.stop();
    await until(
      () => others.every((node) => !isNeighbour(node, seed)),
      'nobody has the seed for a neighbour',
    );
    others[0]!.broadcast('the seed is gone');
    for (const node of others.slice(1)) await node.event('node_broadcast', 2);
  });

  test('are none between nodes that choose theirs by hand, nor with one of these', async (t) => {
    const [manual, other] = await startNodes(t, 2);
    const [node] = await startNodes(t, 1, { options: automatic });
    await connect(manual, other);
    await connect(node, manual);
    await node
      .peer(manual)
      .request('are you there?')
      .catch(() => {});
    for (const one of [manual, other, node]) assert.deepEqual(one.neighbourhood, { active: [], passive: [] });
  });

  test('become peers that connect by hand, and both hold each other for neighbours', async (t) => {
    const [a, b] = await startNodes(t, 2, { options: automatic });
    await connect(a, b);
    await until(() => areNeighbours(a, b), 'they are neighbours');
    assert.equal(a.neighbourhood.active[0], a.peer(b));
  });

  test('are none while the link of their session is broken, and again once it is back', async (t) => {
    const pair = await startDurable(t, { dialler: automatic, listener: automatic });
    const { a, b } = pair;
    await until(() => areNeighbours(a, b), 'they are neighbours');
    // Each looks at the moment when it hears of it: later, another link may be there.
    const seen: boolean[] = [];
    for (const [node, event] of [
      [a, 'outbound_node_disconnected'],
      [b, 'inbound_node_disconnected'],
    ] as const) {
      node.on(event, (peer) => void seen.push(node.neighbourhood.active.includes(peer)));
    }
    await pair.lose();
    assert.deepEqual(seen, [false, false]);
    await pair.comeBack();
    await until(() => areNeighbours(a, b), 'they are neighbours again');
    a.broadcast('back');
    await b.event('node_broadcast');
  });

  test('are refused without an event when there is no place', async (t) => {
    const small = { neighbourhood: { ...fast, active: 2, passive: 4 } };
    const [a, b, c] = await startNodes(t, 3, { options: small });
    await connect(a, b);
    await connect(b, c);
    await connect(c, a);
    await until(
      () => areNeighbours(a, b) && areNeighbours(b, c) && areNeighbours(c, a),
      'they are a triangle',
    );
    const before = a.events.length;
    const [d] = await startNodes(t, 1, { options: small });
    const outcome = d.connectWithNode(a.host, a.port);
    await outcome;
    await d.event('outbound_node_connected');
    await until(() => d.neighbourhood.active.length > 0, 'the newcomer has a neighbour', 20_000);
    const names = a.events.slice(before).map(({ name }) => name);
    assert.ok(!names.includes('connection_error') && !names.includes('node_error'), `${names}`);
    for (const node of [a, b, c, d]) {
      assert.ok(node.neighbourhood.active.length <= 2);
      assert.deepEqual(node.of('connection_error'), []);
    }
  });
});

suite('the option neighbourhood', () => {
  const wrong = (neighbourhood: unknown): (() => Node) => {
    return () => new Node('127.0.0.1', 0, { neighbourhood } as NodeOptions);
  };

  test('is checked', () => {
    assert.throws(
      wrong('auto'),
      /neighbourhood must be 'manual', 'automatic' or an object of options, not 'auto'/,
    );
    assert.throws(wrong(5), TypeError);
    assert.throws(wrong({ actve: 3 }), TypeError);
    assert.throws(wrong({ active: 1 }), /neighbourhood.active must be a whole number from 2 to 16, not 1/);
    assert.throws(wrong({ passive: 1_000 }), RangeError);
    assert.throws(wrong({ periodMs: '10' }), TypeError);
    assert.throws(wrong({ privateAddresses: 1 }), TypeError);
  });

  test('makes a node that stops before anybody came leave nothing behind', async (t) => {
    const node: RecordingNode = makeNode(t, { options: automatic });
    await node.start();
    await node.stop();
  });
});
