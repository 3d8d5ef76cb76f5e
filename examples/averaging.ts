// Federated averaging: in each round the server sends its weights to all workers, and each worker trains them on its own
// data. The mean of their answers is the weights of the next round. Weights travel as Float32Arrays.
// Run it: node examples/averaging.ts
import { defineRequest, Node } from 'peerloom';
import { z } from 'zod';

const weightsSchema = z.instanceof(Float32Array);
const train = defineRequest('train', { request: weightsSchema, response: weightsSchema });

/** Moves half-way to its target in each round. Together, the workers learn the mean of their targets. */
class Worker extends Node {
  constructor(name: string, target: number) {
    super('127.0.0.1', 0, { name });
    this.handle(train, (_server, weights) => weights.map((weight) => weight + (target - weight) / 2));
  }
}

const server = new Node('127.0.0.1', 0, { name: 'server' });
await server.start();
const workers = [new Worker('one', 1), new Worker('two', 2), new Worker('six', 6)];
for (const worker of workers) {
  await worker.start();
  await worker.connectWithNode('127.0.0.1', server.port);
}
await server.waitForNodes(workers.length);

let weights = new Float32Array(1_000);
for (const round of [1, 2, 3]) {
  const trained: Float32Array[] = [];
  // Two answers are enough. A worker that fails, or takes more than ten seconds, misses the round.
  for await (const { data } of server.requestFromNodes(train, weights, { atLeast: 2, timeoutMs: 10_000 })) {
    if (data !== undefined) trained.push(data);
  }
  weights = weights.map((_, index) => trained.reduce((sum, one) => sum + one[index]!, 0) / trained.length);
  console.log(`round ${round}: ${trained.length} workers, ${weights.length} weights of ${weights[0]}`);
}

for (const node of [server, ...workers]) await node.stop();
