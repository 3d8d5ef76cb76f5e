/** Sides that send faster than the other reads. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { withCode } from '../../support/errors.ts';
import { heldBytes } from '../../support/memory.ts';
import { turns, until } from '../../support/turns.ts';
import { startOurs, withMixedPair } from './nodes.ts';
import { RawPeer } from './raw-peer.ts';

const mebibyte = 1024 * 1024;

suite('pressure between nodes of both kinds', () => {
  withMixedPair(
    'a Python node that reads no more fills a queue with an end',
    'we dial',
    async ({ ours, python, peer }) => {
      await python.hold();
      const message = new Uint8Array(64 * 1024).fill(0xe9);
      const before = heldBytes();
      let bytes = 0;
      let congestedAt = 0;
      const isFull = (): boolean => {
        try {
          if (!peer.send(message)) congestedAt ||= bytes;
          bytes += message.length;
          return false;
        } catch (error) {
          return withCode('ERR_QUEUE_FULL', /queueMaxBytes/)(error);
        }
      };
      // The system takes some MiB of its own, bit by bit.
      for (let full = 0; full < 20; full++) {
        await until(isFull, 'the queue is full');
        await turns(5);
      }
      assert.ok(congestedAt > 0, 'send() answered false before');
      assert.ok(bytes < 32 * mebibyte, `${bytes} bytes were taken`);
      const grown = heldBytes() - before;
      assert.ok(grown < 8 * mebibyte, `grown by ${grown} bytes`);
      const drained = peer.drained();
      await python.kill();
      await drained;
      await ours.event('outbound_node_disconnected');
    },
    { ours: { limits: { queueMaxBytes: 4 * mebibyte, queueHighWaterBytes: mebibyte } } },
  );

  test('a peer that stops reading for a while misses nothing', async (t) => {
    const ours = await startOurs(t);
    const raw = await RawPeer.dial(t, ours.port, 'a slow one:10001');
    await raw.take(ours.id.length);
    const { peer } = await ours.event('inbound_node_connected');
    raw.socket.pause();
    let count = 0;
    await until(() => !peer!.send(`message ${count++} ${'x'.repeat(100_000)}`), 'send() returns false');
    raw.socket.resume();
    await peer!.drained();
    assert.ok(peer!.send('last'));
    for (let number = 0; number < count; number++) {
      assert.match((await raw.takeUntil(4)).subarray(0, 20).toString(), new RegExp(`^message ${number} x`));
    }
    assert.equal((await raw.takeUntil(4)).toString(), 'last');
    // A node that stops leaves others the time that a Python node needs for what it was sent.
    raw.socket.resetAndDestroy();
    await ours.event('inbound_node_disconnected');
  });

  withMixedPair(
    'slow handlers of ours hold a Python node back, and miss nothing',
    'they dial',
    async ({ ours, python }) => {
      let running = 0;
      ours.on('node_message', async () => {
        assert.equal(++running, 1);
        await turns(2);
        running--;
      });
      const text = 'x'.repeat(20_000);
      await python.send({ text, times: 300 });
      await ours.event('node_message', 300);
      assert.ok(ours.messages.every((message) => message === text));
      assert.deepEqual(ours.of('node_error'), []);
      assert.equal((await python.state()).outbound.length, 1);
    },
    { ours: { limits: { unhandledMaxBytes: 64 * 1024 } } },
  );
});
