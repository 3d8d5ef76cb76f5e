/**
 * Cuts links of one kind at every byte of their handshakes and of their end, and counts what nobody caught:
 * `node links-to-cut.ts '{"kind":"tls","isEvery":true}'`. Both ends are in this process.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { Node, type NodeOptions, PeerloomError, tcp, webSocket } from '../../../src/index.ts';
import { type Cut, CuttingProxy, cuts } from '../cutting-proxy.ts';
import { pageTransport } from '../page-transport.ts';
import { until } from '../turns.ts';

export type LinkKind =
  | 'tls'
  | 'network key'
  | 'plain'
  | 'resumed session'
  | 'p2pnetwork dialler'
  | 'p2pnetwork listener'
  | 'p2pnetwork, then tls'
  | 'websocket'
  | 'websocket of a page';

export interface CutOptions {
  readonly kind: LinkKind;
  /** At every byte; otherwise only at some of those deep inside a long piece, such as the keys of TLS. */
  readonly isEvery: boolean;
}

export interface CutReport {
  /** Bytes of a link that nobody cuts. */
  readonly bytes: number;
  /** Where a link was to be cut, and at how many places it was. */
  readonly planned: number;
  readonly cutAt: number;
  readonly links: number;
  /** What `connectWithNode` rejected with, by its code. */
  readonly codes: Readonly<Record<string, number>>;
  /** Errors that nobody caught, and those that a dial may not end with. */
  readonly faults: readonly string[];
}

/** So many dials at a time. */
const lanes = 12;

/** Further from the ends of a piece than `marginBytes`, one byte of so many is enough. */
const usualShare = { marginBytes: 40, sparse: 5 };

/** The certificates and keys are long, and read as a whole. */
const shareOfTls = { marginBytes: 15, sparse: 15 };

/** The handshakes of these links differ little from those of TLS, and each cut of a session costs two of them. */
const shareOfSimilar = { marginBytes: 5, sparse: 25 };

/** The request and its answer are long, and read as a whole. */
const shareOfWebSockets = { marginBytes: 2, sparse: 61 };

const faults: string[] = [];
const codes: Record<string, number> = {};
process.on('uncaughtException', (error) => faults.push(`uncaught: ${error.stack}`));
process.on('unhandledRejection', (error) => faults.push(`unhandled: ${(error as Error).stack}`));

/** One end that dials through the proxy, until the link has ended on both sides, or another has taken its place. */
interface Act {
  dial(signal: AbortSignal): Promise<void>;
}

interface Scene {
  readonly listenerPort: number;
  /** A link is still there after a dial. */
  readonly lasts?: boolean;
  act(proxy: CuttingProxy): Promise<Act>;
}

const stops: (() => unknown)[] = [];

async function startNode(options: NodeOptions): Promise<Node> {
  const node = new Node('127.0.0.1', 0, { maxConnections: 0, ...options });
  await node.start();
  node.on('node_error', (error) => faults.push(`node_error: ${(error as Error).stack}`));
  stops.push(() => node.stop());
  return node;
}

/** Two nodes of which one dials the other. */
async function twoNodes(makeOptions: () => NodeOptions, scheme: string): Promise<Scene> {
  const listener = await startNode(makeOptions());
  return {
    listenerPort: listener.port,
    async act({ port }) {
      const dialler = await startNode(makeOptions());
      return {
        async dial(signal) {
          await connectAndStop(dialler, `${scheme}://127.0.0.1:${port}`, signal);
          await until(
            () => dialler.allNodes.length === 0 && !listener.allNodes.some(({ id }) => id === dialler.id),
            'both ends have lost the link',
          );
        },
      };
    },
  };
}

async function connectAndStop(dialler: Node, address: string, signal: AbortSignal): Promise<void> {
  try {
    const connection = await dialler.connectWithNode(address, { signal });
    await connection.stop();
  } catch (error) {
    if (!(error instanceof PeerloomError)) return void faults.push(`dial: ${(error as Error).stack}`);
    codes[error.code] = (codes[error.code] ?? 0) + 1;
  }
}

/**
 * Two nodes that keep a session. Each dial breaks its link, so that the dialler resumes it over the next one: what was
 * sent before arrives once, or the session ends because the dialler stops.
 */
async function keptSession(): Promise<Scene> {
  const reconnect = { minDelayMs: 1, maxDelayMs: 2 };
  const listener = await startNode({ reconnect });
  const arrived = new Set<unknown>();
  listener.on('node_message', (_peer, data) => {
    if (arrived.has(data)) faults.push(`${data} arrived twice`);
    arrived.add(data);
  });
  let count = 0;
  return {
    listenerPort: listener.port,
    lasts: true,
    async act(proxy) {
      const dialler = await startNode({ reconnect });
      const connect = () => dialler.connectWithNode(`127.0.0.1:${proxy.port}`, { reconnect: true });
      let connection = await connect();
      return {
        async dial(signal) {
          count += 1;
          const message = `message ${count}`;
          const stopped = Promise.withResolvers<void>();
          signal.addEventListener('abort', () => stopped.resolve(connection.stop()));
          proxy.breakLinks();
          try {
            await connection.deliver(message);
            if (!arrived.has(message)) faults.push(`${message} did not arrive`);
          } catch (error) {
            if (!signal.aborted) faults.push(`deliver: ${(error as Error).stack}`);
          }
          if (!signal.aborted) return;
          await stopped.promise;
          await until(
            () => dialler.allNodes.length === 0 && !listener.allNodes.some(({ id }) => id === dialler.id),
            'both ends have lost the session',
          );
          connection = await connect();
        },
      };
    },
  };
}

