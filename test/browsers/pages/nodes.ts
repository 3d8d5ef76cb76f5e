import {
  bootstrap,
  type Data,
  MemoryHub,
  memory,
  Node,
  type NodeConnection,
  type NodeOptions,
  Tensor,
} from 'peerloom';
import { SecureNode } from 'peerloom/secure';
import { samples } from '../../support/samples.ts';
import { shown } from './shown.ts';

const hub = new MemoryHub();

function optionsOf(name: string): NodeOptions {
  return { name, transports: [memory({ hub })] };
}

/** Two nodes of this page send each other each kind of data, in each way there is. */
async function talk() {
  const events: string[] = [];
  const record = (event: string, node: Node, peer: NodeConnection | undefined): void => {
    if (event !== 'node_message') events.push(`${node.name} ${event} ${peer?.name ?? ''}`);
  };
  const alice = new Node('127.0.0.1', 0, { ...optionsOf('alice'), callback: record });
  const bob = new Node('127.0.0.1', 0, { ...optionsOf('bob'), callback: record });
  const received: Data[] = [];
  bob.on('node_message', (_peer, data) => received.push(data));
  bob.on('node_request', (_peer, data) => ({ answered: data }));
  bob.on('node_stream', async (_peer, stream) => {
    for await (const piece of stream) {
      stream.write(piece);
      await stream.drained();
    }
    stream.end();
  });
  await Promise.all([alice.start(), bob.start()]);
  const connection = await alice.connectWithNode('127.0.0.1', bob.port, { id: bob.id });

  const long = 'zlib '.repeat(200_000);
  connection.send(long, { compression: 'zlib' });
  for (const data of Object.values(samples)) await connection.deliver(data);
  const sent = [long, ...Object.values(samples)];
  const answer = await connection.request({ question: 1 });
  const stream = await connection.openStream('echo');
  stream.write(new Uint8Array(300_000).fill(7));
  stream.end();
  let echoedBytes = 0;
  for await (const piece of stream) echoedBytes += piece.filter((byte) => byte === 7).length;
  let state: unknown;
  bob.on('node_state', (_peer, { weights }) => {
    state = [...weights!.toTyped('float32')];
  });
  await alice.sendState(connection, { weights: Tensor.from(new Float32Array([1, 2])) });
  bob.on('node_broadcast', (_peer, data) => events.push(`bob hears ${data}`));
  alice.broadcast('news');
  await connection.deliver('after the news');
  await Promise.all([alice.stop(), bob.stop()]);
  const different = sent.filter((data, at) => shown(data) !== shown(received[at])).map(shown);
  return { events, different, answer, echoedBytes, state };
}

/** Two SecureNodes of this page: a message that one of them signs, and one that it encrypts. */
async function talkSigned() {
  const alice = new SecureNode('127.0.0.1', 0, optionsOf('alice'));
  const bob = new SecureNode('127.0.0.1', 0, optionsOf('bob'));
  const authors: (string | undefined)[] = [];
  bob.on('node_state', () => {});
  bob.on('node_state_offered', () => {
    authors.push(bob.message?.author === alice.id ? 'alice' : bob.message?.author);
  });
  const received: Data[] = [];
  bob.on('node_message', (_peer, data) => {
    received.push(data);
    authors.push(bob.message?.author === alice.id ? 'alice' : bob.message?.author);
  });
  await Promise.all([alice.start(), bob.start()]);
  const connection = await alice.connectWithNode('127.0.0.1', bob.port);
  await connection.deliver('signed');
  await alice.sendState(connection, { weights: Tensor.from(new Float32Array([1, 2])) });
  await alice.stop();
  await bob.stop();
  return { received, authors };
}

/** Nodes of one network, with a key: two become neighbours by themselves, and one of them finds a third by its id. */
async function findEachOther() {
  const optionsFor = (name: string): NodeOptions => ({ ...optionsOf(name), networkKey: 'ours' });
  const bob = new Node('127.0.0.1', 0, { ...optionsFor('bob'), neighbourhood: 'automatic' });
  const carol = new Node('127.0.0.1', 0, optionsFor('carol'));
  await Promise.all([bob.start(), carol.start()]);
  await carol.connectWithNode('127.0.0.1', bob.port);
  const discovery = [bootstrap([`127.0.0.1:${bob.port}`])];
  const alice = new Node('127.0.0.1', 0, { ...optionsFor('alice'), discovery });
  const before = alice.neighbourhood.active.length;
  await alice.start();
  while (alice.neighbourhood.active.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const active = alice.neighbourhood.active.map(({ name }) => name);
  const { name } = await alice.connectWithNode(carol.id);
  let state: string | undefined;
  while (state === undefined) {
    try {
      ({ state } = alice.explain(carol.id));
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_NOT_LOADED') throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
  await Promise.all([alice.stop(), bob.stop(), carol.stop()]);
  return { before, active, name, state };
}

Object.assign(globalThis, { page: { talk, talkSigned, findEachOther, isSecure: () => isSecureContext } });
