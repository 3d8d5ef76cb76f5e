import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { inNextTurn } from '../../../src/base/next-turn.ts';

/** Unlike the one of Node.js, it does not keep the process running. */
class PageMessageChannel {
  readonly port1 = { onmessage: () => {} };
  readonly port2 = { postMessage: () => setTimeout(() => this.port1.onmessage(), 0) };
}

suite('the next turn of a page', () => {
  test('runs what waits for it, in the order of the calls, but for what was cancelled', async (t) => {
    const globals: Record<string, unknown> = globalThis;
    const { setImmediate, MessageChannel } = globalThis;
    t.after(() => Object.assign(globalThis, { setImmediate, MessageChannel }));
    globals.setImmediate = undefined;
    globals.MessageChannel = PageMessageChannel;

    const ran: number[] = [];
    await new Promise<void>((resolve) => {
      inNextTurn(() => ran.push(1));
      const cancel = inNextTurn(() => ran.push(2));
      inNextTurn(() => ran.push(3));
      inNextTurn(() => inNextTurn(resolve));
      cancel();
      assert.deepEqual(ran, []);
    });
    assert.deepEqual(ran, [1, 3]);
  });
});
