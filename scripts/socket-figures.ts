/**
 * A network of real sockets: nodes in several processes, over TLS on loopback, find each other by one address. Each
 * process is killed in turn, and another one takes its place. Prints how long the network takes to form, how many nodes
 * broadcasts reach that begin before it is whole, and what an idle node sends.
 *
 * Run it: node scripts/socket-figures.ts [nodes] [seconds of idleness]
 */
import { NetworkParts } from '../test/support/network-parts.ts';
import { idleBytesAnHour, networkTrial } from '../test/support/network-trial.ts';

const processes = 4;
const nodes = Number(process.argv[2] ?? 100);
const idleSeconds = Number(process.argv[3] ?? 60);
if (!Number.isInteger(nodes / processes) || nodes < processes || !(idleSeconds > 0)) {
  console.error('say how many nodes, a multiple of 4, and how many seconds to measure an idle network');
  process.exit(2);
}

const network = new NetworkParts();
try {
  const trial = { processes, nodesInEach: nodes / processes, kills: processes, broadcasts: 20 };
  const { formedMs, spreads, others, states } = await networkTrial(network, trial);
  console.log(
    `${nodes} nodes in ${processes} processes: one network after ${(formedMs / 1_000).toFixed(1)} s`,
  );
  for (const [at, { heard, tookMs }] of spreads.entries()) {
    const reached = heard.reduce((sum, count) => sum + count, 0) / (heard.length * others[at]!);
    const when = at === 0 ? 'while it forms' : `right after kill ${at}`;
    console.log(
      `${when}: ${heard.length} broadcasts reach ${(100 * reached).toFixed(2)} % of ${others[at]} within ${(tookMs / 1_000).toFixed(1)} s`,
    );
  }
  const neighbours = states.flatMap((state) => state.neighbours);
  const mean = neighbours.reduce((sum, count) => sum + count, 0) / nodes;
  const connections = states.reduce((sum, state) => sum + state.connections, 0) / nodes;
  console.log(`neighbours of a node: ${mean.toFixed(2)}, connections: ${connections.toFixed(2)}`);
  const bytes = await idleBytesAnHour(network, idleSeconds);
  console.log(`idle: a node sends ${(bytes / 1e6).toFixed(2)} MB an hour`);
} finally {
  await network.stop();
}
