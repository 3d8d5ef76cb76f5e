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
  const heard = new Promise((resolve) => bob.on('node_broadcast', (_origin, data) => resolve(data)));
  await bob.subscribe('sealed', { topicKey: 'a long random key' });
  await alice.broadcast('to the holders of the key', { topic: 'sealed', topicKey: 'a long random key' });
  console.log(await heard);
  await Promise.all([alice.stop(), bob.stop()]);

  const inFile = () => new SecureNode('127.0.0.1', 0, { vault: { path: 'vault.sqlite' } });
  for (const attempt of [() => tcp(), inFile]) {
    try {
      attempt();
    } catch ({ code, message }) {
      console.log(`${code}: ${message}`);
    }
  }
}

main().then(() => console.log('end'));
