import { type RuntimeTimer, systemRuntime, type Transport } from '../../src/index.ts';
import type { Process } from '../../src/simulator/network/process.ts';
import { type Clock, SimulatedNetwork } from '../../src/simulator/network/simulated-network.ts';
import { SimulatedTransport } from '../../src/simulator/network/simulated-transport.ts';
import { SeededChance } from '../../src/simulator/seeded-chance.ts';
import type { Task } from '../../src/simulator/timer-queue.ts';

/** Real time, in which tasks are timers. */
class RealClock implements Clock {
  readonly steps = Number.NaN;
  readonly #timers = new Map<Task, RuntimeTimer>();

  now(): number {
    return systemRuntime.now();
  }

  put(at: number, task: Task): void {
    const run = (): void => {
      this.#timers.delete(task);
      task.run();
    };
    this.#timers.set(task, systemRuntime.setTimeout(run, Math.max(0, at - this.now())));
  }

  cancel(task: Task): void {
    this.#timers.get(task)?.cancel();
    this.#timers.delete(task);
  }
}

const network = new SimulatedNetwork(new RealClock(), new SeededChance(1), {
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