const p2pnetwork = () => ({ transports: [tcp({ accept: ['tls', 'plain', 'p2pnetwork'] })] });

/** A listener that answers as a Python node does, and leaves when it is told something. */
async function pythonListener(): Promise<Scene> {
  const server: Server = createServer({ noDelay: true }, (socket: Socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.write('python-listener'));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  stops.push(() => server.close());
  return {
    listenerPort: (server.address() as AddressInfo).port,
    async act({ port }) {
      const dialler = await startNode(p2pnetwork());
      return {
        async dial(signal) {
          await connectAndStop(dialler, `p2pnetwork://127.0.0.1:${port}`, signal);
          await until(() => dialler.allNodes.length === 0, 'the dialler has lost the link');
        },
      };
    },
  };
}

/** A dialler that says what a Python node does, then a message, and leaves. */
async function pythonDialler(): Promise<Scene> {
  const listener = await startNode(p2pnetwork());
  let count = 0;
  return {
    listenerPort: listener.port,
    async act({ port }) {
      count += 1;
      const id = `python-${count}`;
      return {
        async dial(signal) {
          const socket = connect({ host: '127.0.0.1', port, noDelay: true });
          socket.on('error', () => {});
          signal.addEventListener('abort', () => socket.resetAndDestroy());
          socket.once('connect', () => socket.write(`${id}:12345`));
          socket.once('data', () => socket.end('"a message"\u0004'));
          await new Promise((resolve) => socket.once('close', resolve));
          await until(() => !listener.allNodes.some((node) => node.id === id), 'the listener has lost it');
        },
      };
    },
  };
}

/** A dialler that uses the WebSocket of the runtime, as a page does. */
function webSocketOfPage(): Promise<Scene> {
  let isListener = true;
  const options = (): NodeOptions => {
    const transports = [isListener ? webSocket() : pageTransport('http://127.0.0.1')];
    isListener = false;
    const limits = {
      maxInboundPerAddress: 0,
      inboundPerSecondPerAddress: 100_000,
      maxHalfOpenPerAddress: 64,
    };
    return { transports, limits };
  };
  return twoNodes(options, 'ws');
}

const scenes: Record<LinkKind, () => Promise<Scene>> = {
  tls: () => twoNodes(() => ({ transports: [tcp()] }), 'tls'),
  'network key': () => twoNodes(() => ({ transports: [tcp()], networkKey: 'a shared key' }), 'tls'),
  plain: () => twoNodes(() => ({ transports: [tcp({ accept: ['tls', 'plain'] })] }), 'tcp'),
  'resumed session': keptSession,
  'p2pnetwork dialler': pythonListener,
  'p2pnetwork listener': pythonDialler,
  'p2pnetwork, then tls': () => twoNodes(p2pnetwork, 'p2pnetwork+tls'),
  websocket: () => twoNodes(() => ({ transports: [webSocket()], networkKey: 'a shared key' }), 'ws'),
  'websocket of a page': webSocketOfPage,
};

async function run(kind: LinkKind): Promise<CutReport> {
  const scene = await scenes[kind]();
  const crew = await Promise.all(
    Array.from({ length: lanes }, async () => {
      const proxy = await CuttingProxy.start(scene.listenerPort);
      stops.push(() => proxy.close());
      return { proxy, act: await scene.act(proxy) };
    }),
  );
  let links = 0;
  const cutAt = new Set<number>();
  const dial = async ({ proxy, act }: (typeof crew)[number], atByte: number, cut: Cut): Promise<void> => {
    const abortion = new AbortController();
    proxy.plan({ atByte, cut, onCut: () => abortion.abort() });
    links += 1;
    await act.dial(abortion.signal);
    if (!scene.lasts) await until(() => proxy.isIdle, 'the proxy has lost the link');
    if (proxy.last.isCut) cutAt.add(atByte);
  };

  const [first] = crew;
  await dial(first!, Number.POSITIVE_INFINITY, 'reset');
  const { bytes, stops: pieces } = first!.proxy.last;
  const { marginBytes, sparse } = shareOf(kind);
  const jobs: (readonly [atByte: number, cut: Cut])[] = [];
  for (let atByte = 1; atByte <= bytes; atByte++) {
    if (isEvery || !isInside(atByte, pieces, marginBytes) || atByte % sparse === 0) {
      jobs.push([atByte, cuts[jobs.length % cuts.length]!]);
    }
  }
  // Where a piece ends both sides have got to another state: there it is done in every way.
  for (const stop of pieces) for (const cut of cuts) jobs.push([stop, cut]);
  const planned = new Set(jobs.map(([atByte]) => atByte)).size;
  jobs.reverse();
  await Promise.all(
    crew.map(async (member) => {
      for (let job = jobs.pop(); job !== undefined && faults.length === 0; job = jobs.pop()) {
        await dial(member, ...job);
      }
    }),
  );
  return { bytes, planned, cutAt: cutAt.size, links, codes, faults };
}

function shareOf(kind: LinkKind): typeof usualShare {
  if (kind === 'tls') return shareOfTls;
  if (/session|key|then tls/.test(kind)) return shareOfSimilar;
  return kind.startsWith('websocket') ? shareOfWebSockets : usualShare;
}

/** Deep inside a long piece, of which the other side can do nothing with a part. */
function isInside(atByte: number, ends: readonly number[], marginBytes: number): boolean {
  return ends.every((end) => Math.abs(atByte - end) > marginBytes) && atByte > marginBytes;
}

const { kind, isEvery } = JSON.parse(process.argv[2]!) as CutOptions;
const report = await run(kind);
await Promise.all(stops.map((stop) => stop()));
// What a socket throws is told a turn later.
setImmediate(() => console.log(JSON.stringify(report)));
