// Requests: the value that nodeRequest returns, or resolves to, goes back to the node that asked.
// Run it: node examples/request.ts
import { type Data, Node, type NodeConnection, PeerloomError } from 'peerloom';

class Calculator extends Node {
  override async nodeRequest(_peer: NodeConnection, data: Data) {
    const { operation, numbers } = data as { operation: string; numbers: number[] };
    switch (operation) {
      case 'sum':
        return numbers.reduce((sum, number) => sum + number, 0);
      case 'sort':
        return Float64Array.from(numbers).sort();
      case 'ponder':
        return new Promise<number>(() => {}); // never answers
    }
    throw new Error(`no operation ${operation}`);
  }

  override nodeError(error: unknown) {
    console.log(`calculator: ${(error as Error).message}`); // the reason stays here
  }
}

const calculator = new Calculator('127.0.0.1', 0);
const user = new Node('127.0.0.1', 0);
await Promise.all([calculator.start(), user.start()]);
const connection = await user.connectWithNode('127.0.0.1', calculator.port);

const numbers = [3, 1, 2];
console.log('sum:', await connection.request({ operation: 'sum', numbers }));
console.log('sort:', await connection.request({ operation: 'sort', numbers }));
for (const [operation, timeoutMs] of [
  ['ponder', 200],
  ['guess', 30_000],
] as const) {
  try {
    await connection.request({ operation, numbers }, { timeoutMs });
  } catch (error) {
    if (error instanceof PeerloomError) console.log(`${operation}: ${error.code}`);
  }
}
await Promise.all([user.stop(), calculator.stop()]);
