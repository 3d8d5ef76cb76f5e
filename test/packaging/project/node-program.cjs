const { Node } = require('peerloom');
const { canonicalJson } = require('peerloom/secure');

async function main() {
  const alice = new Node('127.0.0.1', 0, { name: 'alice' });
  const bob = new Node('127.0.0.1', 0, {
    name: 'bob',
    callback: (event, _node, peer, data) => {
      if (event === 'node_message') console.log(`${peer.name}: ${data.hello}`);
    },
  });
  await Promise.all([alice.start(), bob.start()]);
  const connection = await alice.connectWithNode('127.0.0.1', bob.port);
  await connection.deliver(JSON.parse(canonicalJson({ hello: 'world' })));
  await Promise.all([alice.stop(), bob.stop()]);
}

main();
