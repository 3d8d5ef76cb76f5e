import {
  type Data,
  type HistoryOptions,
  type Limits,
  Node,
  type NodeConnection,
  PeerloomError,
  type PeerStream,
  type PresenceOptions,
  type Protocol,
  type TcpProtocol,
  tcp,
} from '../../../../src/index.ts';
import { internet, libp2p } from '../../../../src/libp2p/index.ts';
import { SecureNode } from '../../../../src/secure/index.ts';
import { serve, tell } from './child.ts';

/** How the node under attack is set up. */
export interface VictimOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  readonly limits?: Partial<Limits>;
  readonly maxConnections?: number;
  readonly network?: string;
  /** Accept plain TCP beside TLS. */
  readonly plain?: boolean;
  /** Accept nodes of the Python package as well. */
  readonly p2pnetwork?: boolean;
  /** Accept WebSockets as well. */
  readonly websocket?: boolean;
  /** Listen by libp2p as well, at a port of its own. */
  readonly libp2p?: boolean;
  /** Hold on to the objects of connections that have ended. */
  readonly keepsConnections?: boolean;
  /** A SecureNode. */
  readonly secure?: boolean;
  /** Keeps the topic 'chat'. */
  readonly history?: HistoryOptions;
  readonly neighbourhood?: 'automatic';
  readonly presence?: PresenceOptions;
}

/**
 * What handlers do: end at once, end a turn of the event loop later, leave the peer then, wait until they are let go,
 * do that with messages but answer requests.
 */
type Manner = 'prompt' | 'slow' | 'leave' | 'hold' | 'hold messages';

/** What became of a question. */
export interface Outcome {
  readonly value?: Data;
  readonly code?: string;
  readonly message?: string;
}

const {
  host = '127.0.0.1',
  plain,
  p2pnetwork,
  websocket,
  libp2p: hasLibp2p = false,
  keepsConnections = false,
  secure = false,
  history,
  ...nodeOptions
} = JSON.parse(process.argv[2] ?? '{}') as VictimOptions;
const Base: typeof Node = secure ? SecureNode : Node;

/** The node under attack: echoes requests, counts messages, and tells what happens to it. */
class Victim extends Base {
  manner: Manner = 'prompt';
  /** Messages that reached the handler after the disconnect event of their peer. */
  belated = 0;
  handled = 0;
  /** Streams that reached the handler, and bytes that it read from them. */
  streams = 0;
  streamBytes = 0;
  /** Errors in the handlers of this class. */
  failures = 0;
  lastMessage: Data = null;
  readonly past: NodeConnection[] = [];
  #letGo: (() => void)[] = [];

  override async nodeRequest(peer: NodeConnection, data: Data): Promise<Data> {
    if (peer.name === 'raw' && this.manner !== 'hold messages') await this.#hold();
    return data;
  }

  override nodeMessage(peer: NodeConnection, data: Data): void | Promise<void> {
    this.lastMessage = data;
    this.handled += 1;
    if (peer.closeReason !== undefined) this.belated += 1;
    if (this.manner === 'leave') return new Promise(setImmediate).then(() => peer.stop());
    return this.#hold();
  }

  override async nodeStream(_peer: NodeConnection, stream: PeerStream): Promise<void> {
    this.streams += 1;
    await this.#hold();
    for await (const bytes of stream) this.streamBytes += bytes.length;
    stream.end();
  }

  override inboundNodeConnected(peer: NodeConnection): void {
    if (keepsConnections) this.past.push(peer);
    tell({ name: 'connected', id: peer.id, code: '', message: peer.name });
  }

  override inboundNodeDisconnected(peer: NodeConnection): void {
    const { code, by, message } = peer.closeReason!;
    tell({ name: 'disconnected', id: peer.id, code: `${code} by ${by}`, message });
  }

  override nodeMessageRejected(peer: NodeConnection, error: Error): void {
    const code = error instanceof PeerloomError ? error.code : error.name;
    tell({ name: 'rejected', id: peer.id, code, message: error.message });
  }

  override nodeError(): void {
    this.failures += 1;
  }

  /** How many handlers are being held. */
  get held(): number {
    return this.#letGo.length;
  }

