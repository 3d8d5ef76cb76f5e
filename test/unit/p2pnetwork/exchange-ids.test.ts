import assert from 'node:assert/strict';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { Identity } from '../../../src/index.ts';
import { introducedBy, introduceTo, PeerIdClaimed } from '../../../src/p2pnetwork/exchange-ids.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import { withCode } from '../../support/errors.ts';
import { turns, within } from '../../support/turns.ts';
import { socketPair } from '../transport/tcp/socket-pair.ts';

const { id: ownId } = Identity.generate();
const { id: otherId } = Identity.generate();

/** Resolves when the first bytes have arrived, which sets a timer. */
async function timerOf(runtime: VirtualRuntime): Promise<void> {
  while (runtime.pending.length === 0) await turns();
}

suite('the ids of the Python package', () => {
  test('of a peerloom node: it gets ours, and the wait ends as soon as it hangs up', async (t) => {
    const runtime = new VirtualRuntime();
    const [dialler, listener] = await socketPair(t);
    const outcome = assert.rejects(introducedBy(listener, ownId, runtime), PeerIdClaimed);
    dialler.write(`${otherId}:10001`);
    const [answer] = await once(dialler, 'data');
    assert.equal(String(answer), ownId);
    assert.deepEqual(runtime.pending, [1_000]);
    dialler.destroy();
    await within(outcome, 'it is over');
    assert.deepEqual(runtime.pending, [], 'no timer is left');
  });

  test('of a peerloom node that stays: the wait ends after a second', async (t) => {
    const runtime = new VirtualRuntime();
    const [dialler, listener] = await socketPair(t);
    let isOver = false;
    const outcome = introducedBy(listener, ownId, runtime).catch((error) => {
      isOver = true;
      return error;
    });
    dialler.write(`${otherId}:10001`);
    await once(dialler, 'data');
    await runtime.advance(999);
    assert.equal(isOver, false);
    await runtime.advance(1);
    assert.ok((await within(outcome, 'it is over')) instanceof PeerIdClaimed);
  });

  test('that break off end the wait at once, and leave no timer', async (t) => {
    const runtime = new VirtualRuntime();
    const [dialler, listener] = await socketPair(t);
    const outcome = assert.rejects(
      introducedBy(listener, ownId, runtime),
      withCode('ERR_CONNECTION_CLOSED', /had sent its id$/),
    );
    dialler.write('python');
    await timerOf(runtime);
    dialler.end();
    await within(outcome, 'it is over');
    assert.deepEqual(runtime.pending, []);
  });

  test('that never come from a listener that hangs up: the error says what it may be', async (t) => {
    const runtime = new VirtualRuntime();
    const [dialler, listener] = await socketPair(t);
    const expected = withCode(
      'ERR_CONNECTION_CLOSED',
      /a Python node refuses this one, or a peerloom node listens/,
    );
    const outcome = assert.rejects(introduceTo(dialler, { id: ownId, port: 10_001 }, runtime), expected);
    const [introduction] = await once(listener.resume(), 'data');
    assert.equal(String(introduction), `${ownId}:10001`);
    listener.end();
    await within(outcome, 'it is over');
    await assert.rejects(introduceTo(dialler.destroy(), { id: ownId, port: 1 }, runtime), expected);
  });
});
