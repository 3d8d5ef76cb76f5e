import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memory, Node } from '../../src/index.ts';
import '../support/look-over.ts';
import { heldBytes } from '../support/memory.ts';
import { turn } from '../support/turns.ts';

const nodes: Node[] = [];

function createNode(): Node {
  const node = new Node('127.0.0.1', 0, { transports: [memory()] });
  nodes.push(node);
  return node;
}

/** What is held once nothing is left of handshakes: some of it goes only in a turn after it was found unused. */
async function settled(): Promise<number> {
  for (let count = 0; count < 3; count++) {
    await turn();
    heldBytes();
  }
  return heldBytes();
}

test('a node that is not started, and the idle end of a connection, take little memory', async (t) => {
  t.after(() => Promise.all(nodes.map((node) => node.stop())));
  // What the engine compiles once nodes are made often is not theirs.
  for (let count = 0; count < 100; count++) createNode();
  const before = await settled();
  for (let count = 0; count < 50; count++) createNode();
  const perNode = ((await settled()) - before) / 50;
  assert.ok(perNode <= 12_288, `a node takes ${Math.round(perNode)} bytes`);

  const [diallers, listeners] = [nodes.slice(0, 32), nodes.slice(36, 60)];
  for (const node of [...diallers, ...listeners]) await node.start();
  const addresses = listeners.map((node) => node.addresses[0]!);
  const dialAll = async (dialler: Node): Promise<void> => {
    for (const address of addresses) await dialler.connectWithNode(address);
  };
  for (const dialler of diallers.slice(0, 22)) await dialAll(dialler);
  const beforeLinks = await settled();
  for (const dialler of diallers.slice(22)) await dialAll(dialler);
  const perEnd = ((await settled()) - beforeLinks) / (2 * 10 * addresses.length);
  t.diagnostic(`a node takes ${Math.round(perNode)} bytes, an idle end ${Math.round(perEnd)}`);
  assert.ok(perEnd <= 5_120, `an idle end takes ${Math.round(perEnd)} bytes`);
});
