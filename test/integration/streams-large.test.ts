import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { heldBytes } from '../support/memory.ts';
import { startNodes } from '../support/start-nodes.ts';
import { within } from '../support/turns.ts';
import { Child } from './attacks/support/child.ts';
import type { VictimCommands } from './attacks/support/victim.ts';

const mebibyte = 1024 * 1024;

suite('a stream of 128 MiB to another process', () => {
  // In full size, and with what garbage adds: scripts/streams-trial.js.
  test('is held by neither side, and arrives whole', async (t) => {
    const receiver = new Child<VictimCommands>('victim.ts', {});
    t.after(() => receiver.stop());
    const { port } = await receiver.call('start');
    const [sender] = await startNodes(t, 1);
    const connection = await sender.connectWithNode('127.0.0.1', port);
    const held = async (): Promise<number[]> => [
      heldBytes() / mebibyte,
      (await receiver.call('memory')).usedMiB,
    ];
    const piece = new Uint8Array(100_000);
    const pieces = 1_400;
    const stream = await connection.openStream();
    let before: number[] | undefined;
    for (let count = 1; count <= pieces; count++) {
      if (!stream.write(piece)) await within(stream.drained(), 'the stream goes on');
      if (count % 100 !== 0) continue;
      const now = await held();
      before ??= now;
      const grown = now.map((mebibytes, side) => mebibytes - before![side]!);
      assert.ok(Math.max(...grown) < 8, `the two sides hold ${grown.join(' and ')} MiB more`);
    }
    stream.end();
    await within(stream.closed, 'both sides are done');
    assert.equal((await receiver.call('stats')).streamBytes, pieces * piece.length);
  });
});
