import type { TestContext } from 'node:test';
import { Identity, type NodeConnection, type NodeOptions } from '../../src/index.ts';
import { ChaosProxy } from './chaos-proxy.ts';
import { Fixture } from './fixture.ts';
import type { RecordingNode } from './recording-node.ts';
import { makeNode, startNodes } from './start-nodes.ts';

export interface DurablePair {
  /** It dialled, with `reconnect`. */
  readonly a: RecordingNode;
  readonly b: RecordingNode;
  /** Stands between the two. */
  readonly proxy: ChaosProxy;
  readonly connection: NodeConnection;
  readonly reverse: NodeConnection;
  /** Keeps the two apart, and waits until both know. */
  lose(): Promise<void>;
  /** Lets them find each other, and waits until both know. */
  comeBack(): Promise<void>;
  /** Another run of b takes its place. */
  restart(): Promise<RecordingNode>;
}

/** Nodes a and b, the first keeping connected with the second through a proxy. */
export async function startDurable(
  t: TestContext,
  { dialler = {}, listener = {} }: { dialler?: NodeOptions; listener?: NodeOptions } = {},
): Promise<DurablePair> {
  const identity = Identity.generate();
  const reconnect = { minDelayMs: 1, maxDelayMs: 20 };
  const [a, b] = await startNodes(t, 2, {
    options: (index) => (index === 0 ? { reconnect, ...dialler } : { identity, ...listener }),
  });
  const target = { port: b.port };
  const proxy = await ChaosProxy.start({ target });
  Fixture.of(t).defer(() => proxy.stop());
  const connection = await a.connectWithNode('127.0.0.1', proxy.port, { reconnect: true });
  await b.event('inbound_node_connected');
  const both = async (outbound: 'connected' | 'disconnected', change: () => void): Promise<void> => {
    const next = (node: RecordingNode, name: `${'in' | 'out'}bound_node_${typeof outbound}`) =>
      node.event(name, node.of(name).length + 1);
    const told = [next(a, `outbound_node_${outbound}`), next(b, `inbound_node_${outbound}`)];
    change();
    await Promise.all(told);
  };
  return {
    a,
    b,
    proxy,
    connection,
    reverse: b.peer(a),
    lose: () => both('disconnected', () => proxy.shut()),
    comeBack: () => both('connected', () => proxy.open()),
    restart: async () => {
      await b.stop();
      const next = makeNode(t, { options: { identity, ...listener } }, 2);
      await next.start();
      target.port = next.port;
      return next;
    },
  };
}
