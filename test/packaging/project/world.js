// A run of a simulation in which a lot happens. The same on every runtime, or else somebody's chance is not the seed's.
import { Node } from 'peerloom';
import { SecureNode } from 'peerloom/secure';
import { Simulation, worldRegions } from 'peerloom/simulator';

class GossipNode extends Node {
  #heard = new Set();

  nodeMessage(peer, data) {
    if (this.#heard.has(data.round)) return;
    this.#heard.add(data.round);
    this.sendToNodes(data, { exclude: [peer] });
  }
}

/** @returns the digest of the run. */
export async function digestOfRun() {
  const world = new Simulation({
    seed: 42,
    latencyMs: worldRegions,
    jitterMs: 20,
    loss: 0.02,
    bytesPerSecond: 1e6,
  });
  const nodes = world.spawn(20, ({ host, port, options }) => new GossipNode(host, port, options));
  const signing = world.spawn(4, ({ host, port, options }) => new SecureNode(host, port, options));
  const dials = [nodes, signing].flatMap((list) =>
    list.flatMap((node, index) =>
      [1, 3].map((step) => {
        const { host, port } = list[(index + step) % list.length];
        return node.connectWithNode(host, port, { reconnect: true });
      }),
    ),
  );
  await world.settle(Promise.all(dials));
  world.churn({ perMinute: 60, away: { from: 500, to: 5_000 } });
  for (let round = 0; round < 10; round++) {
    if (round === 3) world.partition(nodes.slice(0, 10));
    if (round === 5) world.heal();
    if (round === 6) world.cut(0.3);
    if (round === 7) world.drift(0.2, 1.01);
    if (round === 8) world.pause(0.1);
    const teller = nodes.find((node) => world.isRunning(node));
    teller.sendToNodes({
      round,
      text: 'naïve ✓',
      weights: Float32Array.of(round / 3),
      list: [1.5, null, true],
    });
    signing[round % 4].sendToNodes(`signed ${round}`);
    await world.run({ seconds: 3 });
  }
  return world.digest;
}