  letGo(): void {
    for (const go of this.#letGo.splice(0)) go();
  }

  /** Takes a frame of a protocol. */
  take(): void | Promise<void> {
    this.handled += 1;
    return this.#hold();
  }

  #hold(): void | Promise<void> {
    if (this.manner === 'prompt') return undefined;
    if (!this.manner.startsWith('hold')) return new Promise(setImmediate);
    return new Promise((resolve) => this.#letGo.push(resolve));
  }
}

const accept: TcpProtocol[] = ['tls'];
if (plain) accept.push('plain');
if (p2pnetwork) accept.push('p2pnetwork');
if (websocket) accept.push('websocket');
/** A protocol that treats what it gets as the handlers of the node do. */
const protocol: Protocol = {
  name: 'victim/1',
  attach() {},
  opened() {},
  received: () => node.take(),
  closed() {},
};

const node: Victim = new Victim(host, 0, {
  ...nodeOptions,
  protocols: [protocol],
  authorize: (peer) => (peer.name === 'doubtful' ? new Promise<never>(() => {}) : true),
  transports: [
    tcp({ accept }),
    ...(hasLibp2p ? [libp2p(internet({ listen: ['/ip4/127.0.0.1/tcp/0'] }))] : []),
  ],
});

if (history !== undefined) node.subscribe('chat', { history });

/** What this thread computed in one go, at the most; a machine that has much else to do does not count. */
const turn = { longestMs: 0, lastCpuMs: cpuMs() };
setInterval(() => {
  turn.longestMs = Math.max(turn.longestMs, cpuMs() - turn.lastCpuMs);
  turn.lastCpuMs = cpuMs();
}, 5).unref();

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

const commands = {
  async start(): Promise<{ port: number; id: string }> {
    await node.start();
    return { port: node.port, id: node.id };
  },

  /** Where it listens by libp2p. */
  multiaddr: () => node.addresses.find((one) => one.startsWith('/ip4/'))!,

  stats() {
    const { handled, held, belated, failures, streams, streamBytes } = node;
    return {
      handled,
      streams,
      streamBytes,
      failures,
      held,
      belated,
      received: node.messageCountRecv,
      rejected: node.messageCountRerr,
      connections: node.allNodes.length,
    };
  },

  /** In MiB: what is in use once the garbage is gone; what the process has, and the most that it ever had. */
  memory() {
    gc!();
    gc!(); // the second waits for the memory that the first gave back
    const { heapUsed, external, rss } = process.memoryUsage();
    const nowMiB = rss / 2 ** 20;
    return {
      usedMiB: (heapUsed + external) / 2 ** 20,
      nowMiB,
      peakMiB: process.resourceUsage().maxRSS / 1024,
    };
  },

  /** The longest that the event loop was held up by computing since this was asked last, in milliseconds. */
  longestTurnMs() {
    const { longestMs } = turn;
    turn.longestMs = 0;
    return longestMs;
  },

  /** Lets go of the last message, which may be a large one. */
  forget() {
    node.lastMessage = null;
  },

  lastMessage() {
    const data = node.lastMessage;
    const isPlain =
      typeof data === 'object' && data !== null && Object.getPrototypeOf(data) === Object.prototype;
    return { json: JSON.stringify(data), isPlain, isPolluted: 'polluted' in {} };
  },

  /** What the handlers do from now on. */
  handlers(manner: Manner) {
    node.manner = manner;
    if (!manner.startsWith('hold')) node.letGo();
  },

  /** Sends messages to one peer until its queue refuses one. */
  sendUntilRefused({ id, bytes }: { id: string; bytes: number }) {
    const data = new Uint8Array(bytes);
    let accepted = 0;
    let congestedAfter = 0;
    for (;;) {
      try {
        const hasRoom = node.sendToNode(id, data);
        accepted += 1;
        if (!hasRoom) congestedAfter ||= accepted;
      } catch (error) {
        return { accepted, congestedAfter, code: (error as PeerloomError).code };
      }
    }
  },

  sendOne({ id, bytes }: { id: string; bytes: number }) {
    try {
      node.sendToNode(id, new Uint8Array(bytes));
      return 'sent';
    } catch (error) {
      return (error as PeerloomError).code;
    }
  },

  /** Asks so many questions at once; how long the answers are together, which are not kept. */
  async askMany({ id, count }: { id: string; count: number }): Promise<number> {
    const peer = node.allNodes.find((each) => each.id === id)!;
    const ask = async (): Promise<number> =>
      ((await peer.request('?', { timeoutMs: Number.POSITIVE_INFINITY })) as Uint8Array).length;
    return (await Promise.all(Array.from({ length: count }, ask))).reduce((sum, length) => sum + length, 0);
  },

  /** Asks a peer, and answers how that went. */
  async ask({ id, question }: { id: string; question: 'request' | 'deliver' }): Promise<Outcome> {
    const peer = node.allNodes.find((one) => one.id === id)!;
    try {
      if (question === 'request') return { value: await peer.request('?') };
      await peer.deliver('?');
      return {};
    } catch (error) {
      const { code, message } = error as PeerloomError;
      return { code, message };
    }
  },

  /** Has a SecureNode own a collection with a large item and some small ones, and bring it to a replica: how that went. */
  async replicate({ collection, replica }: { collection: string; replica: string }): Promise<Outcome> {
    const { vault } = node as unknown as SecureNode;
    await vault.putStream(collection, 'large', [new Uint8Array(2 ** 21)]);
    for (const name of ['a', 'b', 'c']) await vault.put(collection, name, new Uint8Array(2 ** 19));
    await vault.addReplica(collection, replica);
    const [result] = await vault.sync();
    const { code = '', message = '' } = (result?.error ?? {}) as Partial<PeerloomError>;
    return { code, message };
  },

  stop: () => node.stop(),
};
export type VictimCommands = typeof commands;

if (process.send !== undefined) serve(commands);
