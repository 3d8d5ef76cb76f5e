// A rumour spreads among a thousand nodes, half of which crash. Nothing here takes real time.
// Run it: node examples/rumour.ts
import { type Data, Node, type NodeConnection } from 'peerloom';
import { Simulation, worldRegions } from 'peerloom/simulator';

class GossipNode extends Node {
  rumour: Data | undefined;

  override nodeMessage(peer: NodeConnection, rumour: Data) {
    if (this.rumour !== undefined) return;
    this.rumour = rumour;
    this.sendToNodes(rumour, { exclude: [peer] });
  }
}

const world = new Simulation({ seed: 7, latencyMs: worldRegions, jitterMs: 5 });
const nodes = world.spawn(1_000, GossipNode);

// Each node connects with four others.
const dials = nodes.flatMap((node, index) =>
  [1, 30, 200, 444].map((step) => {
    const other = nodes[(index + step) % nodes.length]!;
    return node.connectWithNode(other.host, other.port);
  }),
);
await world.settle(Promise.all(dials));

world.crash(0.5);
await world.run({ seconds: 1 });
const teller = nodes.find((node) => world.isRunning(node))!;
teller.rumour = 'half of us are gone';
teller.sendToNodes(teller.rumour);
await world.idle();

const alive = nodes.filter((node) => world.isRunning(node));
const heard = alive.filter(({ rumour }) => rumour !== undefined);
const { spread, components, messages } = world.metrics;
console.log(
  `${heard.length} of ${alive.length} nodes heard the rumour, over at most ${spread.hops.max} connections`,
);
console.log(
  `the largest part of the network has ${components[0]} nodes; ${messages.sent} messages were sent`,
);
await world.end();
