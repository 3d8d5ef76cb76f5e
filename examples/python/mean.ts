// Answers each tensor of a Python node with the number of its elements and their mean.
// Run it: node examples/python/mean.ts 10001
// And in another terminal, after `pip install p2pnetwork==1.2`: python3 examples/python/mean.py 10001
import { type Data, Node, type NodeConnection, tcp } from 'peerloom';

class MeanNode extends Node {
  override nodeMessage(peer: NodeConnection, data: Data, text?: string) {
    const values = float32Of(data, text);
    const sum = values.reduce((total, value) => total + value, 0);
    console.log(`${values.length} elements arrived`);
    peer.send({ count: values.length, mean: sum / values.length });
  }
}

/** Bytes that happen to be UTF-8, such as zeros, arrive from Python as text. */
function float32Of(data: Data, text: string | undefined): Float32Array {
  const bytes = text === undefined ? (data as Uint8Array) : new TextEncoder().encode(text);
  return new Float32Array(bytes.slice().buffer);
}

const transports = [tcp({ accept: ['tls', 'p2pnetwork'] })];
const node = new MeanNode('127.0.0.1', Number(process.argv[2] ?? 10001), { transports });
await node.start();
console.log(`listening on port ${node.port}`);
