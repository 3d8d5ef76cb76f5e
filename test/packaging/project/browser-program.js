import { MemoryHub, memory, Node, tcp } from 'peerloom';
import { SecureNode } from 'peerloom/secure';

async function main() {
  const hub = new MemoryHub();
  const alice = new Node('127.0.0.1', 0, { name: 'alice', transports: [memory({ hub })] });
  const bob = new Node('127.0.0.1', 0, { name: 'bob', transports: [memory({ hub })] });
  bob.on('node_message', (peer, data) => console.log(`${peer.name}: ${data.hello}`));
  await Promise.all([alice.start(), bob.start()]);
  const connection = await alice.connectWithNode('127.0.0.1', bob.port);
  await connection.deliver({ hello: 'world' });
  await Promise.all([alice.stop(), bob.stop()]);

  const carol = new SecureNode('127.0.0.1', 0, { transports: [memory({ hub })] });
  for (const attempt of [() => tcp(), () => carol.vault]) {
    try {
      attempt();
    } catch ({ code, message }) {
      console.log(`${code}: ${message}`);
    }
  }
}

main();
