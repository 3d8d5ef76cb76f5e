// Job distribution: each free worker gets the next job. If a worker fails, another one gets its job.
// Run it: node examples/jobs.ts
import { defineRequest, Node, type NodeConnection, type PeerloomError } from 'peerloom';
import { z } from 'zod';

const countPrimes = defineRequest('count-primes', {
  request: z.object({ from: z.int(), to: z.int() }),
  response: z.int(),
});

function isPrime(number: number): boolean {
  for (let divisor = 2; divisor * divisor <= number; divisor++) if (number % divisor === 0) return false;
  return number > 1;
}

class Worker extends Node {
  constructor(name: string) {
    super('127.0.0.1', 0, { name });
    this.handle(countPrimes, (_boss, { from, to }) => {
      if (name === 'cleo') void this.stop(); // she leaves in the middle of her work
      return Array.from({ length: to - from }, (_, index) => from + index).filter(isPrime).length;
    });
  }
}

const boss = new Node('127.0.0.1', 0, { name: 'boss' });
await boss.start();
const workers = ['ada', 'ben', 'cleo'].map((name) => new Worker(name));
for (const worker of workers) {
  await worker.start();
  await worker.connectWithNode('127.0.0.1', boss.port);
}
await boss.waitForNodes(workers.length);

const jobs = Array.from({ length: 50 }, (_, index) => ({ from: index * 1_000, to: (index + 1) * 1_000 }));
let primes = 0;

/** Gives a worker one job after another. */
async function employ(peer: NodeConnection) {
  for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
    try {
      const found = await peer.request(countPrimes, job, { timeoutMs: 10_000 });
      primes += found; // others have added theirs meanwhile
    } catch (error) {
      jobs.unshift(job);
      return console.log(`boss: without ${peer.name} from here on: ${(error as PeerloomError).code}`);
    }
  }
}

while (jobs.length > 0) await Promise.all(boss.allNodes.map(employ));
console.log(`boss: ${primes} primes below 50000`);
for (const node of [boss, ...workers]) await node.stop();
