// One function for all events, in place of a class of your own.
// Run it: node examples/callback.ts
import { Node, type NodeCallback } from 'peerloom';

const callback: NodeCallback = (event, node, connectedNode, data) => {
  const from = connectedNode === undefined ? '' : ` (${connectedNode.name})`;
  switch (event) {
    case 'node_message':
      console.log(`${node.name}: ${event}${from}: ${JSON.stringify(data)}`);
      break;
    case 'connection_error':
      console.log(`${node.name}: ${event}: ${(data as { error: Error }).error.message}`);
      break;
    default:
      console.log(`${node.name}: ${event}${from}`);
  }
};

const first = new Node('127.0.0.1', 0, { name: 'first', callback });
const second = new Node('127.0.0.1', 0, { name: 'second', callback });
await first.start();
await second.start();

const connection = await first.connectWithNode('127.0.0.1', second.port);
await connection.deliver('a message');
await first.disconnectWithNode(connection);

await second.stop();
await first.connectWithNode('127.0.0.1', second.port).catch(() => {}); // nobody there any more
await first.stop();
