import { Node } from 'peerloom';

class MyNode extends Node {
  nodeMessage(peer, data) {
    console.log(`${peer.name}: ${data.hello}`);
  }
}

const alice = new MyNode('127.0.0.1', 0, { name: 'alice' });
const bob = new MyNode('127.0.0.1', 0, { name: 'bob' });
await Promise.all([alice.start(), bob.start()]);
const connection = await alice.connectWithNode('127.0.0.1', bob.port);
await connection.deliver({ hello: 'world' });
await Promise.all([alice.stop(), bob.stop()]);
