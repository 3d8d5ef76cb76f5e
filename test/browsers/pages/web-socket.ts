import {
  type Data,
  Node,
  type NodeConnection,
  type PeerloomError,
  type PeerStream,
  systemRuntime,
} from 'peerloom';
import { SecureNode } from 'peerloom/secure';
import { samples } from '../../support/samples.ts';
import { shown } from './shown.ts';

let node: Node;
const events: string[] = [];
const received: Data[] = [];

/** Starts a node with the default transport. A patient one waits for as long as it may before it tries again. */
async function start(kind: 'Node' | 'SecureNode', options: object, isPatient = false): Promise<void> {
  const runtime = isPatient ? { ...systemRuntime, random: () => 0.999 } : systemRuntime;
  node = new (kind === 'Node' ? Node : SecureNode)('page', 0, { runtime, ...options });
  node.on('outbound_node_connected', (peer) => events.push(`connected ${peer.name}`));
  node.on('outbound_node_disconnected', (peer) => events.push(`disconnected ${peer.name}`));
  node.on('node_message', (_peer, data) => received.push(data));
  node.on('node_broadcast', (_origin, data) => received.push(data));
  node.on('node_request', (_peer, data) => ({ answered: data }));
  node.on('node_stream', echo);
  await node.start();
}

async function stop(): Promise<void> {
  await node.stop();
}

/** @returns the name of the node that answers, and what its link promises, or the code of the error. */
async function dial(address: string, options?: object): Promise<unknown> {
  try {
    const { name, security } = await node.connectWithNode(address, options);
    return { name, ...security };
  } catch (error) {
    return (error as PeerloomError).code;
  }
}

function peer(name: string): NodeConnection {
  return node.allNodes.find((one) => one.name === name)!;
}

/** Everything that a message can be, and what of it came back changed, from a node that sends it back. */
async function exchange(name: string): Promise<readonly string[]> {
  const sent = Object.values(samples);
  const before = received.length;
  for (const data of sent) await peer(name).deliver(data);
  await until(() => received.length >= before + sent.length);
  return sent.filter((data, at) => shown(data) !== shown(received[before + at])).map(shown);
}

async function request(name: string, data: Data): Promise<Data> {
  return (await peer(name).request(data)) as Data;
}

async function deliver(name: string, data: Data): Promise<void> {
  await peer(name).deliver(data);
}

function broadcast(data: Data): void {
  node.broadcast(data);
}

/** Sends messages of 64 KiB as fast as it can, whatever `send` says. @returns how many the node took. */
function flood(name: string, messages: number): number {
  for (let sent = 0; sent < messages; sent++) {
    try {
      peer(name).send(new Uint8Array(64 * 1024));
    } catch {
      return sent;
    }
  }
  return messages;
}

/** Opens a WebSocket without the package, and sends bytes that mean nothing. @returns the code it is closed with. */
function lie(address: string, bytes: number): Promise<number> {
  return new Promise((resolve) => {
    const webSocket = new WebSocket(address, ['peerloom.1.chachapoly']);
    webSocket.onopen = () => {
      const piece = new Uint8Array(64 * 1024).fill(7);
      for (let sent = 0; sent < bytes; sent += piece.length) webSocket.send(piece);
    };
    webSocket.onclose = ({ code }) => resolve(code);
  });
}

/** Streams bytes to a node that sends them back. @returns how many came back as they were. */
async function stream(name: string, bytes: number): Promise<number> {
  const opened = await peer(name).openStream('echo');
  const piece = new Uint8Array(64 * 1024).map((_, index) => index % 251);
  const writing = (async () => {
    for (let sent = 0; sent < bytes; sent += piece.length) {
      if (!opened.write(piece)) await opened.drained();
    }
    opened.end();
  })();
  let right = 0;
  let at = 0;
  for await (const part of opened) {
    for (const byte of part) {
      if (byte === (at % piece.length) % 251) right++;
      at++;
    }
  }
  await writing;
  return right;
}

async function echo(_peer: NodeConnection, opened: PeerStream): Promise<void> {
  for await (const part of opened) if (!opened.write(part)) await opened.drained();
  opened.end();
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Resolves when the page has received a message or a broadcast. */
async function receives(data: string): Promise<void> {
  await until(() => received.map(shown).includes(data));
}

/** Resolves when an event has happened. */
async function happens(event: string): Promise<void> {
  await until(() => events.includes(event));
}

/** Holds the page's only thread, as a page that computes or sleeps does. A node may hear of it first. */
async function sleep(ms: number, told?: string): Promise<void> {
  if (told !== undefined) await peer(told).deliver('good night');
  const end = performance.now() + ms;
  while (performance.now() < end);
}

Object.assign(globalThis, {
  page: {
    ...{
      start,
      stop,
      dial,
      exchange,
      request,
      deliver,
      broadcast,
      stream,
      receives,
      happens,
      sleep,
      flood,
      lie,
    },
    events: () => events,
    received: () => received,
    listens: () => node.addresses,
    id: () => node.id,
  },
});
