import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Blocks } from '../../../src/simulator/network/blocks.ts';
import { BroadcastWatch } from '../../../src/simulator/watch/broadcast-watch.ts';
import {
  clusteringOf,
  componentsOf,
  degreesOf,
  type Graph,
  pathLengthsOf,
} from '../../../src/simulator/watch/graph.ts';
import { SpreadWatch } from '../../../src/simulator/watch/spread.ts';
import { describeEntry, Trace } from '../../../src/simulator/watch/trace.ts';

suite('the totals of broadcasts', () => {
  test('of none are zeros, and nobody is missed', () => {
    assert.deepEqual(new BroadcastWatch().totals, {
      sent: 0,
      received: 0,
      deliveryRatio: 1,
      hops: { mean: 0, max: 0 },
      lastHop: 0,
      redundancy: 0,
    });
  });

  test('count nodes, hops, and copies', () => {
    const watch = new BroadcastWatch();
    watch.sent('a', 4);
    watch.sent('b', 4);
    for (const hops of [1, 3, 2]) watch.arrived('a', hops);
    watch.arrived('b', 2);
    watch.repeated();
    assert.deepEqual(watch.totals, {
      sent: 2,
      received: 4,
      deliveryRatio: 0.5,
      hops: { mean: 2, max: 3 },
      // 3 hops to the last node of the one, and 2 of the other.
      lastHop: 2.5,
      redundancy: 0.25,
    });
  });

  test('know the last hop of the latest 4,096; a copy of an earlier one changes nothing of it', () => {
    const watch = new BroadcastWatch();
    const count = 4_097;
    for (let index = 0; index < count; index++) watch.sent(`${index}`, 1);
    watch.arrived('0', 4_097);
    assert.equal(watch.totals.lastHop, 0);
    watch.arrived('1', count);
    assert.equal(watch.totals.lastHop, 1);
    assert.equal(watch.totals.received, 2);
  });
});

suite('the spread of messages', () => {
  test('of none is zeros', () => {
    const none = { messages: 0, reached: 0, hops: { mean: 0, max: 0 }, redundancy: 0 };
    assert.deepEqual(new SpreadWatch().spread, none);
  });

  test('counts from the origin, whose number may be the largest so far', () => {
    const watch = new SpreadWatch();
    for (const [from, to] of [
      [0, 1],
      [1, 2],
      [2, 300],
      [0, 300],
      [1, 0],
    ] as const) {
      watch.received(7, from, to);
    }
    watch.received(8, 5, 6);
    const spread = { messages: 2, reached: 2, hops: { mean: 7 / 4, max: 3 }, redundancy: 0.5 };
    assert.deepEqual(watch.spread, spread);
  });

  test('follows the latest 1,024 messages', () => {
    for (const [others, isFollowed] of [
      [1_023, true],
      [1_024, false],
    ] as const) {
      const watch = new SpreadWatch();
      for (let hash = 0; hash <= others; hash++) watch.received(hash, 0, 1);
      watch.received(0, 0, 1);
      const { messages, redundancy } = watch.spread;
      assert.deepEqual([messages, redundancy > 0], isFollowed ? [1_024, true] : [1_026, false]);
    }
  });
});

suite('a graph of connections', () => {
  /** A triangle with a tail of two, a pair, and one alone. */
  const edges = [
    [0, 1],
    [1, 2],
    [0, 2],
    [2, 3],
    [3, 4],
    [5, 6],
  ] as const;
  const graph = new Map<number, Set<number>>(Array.from({ length: 8 }, (_, node) => [node, new Set()]));
  for (const [one, other] of edges) {
    graph.get(one)!.add(other);
    graph.get(other)!.add(one);
  }
  const none: Graph = new Map();

  test('has degrees', () => {
    assert.deepEqual(degreesOf(graph), { min: 0, mean: 1.5, max: 3, histogram: [1, 3, 3, 1] });
    assert.deepEqual(degreesOf(none), { min: 0, mean: 0, max: 0, histogram: [] });
  });

  test('is clustered as far as neighbours are neighbours of each other', () => {
    // Two corners of the triangle have 1, the third one pair of three, the tail none.
    assert.equal(clusteringOf(graph), (1 + 1 + 1 / 3) / 8);
    assert.equal(clusteringOf(none), 0);
  });

  test('has paths, measured from all nodes or some, evenly spread', () => {
    const distances = [1, 1, 2, 3, 1, 1, 2, 3, 1, 1, 1, 2, 2, 2, 1, 1, 3, 3, 2, 1, 1, 1];
    const mean = distances.reduce((sum, distance) => sum + distance) / distances.length;
    assert.deepEqual(pathLengthsOf(graph, 100), { mean, max: 3, sources: 8 });
    // From 0, and from 4.
    assert.deepEqual(pathLengthsOf(graph, 2), { mean: 16 / 8, max: 3, sources: 2 });
    assert.deepEqual(pathLengthsOf(none, 5), { mean: 0, max: 0, sources: 0 });
  });

  test('falls into parts', () => {
    assert.deepEqual(componentsOf(graph), [5, 2, 1]);
    assert.deepEqual(componentsOf(none), []);
  });
});

