// Each message may be sent with a compression; the receiver gets the data as it was.
// Run it: node examples/compression.ts
import { type Compression, type Data, Node, type NodeConnection } from 'peerloom';

const poem = 'All in the golden afternoon full leisurely we glide; '.repeat(2_000);

class Reader extends Node {
  override nodeMessage(peer: NodeConnection, data: Data) {
    const isEqual = data === poem || (data as { poem: string }).poem === poem;
    console.log(`${this.name}: from ${peer.name}, ${isEqual ? 'word for word' : 'something else'}`);
  }
}

const writer = new Node('127.0.0.1', 0, { name: 'writer' });
const reader = new Reader('127.0.0.1', 0, { name: 'reader' });
const second = new Reader('127.0.0.1', 0, { name: 'second reader' });
await Promise.all([writer.start(), reader.start(), second.start()]);
const connection = await writer.connectWithNode('127.0.0.1', reader.port);

const compressions: Compression[] = ['none', 'zlib', 'brotli', 'zstd'];
for (const compression of compressions) {
  console.log(`writer: sends with ${compression}`);
  connection.send(poem, { compression });
}

// sendToNodes compresses a message once for all peers.
const other = await writer.connectWithNode('127.0.0.1', second.port);
console.log('writer: sends to all');
writer.sendToNodes({ poem }, { compression: 'brotli' });
await connection.deliver(poem);
await other.deliver(poem);

await Promise.all([writer.stop(), reader.stop(), second.stop()]);
