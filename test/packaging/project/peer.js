// One runtime's part in a talk: a node that listens, and one that dials when a line on stdin asks for it.
import { createInterface } from 'node:readline';
import { Node, tcp, webSocket } from 'peerloom';
import { SecureNode } from 'peerloom/secure';
import { digestOfRun } from './world.js';

class Listener extends Node {
  #numbers = new Map();

  nodeMessage(peer, data) {
    if (typeof data !== 'number') peer.send(data);
    else this.#numbers.set(peer.id, [...(this.#numbers.get(peer.id) ?? []), data]);
  }

  nodeRequest(peer, data) {
    return data === 'numbers' ? this.#numbers.get(peer.id) : data.map((value) => value * 2);
  }

  nodeBroadcast(_origin, data, { topic }) {
    this.broadcast({ back: data }, { topic });
  }

  async nodeStream(_peer, stream) {
    for await (const bytes of stream) if (!stream.write(bytes)) await stream.drained();
    stream.end();
  }
}

const listener = new Listener('127.0.0.1', 0);
await listener.start();

/** WebSockets work with a network key on every runtime. */
const overWebSocket = () => ({ transports: [webSocket()], networkKey: 'a long random key' });
const webListener = new Listener('127.0.0.1', 0, overWebSocket());
await webListener.start();
await listener.subscribe('sealed', { topicKey: 'a long random key' });

let dialler;
let connection;
let events;

const tasks = {
  simulate: digestOfRun,

  /** All kinds of messages, and numbers that may still be under way when the link is cut. */
  async talk({ port }) {
    events = [];
    dialler = new Node('127.0.0.1', 0, {
      reconnect: { minDelayMs: 10, maxDelayMs: 100 },
      callback: (event) => void (event.startsWith('outbound_') && events.push(event)),
    });
    await dialler.start();
    connection = await dialler.connectWithNode('127.0.0.1', port, { reconnect: true });

    const sent = Float32Array.from({ length: 100_000 }, (_, at) => at / 3);
    const returned = new Promise((resolve) => dialler.once('node_message', (_peer, data) => resolve(data)));
    await connection.deliver(sent);
    const array = await returned;
    const isSame = array instanceof Float32Array && array.length === sent.length;

    const stream = await connection.openStream('back, please');
    const written = new Uint8Array(300_000).map((_, at) => at % 251);
    stream.write(written);
    stream.end();
    const pieces = [];
    for await (const bytes of stream) pieces.push(bytes);
    await stream.closed;
    const read = Buffer.concat(pieces);

    const heard = new Promise((resolve) => dialler.once('node_broadcast', (_origin, data) => resolve(data)));
    await dialler.subscribe('sealed', { topicKey: 'a long random key' });
    dialler.broadcast('to the holders of the key', { topic: 'sealed' });

    const response = await connection.request([1, 2, 3]);
    for (let number = 0; number < 10; number++) connection.send(number);
    return {
      array: isSame && array.every((value, at) => value === sent[at]),
      stream: read.equals(written),
      response,
      broadcast: await heard,
      security: connection.security.protocol,
    };
  },

  /** After the link was cut. */
  async resume() {
    for (let number = 10; number < 20; number++) connection.send(number);
    const numbers = await connection.request('numbers');
    const ended = { numbers, events: [...events] };
    await dialler.stop();
    return ended;
  },

  /** What an owner has put is kept by a replica, and read from it when the owner is gone. */
  async vault() {
    const [alice, bob, replica] = ['alice', 'bob', 'replica'].map(
      (name) => new SecureNode('127.0.0.1', 0, { name }),
    );
    await Promise.all([alice.start(), bob.start(), replica.start()]);
    await bob.connectWithNode('127.0.0.1', alice.port);
    await replica.connectWithNode('127.0.0.1', alice.port);
    await bob.connectWithNode('127.0.0.1', replica.port);
    await alice.vault.put('diary', 'monday', 'rain');
    await alice.vault.grant('diary', bob.id);
    await alice.vault.addReplica('diary', replica.id);
    await alice.vault.sync();
    await alice.stop();
    const item = await bob.vault.get(alice.id, 'diary', 'monday');
    await Promise.all([bob.stop(), replica.stop()]);
    return item;
  },

  /** By a WebSocket, with a network key. */
  async webSocket({ port }) {
    const node = new Node('127.0.0.1', 0, overWebSocket());
    await node.start();
    const peer = await node.connectWithNode(`ws://127.0.0.1:${port}/a/path`);
    const stream = await peer.openStream('back, please');
    const written = new Uint8Array(3_000_000).map((_, at) => at % 251);
    const writing = (async () => {
      for (let at = 0; at < written.length; at += 60_000) {
        if (!stream.write(written.subarray(at, at + 60_000))) await stream.drained();
      }
      stream.end();
    })();
    const pieces = [];
    for await (const bytes of stream) pieces.push(bytes);
    await writing;
    const response = await peer.request([1, 2, 3]);
    const said = {
      stream: Buffer.concat(pieces).equals(written),
      response,
      security: peer.security.protocol,
    };
    await node.stop();
    return said;
  },

  async networkKey() {
    const nodes = [0, 0].map((port) => new Node('127.0.0.1', port, { networkKey: 'a long random key' }));
    await Promise.all(nodes.map((node) => node.start()));
    const { security } = await nodes[0].connectWithNode('127.0.0.1', nodes[1].port);
    await Promise.all(nodes.map((node) => node.stop()));
    return security.protocol;
  },

  /** One port for TLS, plain TCP and Python nodes: the listener looks at the first bytes of each connection. */
  async sharedPort() {
    const options = () => ({ transports: [tcp({ accept: ['tls', 'plain', 'p2pnetwork'] })] });
    const target = new Node('127.0.0.1', 0, options());
    await target.start();
    const protocols = [];
    for (const scheme of ['tls', 'tcp', 'p2pnetwork+tls']) {
      const node = new Node('127.0.0.1', 0, options());
      await node.start();
      const { security } = await node.connectWithNode(`${scheme}://127.0.0.1:${target.port}`);
      protocols.push(security.protocol);
      await node.stop();
    }
    await target.stop();
    return protocols;
  },

  /** The identity and the vault of a node that is made again. */
  async files({ folder }) {
    const options = () => ({
      identity: { path: `${folder}/key.pem`, passphrase: 'words' },
      vault: { path: `${folder}/vault.sqlite` },
    });
    const before = new SecureNode('127.0.0.1', 0, options());
    await before.start();
    await before.vault.put('diary', 'monday', 'rain');
    await before.stop();
    const after = new SecureNode('127.0.0.1', 0, options());
    await after.start();
    const item = await after.vault.get(before.id, 'diary', 'monday');
    await after.stop();
    return { isSameId: after.id === before.id, item };
  },
};

const lines = createInterface({ input: process.stdin });
lines.on('line', async (line) => {
  const { task, ...options } = JSON.parse(line);
  try {
    console.log(JSON.stringify({ result: (await tasks[task](options)) ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ code: error?.code, message: `${error?.stack ?? error}` }));
  }
});
console.log(JSON.stringify({ result: { port: listener.port, webPort: webListener.port } }));
