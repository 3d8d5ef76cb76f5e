import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type NodeConnection, type NodeOptions, tcp } from '../../../src/index.ts';
import type { RecordingNode } from '../../support/recording-node.ts';
import { makeNode } from '../../support/start-nodes.ts';
import { PythonNode, type PythonNodeOptions } from './python-node.ts';

/** A node of ours that accepts Python nodes too, and runs. */
export async function startOurs(t: TestContext, options: NodeOptions = {}, port = 0): Promise<RecordingNode> {
  const transports = [tcp({ accept: ['tls', 'p2pnetwork'] })];
  const node = makeNode(t, { port, options: { transports, ...options } });
  await node.start();
  return node;
}

/** A node of ours and one of the Python package, connected, and our end of the connection. */
export interface MixedPair {
  readonly ours: RecordingNode;
  readonly python: PythonNode;
  readonly peer: NodeConnection;
}

export const directions = ['we dial', 'they dial'] as const;
export type Direction = (typeof directions)[number];

export interface MixedPairOptions {
  readonly ours?: NodeOptions;
  readonly python?: PythonNodeOptions;
}

/** A test with such a pair. */
export function withMixedPair(
  name: string,
  direction: Direction,
  run: (pair: MixedPair, t: TestContext) => Promise<void>,
  options: MixedPairOptions = {},
): void {
  test(`${name} (${direction})`, async (t) => {
    const python = await PythonNode.start(t, options.python);
    if (python === undefined) return;
    const ours = await startOurs(t, options.ours);
    await run({ ours, python, peer: await connectMixed(ours, python, direction) }, t);
  });
}

/** Connects the two, and waits for the event on both sides. */
export async function connectMixed(
  ours: RecordingNode,
  python: PythonNode,
  direction: Direction,
): Promise<NodeConnection> {
  if (direction === 'we dial') await dialPython(ours, python);
  else assert.equal(await python.connect(ours.port), true);
  const [outbound, inbound] = direction === 'we dial' ? [ours, python] : [python, ours];
  await happens(outbound, 'outbound_node_connected');
  await happens(inbound, 'inbound_node_connected');
  return ours.peer(python);
}

export function dialPython(ours: RecordingNode, { port }: PythonNode): Promise<NodeConnection> {
  return ours.connectWithNode(`p2pnetwork://127.0.0.1:${port}`);
}

type ConnectedEvent = 'outbound_node_connected' | 'inbound_node_connected';

async function happens(node: RecordingNode | PythonNode, event: ConnectedEvent): Promise<void> {
  if (node instanceof PythonNode) await node.until(event);
  else await node.event(event);
}
