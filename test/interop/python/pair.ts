import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { within } from '../../support/turns.ts';
import { PythonNode, type PythonNodeOptions } from './python-node.ts';
import { RawPeer } from './raw-peer.ts';

export interface Pair {
  readonly python: PythonNode;
  readonly raw: RawPeer;
}

/** A test with a Python node, and a bare socket that has dialled it. */
export function withPair(
  name: string,
  run: (pair: Pair, t: TestContext) => Promise<void>,
  options: PythonNodeOptions = {},
) {
  test(name, async (t) => {
    const python = await PythonNode.start(t, options);
    if (python !== undefined) await run({ python, raw: await dial(t, python) }, t);
  });
}

/** A test with a Python node alone. */
export function withNode(
  name: string,
  run: (python: PythonNode, t: TestContext) => Promise<void>,
  options: PythonNodeOptions = {},
) {
  test(name, async (t) => {
    const python = await PythonNode.start(t, options);
    if (python !== undefined) await run(python, t);
  });
}

export async function dial(t: TestContext, python: PythonNode, id = 'us'): Promise<RawPeer> {
  const before = python.of('inbound_node_connected').length;
  const raw = await RawPeer.dial(t, python.port, `${id}:10001`);
  await raw.take(python.id.length);
  await python.until('inbound_node_connected', before + 1);
  return raw;
}

/** The data of the messages that a Python node was given. */
export function messages(python: PythonNode): string[] {
  return python
    .of('node_message')
    .map(({ type, hex, json }) => `${type} ${json ?? Buffer.from(hex!, 'hex')}`);
}

/** Resolves when a thread of the node has ended, although the node lists its peer still. */
export async function readsNoMore(python: PythonNode, peer: string): Promise<void> {
  const isOver = async () => !(await python.state()).reading.includes(peer);
  await within(becomesTrue(isOver), `the thread for '${peer}' ends`);
  const { inbound, outbound } = await python.state();
  assert.ok([...inbound, ...outbound].includes(peer), 'it is listed');
  assert.deepEqual(
    [...python.of('inbound_node_disconnected'), ...python.of('outbound_node_disconnected')],
    [],
  );
}

/** Resolves when the node's own thread has ended. */
export async function listensNoMore(python: PythonNode): Promise<void> {
  const isOver = async () => !(await python.state()).listening;
  await within(becomesTrue(isOver), 'the thread of the node ends');
}

/** Asks until the answer is yes. */
export async function becomesTrue(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo()));
}

/** Resolves when the node has been dialled once more, and has read from that connection. */
export async function timeToRead(t: TestContext, python: PythonNode): Promise<void> {
  const count = python.of('node_message').length;
  const another = await dial(t, python, 'another');
  another.write('another\u0004');
  await python.until('node_message', count + 1);
}
