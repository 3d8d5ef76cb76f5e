import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  clusteringOf,
  componentsOf,
  degreesOf,
  pathLengthsOf,
} from '../../../../src/simulator/watch/graph.ts';
import {
  AbstractNetwork,
  type AbstractNetworkOptions,
  type AbstractNode,
} from '../../../support/abstract-network.ts';
import { seeds } from '../../../support/seeds.ts';

/** Nodes that join one after the other, each through a random one of those that are there. */
function networkOf(count: number, options: Partial<AbstractNetworkOptions> = {}): AbstractNetwork {
  const network = new AbstractNetwork({ seed: 1, ...options });
  network.make();
  for (let made = 1; made < count; made++) {
    const through = network.nodes[Math.floor(made * network.random())]!;
    network.join(network.make(), through);
  }
  return network;
}

function rounds(network: AbstractNetwork, count: number): void {
  for (let round = 0; round < count; round++) network.round();
}

function assertSymmetric(network: AbstractNetwork): void {
  const { graph } = network;
  for (const [at, neighbours] of graph) {
    for (const other of neighbours) assert.ok(graph.get(other)!.has(at), `${at} and ${other}`);
  }
}

function shareOf(
  nodes: readonly AbstractNode[],
  isMeant: (node: AbstractNode, id: string) => boolean,
): number {
  const links = nodes.flatMap((node) => node.view.active.map((id) => isMeant(node, id)));
  return links.filter(Boolean).length / links.length;
}

suite('networks of HyParView', () => {
  test('of 500 nodes have five neighbours each, short paths and few clusters', () => {
    for (const seed of seeds) {
      const network = networkOf(500, { seed });
      rounds(network, 10);
      assertSymmetric(network);
      assert.deepEqual(componentsOf(network.graph), [500]);
      const { histogram, max } = degreesOf(network.graph);
      assert.equal(max, 5);
      assert.ok(histogram[5]! > 430, `${histogram}`);
      // A random graph of that degree has 0.008 and 4.2.
      assert.ok(clusteringOf(network.graph) < 0.02);
      assert.ok(pathLengthsOf(network.graph, 32).mean < 4.5);
      const known = network.nodes.filter(({ view }) => view.passive.length === 30);
      assert.ok(known.length > 450, `${known.length}`);
    }
  });

  test('are whole again soon after half of the nodes crashed at once', () => {
    const network = networkOf(300);
    rounds(network, 5);
    network.crash(network.nodes.filter(() => network.random() < 0.5));
    network.noticeLosses();
    rounds(network, 3);
    assertSymmetric(network);
    assert.equal(componentsOf(network.graph)[0], network.up.length);
    rounds(network, 10);
    assert.ok(degreesOf(network.graph).mean > 4.7);
  });

  test('of which 70 % crash at once lead messages to nearly all others, before anybody has shuffled', () => {
    const network = networkOf(500);
    rounds(network, 5);
    network.crash(network.nodes.filter(() => network.random() < 0.7));
    network.noticeLosses();
    const { up } = network;
    const shares = Array.from({ length: 20 }, (_, at) => network.flood(up[at]!) / up.length);
    // Without repair, a random network of five links keeps 44 % in one piece.
    assert.ok(shares.at(-1)! > 0.95, `${shares}`);
    assertSymmetric(network);
  });

  test('that were cut in two for an hour become one well-mixed network again', () => {
    let isCut = false;
    const half = ({ at }: AbstractNode): boolean => at % 2 === 0;
    const network = networkOf(100, { isCut: (one, other) => isCut && half(one) !== half(other) });
    rounds(network, 10);
    const across = (): number =>
      shareOf(network.nodes, (node, id) => half(node) !== half(network.byId.get(id)!));
    isCut = true;
    network.noticeLosses();
    rounds(network, 360);
    assert.equal(across(), 0);
    assert.deepEqual(componentsOf(network.graph), [50, 50]);
    isCut = false;
    rounds(network, 24);
    assertSymmetric(network);
    assert.deepEqual(componentsOf(network.graph), [100]);
    // Half of the links of a random network lie across.
    assert.ok(across() > 0.35, `${across()}`);
    for (const { view } of network.nodes) {
      const other = view.passive.filter(({ id }) => network.byId.get(id)!.at % 2 === 0).length;
      assert.ok(other > 0 && other < 30, 'the passive views are mixed, too');
    }
  });

  test('that no place is free in do not push each other out for ever', () => {
    const network = networkOf(24);
    rounds(network, 30);
    const before = network.linksMade;
    rounds(network, 100);
    // A node swaps once in 30 rounds, and a swap makes up to three links.
    assert.ok(network.linksMade - before < 24 * (100 / 30) * 3, `${network.linksMade - before}`);
    assertSymmetric(network);
  });

  test('with nodes that come and go stay whole', () => {
    const network = networkOf(100);
    for (let round = 0; round < 40; round++) {
      const { up } = network;
      network.crash(up.filter(() => network.random() < 0.02));
      for (let born = 0; born < 2; born++) {
        network.join(network.make(), network.up[Math.floor(network.up.length * network.random())]!);
      }
      network.noticeLosses();
      network.round();
    }
    rounds(network, 2);
    assertSymmetric(network);
    assert.equal(componentsOf(network.graph)[0], network.up.length);
  });
});

