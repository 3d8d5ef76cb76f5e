import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Listener } from '@libp2p/interface';
import { closeSocketsOf } from '../../../src/libp2p/stopped-listeners.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import { heldBytes } from '../../support/memory.ts';
import { turn } from '../../support/turns.ts';

suite('the sockets of listeners for WebRTC', () => {
  test('are closed, each once, when their node has stopped', async () => {
    const closed: string[] = [];
    const listener = (name: string): Listener =>
      ({ stunServer: { close: async () => closed.push(name) } }) as unknown as Listener;
    const ofTcp = {} as Listener;
    await closeSocketsOf([listener('one'), ofTcp, listener('two')], new VirtualRuntime());
    assert.deepEqual(closed, ['one', 'two']);
  });

  test('stay in memory for two minutes, in which a native thread may look at them', async () => {
    const runtime = new VirtualRuntime();
    const stop = async (): Promise<WeakRef<object>> => {
      const socket = { close: async () => {} };
      await closeSocketsOf([{ stunServer: socket } as unknown as Listener], runtime);
      return new WeakRef(socket);
    };
    const first = await stop();
    await runtime.advance(119_000);
    await stop();
    await turn();
    heldBytes();
    assert.notEqual(first.deref(), undefined);
    await runtime.advance(2_000);
    await stop();
    await turn();
    heldBytes();
    assert.equal(first.deref(), undefined);
  });
});
