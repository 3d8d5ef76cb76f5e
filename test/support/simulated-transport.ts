import { systemRuntime, type Transport } from '../../src/index.ts';
import type { Process } from '../../src/simulator/network/process.ts';
import { SimulatedNetwork } from '../../src/simulator/network/simulated-network.ts';
import { SimulatedTransport } from '../../src/simulator/network/simulated-transport.ts';
import { SeededChance } from '../../src/simulator/seeded-chance.ts';

const network = new SimulatedNetwork(systemRuntime, new SeededChance(1), {
  latencyMs: 1,
  jitterMs: 1,
  bytesPerSecond: 1e9,
  loss: 0,
});
let machines = 0;

/** The transport of a simulation, but in real time, and on a machine that never fails. */
export function simulatedTransport(): Transport {
  const index = machines++;
  const process: Process = {
    place: { index, region: 0 },
    host: `10.0.1.${index}`,
    isAlive: true,
    isAnswering: true,
    isReachable: true,
    links: new Set(),
    perform: (work) => work(),
    begins: () => true,
  };
  return new SimulatedTransport(network, process);
}
