import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { PeerloomError } from '../../../src/index.ts';
import { type Envelope, PendingEnvelope } from '../../../src/secure/envelope.ts';
import { Outbox } from '../../../src/secure/outbox.ts';
import { withCode } from '../../support/errors.ts';
import { turns } from '../../support/turns.ts';

const full = new PeerloomError('ERR_QUEUE_FULL', 'the queue is full');

/** An outbox of which a test signs the envelopes, each of which is named by its data. */
function open() {
  const told: string[] = [];
  const behaviour = { send: (): boolean => true };
  const drains: (() => void)[] = [];
  const grown: number[] = [];
  const outbox = new Outbox({
    channel: { drained: () => new Promise<void>((resolve) => drains.push(resolve)) },
    limits: { queueHighWaterBytes: 100, queueMaxBytes: 200 },
    onGrowth: (bytes) => grown.push(bytes),
  });
  const dispatchOf = (name: string) => ({
    send: ({ data }: Envelope) => {
      told.push(`sends ${data}`);
      return behaviour.send();
    },
    failed: (error: Error) => void told.push(`${name} fails: ${error.message}`),
  });
  const letterOf = (data: string) => ({ author: 'a', time: 1, id: 'b', kind: 'message', data });
  const pending = (name: string, bytes = 40) => {
    const signature = Promise.withResolvers<Uint8Array>();
    const envelope = new PendingEnvelope(letterOf(name), 'hash', signature.promise);
    return {
      hasRoom: outbox.add(envelope, bytes, dispatchOf(name)),
      sign: async () => {
        signature.resolve(new Uint8Array(64));
        await turns();
      },
      fail: async () => {
        signature.reject(new Error('no token'));
        await turns();
      },
    };
  };
  const ready = (name: string, bytes = 40) =>
    outbox.add({ ...letterOf(name), hash: 'hash', signature: 's' }, bytes, dispatchOf(name));
  return { outbox, told, behaviour, drains, grown, pending, ready };
}

suite('what waits for signatures', () => {
  test('leaves in its order, whatever the order of the signatures', async () => {
    const { outbox, told, pending, ready } = open();
    const [a, b] = [pending('a'), pending('b')];
    ready('c');
    const d = pending('d');
    await d.sign();
    await b.sign();
    assert.deepEqual([told, outbox.isWaiting], [[], true]);
    await a.sign();
    assert.deepEqual(told, ['sends a', 'sends b', 'sends c', 'sends d']);
    assert.deepEqual([outbox.isWaiting, outbox.heldBytes], [false, 0]);
  });

  test('does not wait behind an envelope that cannot be signed', async () => {
    const { told, pending } = open();
    const [a, b] = [pending('a'), pending('b')];
    await b.sign();
    await a.fail();
    assert.deepEqual(told, ['a fails: no token', 'sends b']);
  });

  test('counts as queued: first there is no room for more, then it is refused', async () => {
    const { outbox, grown, pending } = open();
    const [a, b, c] = [pending('a'), pending('b'), pending('c')];
    assert.deepEqual([a.hasRoom, b.hasRoom, c.hasRoom], [true, true, false]);
    pending('d', 80);
    assert.throws(() => pending('e', 1), withCode('ERR_QUEUE_FULL'));
    assert.deepEqual([outbox.heldBytes, grown], [200, [40, 40, 40, 80]]);
    let isDrained = false;
    void outbox.drained().then(() => {
      isDrained = true;
    });
    for (const one of [a, b, c]) await one.sign();
    assert.equal(isDrained, false);
    pending('f', 1);
  });

  test('takes one envelope that is larger than the queue', () => {
    const { outbox, pending } = open();
    pending('a', 1_000);
    assert.equal(outbox.heldBytes, 1_000);
  });

  test('waits while the channel has no room', async () => {
    const { outbox, told, behaviour, drains, pending } = open();
    behaviour.send = () => false;
    const [a, b] = [pending('a'), pending('b')];
    await a.sign();
    await b.sign();
    assert.deepEqual(told, ['sends a']);
    assert.equal(pending('c', 1).hasRoom, false);
    drains.shift()!();
    await turns();
    assert.deepEqual(told, ['sends a', 'sends b']);
    assert.equal(outbox.heldBytes, 1);
  });

  test('is sent again once when other frames have filled the queue, and then fails', async () => {
    const { told, behaviour, drains, pending } = open();
    let isFull = true;
    behaviour.send = () => {
      if (isFull) throw full;
      return true;
    };
    const [a, b] = [pending('a'), pending('b')];
    await a.sign();
    await b.sign();
    isFull = false;
    drains.shift()!();
    await turns();
    assert.deepEqual(told.splice(0), ['sends a', 'sends a', 'sends b']);
    isFull = true;
    await pending('c').sign();
    drains.shift()!();
    await turns();
    assert.deepEqual([told, drains], [['sends c', 'sends c', 'c fails: the queue is full'], []]);
  });

  test('fails when the connection closes, and whoever waits is woken', async () => {
    const { outbox, told, pending } = open();
    const a = pending('a');
    pending('b', 100);
    const woken = Promise.all([outbox.drained(), outbox.flushed()]);
    outbox.close(new Error('closed'));
    await woken;
    assert.deepEqual(told, ['a fails: closed', 'b fails: closed']);
    await a.sign();
    assert.equal(told.length, 2);
    assert.equal(outbox.heldBytes, 0);
  });
});
