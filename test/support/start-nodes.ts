import type { TestContext } from 'node:test';
import { MemoryHub, memory, type NodeConnection, type NodeOptions, tcp } from '../../src/index.ts';
import { VirtualRuntime } from '../../src/simulator/virtual-runtime.ts';
import type { Engine } from './engines.ts';
import { Fixture } from './fixture.ts';
import { RecordingNode } from './recording-node.ts';
import { LongestDelays } from './virtual-runtimes.ts';

export interface StartOptions<Kind extends RecordingNode> {
  /** The class of the nodes. Default {@link RecordingNode}. */
  readonly kind?: new (
    host: string,
    port: number,
    options?: NodeOptions,
  ) => Kind;
  /** Default TLS. */
  readonly engine?: Engine;
  /** The port to listen on. Default 0. */
  readonly port?: number;
  /** The options of the nodes, or of each. */
  readonly options?: NodeOptions | ((index: number) => NodeOptions);
}

type TupleOf<Item, Length extends number, Items extends Item[] = []> = number extends Length
  ? Item[]
  : Items['length'] extends Length
    ? Items
    : TupleOf<Item, Length, [...Items, Item]>;

const letters = 'abcdefghijklmnopqrstuvwxyz';
const tls: Engine = { name: 'tcp(), TLS', host: '127.0.0.1', transport: () => tcp() };

/** A node that does not run yet and is stopped, and looked over, when the test ends. */
export function makeNode<Kind extends RecordingNode = RecordingNode>(
  t: TestContext,
  { kind, engine = tls, port = 0, options = {} }: StartOptions<Kind> = {},
  index = 0,
): Kind {
  const fixture = Fixture.of(t);
  const Class = kind ?? (RecordingNode as NonNullable<typeof kind>);
  const ownOptions = typeof options === 'function' ? options(index) : options;
  const node = new Class(engine.host, port, {
    name: letters[index % letters.length]!,
    transports: [engine.transport()],
    ...(engine.networkKey === undefined ? {} : { networkKey: engine.networkKey }),
    ...ownOptions,
  });
  const { runtime } = ownOptions;
  if (runtime instanceof VirtualRuntime) fixture.addNode(node, (stopped) => runtime.settle(stopped));
  else fixture.addNode(node);
  return node;
}

/** Nodes 'a', 'b', 'c' … that run, and are stopped and looked over when the test ends. */
export async function startNodes<Count extends number, Kind extends RecordingNode = RecordingNode>(
  t: TestContext,
  count: Count,
  options: StartOptions<Kind> = {},
): Promise<TupleOf<Kind, Count>> {
  const nodes = Array.from({ length: count }, (_, index) => makeNode(t, options, index));
  for (const node of nodes) await node.start();
  return nodes as TupleOf<Kind, Count>;
}

/** Connects one node with another and waits for the event on both sides. */
export async function connect(from: RecordingNode, to: RecordingNode): Promise<NodeConnection> {
  const earlier = to.of('inbound_node_connected').length;
  const connection = await from.connectWithNode(to.host, to.port);
  await to.event('inbound_node_connected', earlier + 1);
  return connection;
}

/** Two nodes, and the connection of the first with the second. */
export async function startPair<Kind extends RecordingNode = RecordingNode>(
  t: TestContext,
  options: StartOptions<Kind> = {},
): Promise<{ a: Kind; b: Kind; connection: NodeConnection; reverse: NodeConnection }> {
  const [a, b] = await startNodes(t, 2, options);
  const connection = await connect(a, b);
  return { a, b, connection, reverse: b.peer(a) };
}

/** Nodes in a world of their own whose clock stands still until the test moves it. */
export async function startVirtualNodes<Count extends number, Kind extends RecordingNode = RecordingNode>(
  t: TestContext,
  count: Count,
  { kind, options = {} }: Pick<StartOptions<Kind>, 'kind'> & { options?: NodeOptions } = {},
): Promise<{ nodes: TupleOf<Kind, Count>; runtime: LongestDelays; engine: Engine }> {
  const runtime = new LongestDelays();
  const hub = new MemoryHub();
  const engine: Engine = { name: 'virtual', host: 'virtual', transport: () => memory({ hub }) };
  const nodes = await startNodes(t, count, {
    engine,
    options: { runtime, ...options },
    ...(kind === undefined ? {} : { kind }),
  });
  return { nodes, runtime, engine };
}
