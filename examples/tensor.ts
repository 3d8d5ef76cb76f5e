// Federated averaging: workers send their weights as a Float32Array, the server sends back the mean. Typed
// arrays arrive as what they are, without a detour over text.
// Run it: node examples/tensor.ts
import { type Data, Node, type NodeConnection } from 'peerloom';

const rounds = 3;

class Server extends Node {
  #weights: Float32Array[] = [];

  override nodeMessage(_worker: NodeConnection, data: Data) {
    this.#weights.push(data as Float32Array);
    if (this.#weights.length < workers.length) return;
    const mean = this.#weights[0]!.map((_, index) => {
      const sum = this.#weights.reduce((total, weights) => total + weights[index]!, 0);
      return sum / this.#weights.length;
    });
    this.#weights = [];
    this.sendToNodes(mean);
  }
}

/** Learns a number on its own data; all together learn the mean of all. */
class Worker extends Node {
  weights = new Float32Array(1_000);
  readonly #target: number;
  readonly #done = Promise.withResolvers<void>();
  #round = 0;

  constructor(name: string, target: number) {
    super('127.0.0.1', 0, { name });
    this.#target = target;
  }

  train(server: NodeConnection): Promise<void> {
    server.send(this.weights.map((weight) => weight + (this.#target - weight) / 2));
    return this.#done.promise;
  }

  override nodeMessage(server: NodeConnection, mean: Data) {
    this.weights = mean as Float32Array<ArrayBuffer>;
    this.#round += 1;
    if (this.#round === rounds) this.#done.resolve();
    else void this.train(server);
  }
}

const server = new Server('127.0.0.1', 0, { name: 'server' });
const workers = [new Worker('one', 1), new Worker('two', 2), new Worker('six', 6)];
await Promise.all([server, ...workers].map((node) => node.start()));
const connections = await Promise.all(
  workers.map((worker) => worker.connectWithNode('127.0.0.1', server.port)),
);
await Promise.all(workers.map((worker, index) => worker.train(connections[index]!)));
for (const { name, weights } of workers) {
  console.log(`${name}: ${weights.length} weights of ${weights[0]} after ${rounds} rounds`);
}
await Promise.all([server, ...workers].map((node) => node.stop()));
