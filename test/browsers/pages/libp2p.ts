import { type Data, Node, type NodeConnection, type PeerloomError } from 'peerloom';
import { browser, libp2p } from 'peerloom/libp2p';

let node: Node;
const received: Data[] = [];
/** The ids of the nodes whose connections have ended. */
const ended: string[] = [];

/** Starts a node that others reach through a relay. @returns its addresses. */
async function start(name: string, relay: string, stun: readonly string[] = []): Promise<readonly string[]> {
  node = new Node('page', 0, { name, transports: [libp2p(browser({ relays: [relay], stun }))] });
  node.on('node_message', (_peer, data) => received.push(data));
  node.on('outbound_node_disconnected', (peer) => ended.push(peer.id));
  node.on('node_request', (_peer, data) => ({ answered: data }));
  await node.start();
  return node.addresses;
}

function connection(id: string): NodeConnection {
  return node.allNodes.find((one) => one.id === id)!;
}

/** @returns the id of the node that answers, and the way to it, or the code of the error. */
async function dial(address: string, options: object = {}): Promise<unknown> {
  try {
    const { id, path, relay } = await node.connectWithNode(address, options);
    return { id, path, relay: relay?.id ?? 'none' };
  } catch (error) {
    return `${(error as PeerloomError).code}: ${(error as Error).message}`;
  }
}

async function deliver(id: string, data: Data): Promise<void> {
  await connection(id).deliver(data);
}

/** Sends that many bytes, as fast as the other side takes them. */
async function sendMany(id: string, bytes: number): Promise<void> {
  const piece = new Uint8Array(65_536).fill(7);
  const peer = connection(id);
  for (let sent = 0; sent < bytes; sent += piece.length) if (!peer.send(piece)) await peer.drained();
  await peer.deliver('all sent');
}

const functions = {
  start,
  dial,
  deliver,
  sendMany,
  path: (id: string) => connection(id)?.path,
  texts: () => received.filter((data) => typeof data === 'string'),
  receivedBytes: () =>
    received.reduce((sum: number, data) => sum + ((data as Uint8Array).byteLength ?? 0), 0),
  ended: () => ended,
  id: () => node.id,
  stop: () => node.stop(),
};
Object.assign(globalThis, { page: functions });