/** 200 nodes of which 30 % lie: their shuffles and answers name liars alone. Greedy ones accept whoever asks them. */
function withLiars(seed: number, isGreedy = false): AbstractNetwork {
  const liars = Array.from({ length: 60 }, (_, at) => ({ id: `node ${at}` }));
  const isLiar = ({ at }: AbstractNode): boolean => at < 60;
  const network = new AbstractNetwork({
    seed,
    hasAnchors: true,
    acceptsAll: (node) => isGreedy && isLiar(node),
    tamper: (from, message, random) => {
      if (!isLiar(from) || message.kind === 'forwardJoin') return message;
      const contacts = Array.from({ length: 8 }, () => liars[Math.floor(60 * random())]!);
      return { ...message, contacts };
    },
  });
  for (let made = 0; made < 200; made++) network.make();
  // Honest nodes and liars come in turns.
  const order = network.nodes.map((node, at) => network.nodes[(at * 7) % 200] ?? node);
  for (const [at, node] of order.entries()) {
    if (at > 0) network.join(node, order[Math.floor(at * network.random())]!);
  }
  rounds(network, 40);
  return network;
}

/** The share of the honest nodes that reach each other over honest ones. */
function reachedIn(links: Map<number, Set<number>>, honest: readonly AbstractNode[]): number {
  const graph = new Map(
    honest.map(({ at }) => [at, new Set([...links.get(at)!].filter((one) => one >= 60))]),
  );
  return componentsOf(graph)[0]! / honest.length;
}

suite('attack: networks of HyParView', () => {
  test('with 30 % liars in shuffles keep honest neighbours, though liars fill the passive views', () => {
    for (const seed of seeds) {
      const network = withLiars(seed);
      const honest = network.nodes.filter(({ at }) => at >= 60);
      const isLiar = (id: string): boolean => network.byId.get(id)!.at < 60;
      const lying = shareOf(honest, (_, id) => isLiar(id));
      assert.ok(lying < 0.4, `${lying} of the links lead to liars`);
      assert.ok(reachedIn(network.graph, honest) > 0.9);
      const passive = honest.flatMap(({ view }) => view.passive);
      assert.ok(passive.filter(({ id }) => isLiar(id)).length > 0.8 * passive.length, 'the attack works');
    }
  });

  test('with 30 % liars who accept whoever asks stay whole through anchors: 2 seeds', () => {
    for (const seed of [1, 2]) {
      const network = withLiars(seed, true);
      const honest = network.nodes.filter(({ at }) => at >= 60);
      assert.ok(reachedIn(network.graph, honest) < 0.6, 'the attack works');
      const reached = reachedIn(network.links, honest);
      assert.ok(reached > 0.85, `seed ${seed}: ${reached}`);
    }
  });

  test('of which 20 nodes ask one victim without a pause leave it links with honest nodes: 4 seeds', () => {
    let withoutNeighbours = 0;
    for (const seed of [1, 10, 11, 16]) {
      const network = networkOf(100, { seed, hasAnchors: true });
      rounds(network, 30);
      const victim = network.nodes[50]!;
      const attackers = Array.from({ length: 20 }, () => network.make());
      const isHonest = (id: string): boolean => network.byId.get(id)!.at < 100;
      for (let round = 0; round < 60; round++) {
        for (const attacker of attackers) {
          for (const priority of ['low', 'high', 'swap'] as const) {
            // Attackers drop nobody, and never let go.
            if (victim.view.requested(attacker.id, priority)) victim.view.up({ id: attacker.id });
          }
          network.settle();
        }
        network.round();
        if (!victim.view.active.some(isHonest)) withoutNeighbours += 1;
        const honest =
          victim.anchors.ids.filter(isHonest).length + victim.view.active.filter(isHonest).length;
        assert.ok(honest >= 1, `seed ${seed}, round ${round}: ${victim.view.active}`);
      }
    }
    assert.ok(withoutNeighbours > 0, 'the attack works: neighbours alone would not do');
  });
});