suite('blocks between places', () => {
  test('hold what goes from some to others, or within a group, and wake who waits when they go', () => {
    const blocks = new Blocks();
    assert.equal(blocks.isBlocked(1, 2), false);
    blocks.add({ from: new Set([1]), to: new Set([2]) });
    const pairs = [
      [1, 2],
      [2, 1],
      [1, 3],
      [1, 1],
    ] as const;
    assert.deepEqual(
      pairs.map(([from, to]) => blocks.isBlocked(from, to)),
      [true, false, false, false],
    );
    blocks.add({ from: new Set([5, 6]), to: undefined, isWithinFree: true });
    blocks.add({ from: undefined, to: new Set([5, 6]), isWithinFree: true });
    assert.deepEqual(
      [blocks.isBlocked(5, 6), blocks.isBlocked(5, 7), blocks.isBlocked(7, 5)],
      [false, true, true],
    );
    assert.deepEqual([blocks.isBlocked(7, 8), blocks.size], [false, 3]);
    blocks.add({ from: new Set([8, 9]), to: undefined });
    assert.equal(blocks.isBlocked(8, 9), true);
    const woken: string[] = [];
    blocks.wait(() => {
      woken.push('first');
      blocks.wait(() => woken.push('again'));
    });
    blocks.wait(() => woken.push('second'));
    blocks.clear();
    assert.deepEqual([woken, blocks.size, blocks.isBlocked(1, 2)], [['first', 'second'], 0, false]);
  });
});

suite('the trace of a run', () => {
  const entry = (at: number, node: number, peer = -1) =>
    [at, node, 'node_message', peer, peer === -1 ? -1 : 0xab] as const;

  test('keeps the last 4,096 events, in order, and a digest of all', () => {
    const [trace, same, other] = [new Trace(), new Trace(), new Trace()];
    for (let at = 0; at < 5_000; at++) {
      for (const one of [trace, same]) one.add(...entry(at, at % 7));
      other.add(...entry(at, at === 3 ? 0 : at % 7));
    }
    assert.equal(trace.count, 5_000);
    assert.deepEqual(
      trace.last(5_000).map(({ at }) => at),
      Array.from({ length: 4_096 }, (_, index) => 904 + index),
    );
    assert.deepEqual(
      trace.last(2).map(({ at }) => at),
      [4_998, 4_999],
    );
    assert.equal(trace.digest, same.digest);
    assert.notEqual(trace.digest, other.digest);
  });

  test('tells what was of or about some nodes', () => {
    const trace = new Trace();
    for (const [node, peer] of [[1], [2, 1], [2, 3], [3]] as const) trace.add(...entry(1.5, node, peer));
    const told = (...nodes: number[]) => trace.last(10, new Set(nodes)).map(({ node, peer }) => [node, peer]);
    assert.deepEqual(told(1), [
      [1, undefined],
      [2, 1],
    ]);
    assert.deepEqual(told(3), [
      [2, 3],
      [3, undefined],
    ]);
    assert.deepEqual(trace.last(3).slice(0, 2).map(describeEntry), [
      '1.500 ms, node 2: node_message (node 1) ab',
      '1.500 ms, node 2: node_message (node 3) ab',
    ]);
    assert.equal(describeEntry(trace.last(1)[0]!), '1.500 ms, node 3: node_message');
  });
});
