// A TypeScript node for the tests of the Python package. Its options are its first argument, in JSON. It takes one
// command a line on standard input, and prints what happens as one line of JSON each.
import { createHash } from 'node:crypto';
import { createInterface } from 'node:readline';
import {
  type Data,
  Node,
  type NodeConnection,
  type NodeOptions,
  type PeerStream,
  type StateDict,
  Tensor,
  tcp,
} from '../../../src/index.ts';

interface Options extends NodeOptions {
  readonly accept?: readonly ('tls' | 'websocket')[];
}

interface Command {
  readonly id: number;
  readonly do: 'connect' | 'send' | 'request' | 'deliver' | 'stream' | 'state' | 'ping' | 'stop';
  readonly address?: string;
  readonly options?: Record<string, unknown>;
  readonly data?: unknown;
  readonly bytes?: number;
}

const { accept = ['tls'], ...options } = JSON.parse(process.argv[2] ?? '{}') as Options;
const node = new Node('127.0.0.1', 0, { transports: [tcp({ accept })], ...options });
const say = (line: object): void => {
  process.stdout.write(`${JSON.stringify(line)}\n`);
};

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** A value that JSON holds, for what a message holds. */
function described(data: unknown): unknown {
  if (ArrayBuffer.isView(data)) {
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    return { type: data.constructor.name, sha256: sha256(bytes) };
  }
  if (data instanceof Tensor) return { dtype: data.dtype, shape: data.shape, sha256: sha256(data.data) };
  if (typeof data === 'bigint') return { bigint: `${data}` };
  if (Object.is(data, -0) || (typeof data === 'number' && !Number.isFinite(data)))
    return { number: Object.is(data, -0) ? '-0' : `${data}` };
  if (Array.isArray(data)) return data.map(described);
  if (typeof data === 'object' && data !== null) {
    return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, described(value)]));
  }
  return data;
}

async function readAll(stream: PeerStream): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of stream) hash.update(chunk);
  return hash.digest('hex');
}

for (const event of ['inbound_node_connected', 'outbound_node_connected'] as const) {
  node.on(event, (peer) => say({ event, peer: peer.id, name: peer.name, addresses: peer.addresses }));
}
for (const event of ['inbound_node_disconnected', 'outbound_node_disconnected'] as const) {
  node.on(event, (peer) => say({ event, peer: peer.id, code: peer.closeReason?.code }));
}
node.on('node_session_lost', (peer) => say({ event: 'node_session_lost', peer: peer.id }));
node.on('node_message', (peer, data) => {
  say({ event: 'node_message', data: described(data) });
  if (data === 'fail') throw new Error('as asked');
  // Everything comes back as it came.
  if (data !== 'quiet') peer.send(data);
});
node.on('node_error', () => {});
node.on('node_request', (_peer, data) => {
  if (data === 'fail') throw new Error('as asked');
  return data;
});
node.on('node_stream', async (_peer, stream) => {
  const header = stream.header as { back: number };
  const hash = await readAll(stream);
  await stream.write(new TextEncoder().encode(hash));
  const chunk = new Uint8Array(65_536).fill(7);
  for (let sent = 0; sent < header.back; sent += chunk.length) await stream.write(chunk);
  await stream.end();
});

let state: StateDict = {};
node.on('node_state', (_peer, arrived, { bytes, tensors, info }) => {
  state = arrived;
  const dtypes = Object.fromEntries(Object.entries(state).map(([name, { dtype }]) => [name, dtype]));
  say({ event: 'node_state', details: { bytes, tensors, info }, dtypes });
  if (info === 'fail') throw new Error('as asked');
});
node.on('node_message_rejected', (_peer, error) => {
  const { code } = error as { code?: string };
  say({ event: 'node_message_rejected', error: `${code}: ${error.message}` });
});

let peer: NodeConnection | undefined;
const target = (): NodeConnection => {
  const found = peer?.isOpen ? peer : node.allNodes[0];
  if (found === undefined) throw new Error('not connected');
  return found;
};

const commands = {
  async connect({ address, options }: Command) {
    peer = await node.connectWithNode(address ?? '', options ?? {});
    return peer.id;
  },
  async send({ data }: Command) {
    return target().send(data as string);
  },
  async request({ data }: Command) {
    return described(await target().request(data as string));
  },
  async deliver({ data }: Command) {
    await target().deliver(data as string);
    return true;
  },
  async stream({ bytes = 0, data }: Command) {
    const stream = await target().openStream(data as string);
    const hash = createHash('sha256');
    const chunk = Buffer.alloc(65_536);
    for (let sent = 0; sent < bytes; sent += chunk.length) {
      chunk.writeUInt32LE(sent);
      hash.update(chunk);
      await stream.write(Uint8Array.from(chunk));
    }
    await stream.end();
    return { sent: hash.digest('hex'), received: await readAll(stream) };
  },
  /** Sends the latest state that arrived. */
  async state({ data = null }: Command) {
    await node.sendState(target(), state, { info: data as Data });
    return true;
  },
  async ping() {
    return (await target().ping()) > 0;
  },
  async stop() {
    await node.stop();
    return true;
  },
};

await node.start();
say({ event: 'ready', id: node.id, port: node.port });
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line) as Command;
  commands[command.do](command).then(
    (result) => say({ id: command.id, result }),
    (error: Error & { code?: string }) => say({ id: command.id, error: error.message, code: error.code }),
  );
}
await node.stop();
