import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Data, Identity, PeerloomError } from '../../../src/index.ts';
import { MessageSeen, MessageTooLate } from '../../../src/overlay/seen/seen-messages.ts';
import { sign } from '../../../src/secure/envelope.ts';
import { Returns } from '../../../src/secure/returns.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import { turns } from '../../support/turns.ts';

const bob = Identity.generate();
const carol = Identity.generate();
const late = new PeerloomError('ERR_TIME_WINDOW', 'late');
const tooMany = new PeerloomError('ERR_TOO_MANY_MESSAGES', 'too many');

interface Returned {
  readonly code: string;
  readonly count: number;
  readonly messages: readonly { readonly data: Data }[];
}

function setUp(send: (returned: Data) => void = () => {}) {
  const runtime = new VirtualRuntime();
  const sent: [code: string, count: number, messages: Data[]][] = [];
  const returns = new Returns({
    id: bob.id,
    runtime,
    send: (returned) => {
      send(returned);
      const { code, count, messages } = returned as unknown as Returned;
      sent.push([code, count, messages.map(({ data }) => data)]);
    },
  });
  return { runtime, returns, sent };
}

function from(author: Identity, data: Data): Data {
  return sign(author, {
    author: author.id,
    time: 1,
    id: 'a'.repeat(32),
    kind: 'message',
    data,
  }) as unknown as Data;
}

suite('messages that a node could not take', () => {
  test('go back together, by the reason, 50 ms after the first one', async () => {
    const { runtime, returns, sent } = setUp();
    assert.equal(returns.add(from(bob, 1), late), undefined);
    await runtime.advance(49);
    assert.equal(returns.add(from(bob, 2), tooMany), undefined);
    assert.equal(returns.add(from(bob, 3), late), undefined);
    assert.deepEqual(sent, []);
    await runtime.advance(1);
    assert.deepEqual(sent, [
      ['ERR_TIME_WINDOW', 2, [1, 3]],
      ['ERR_TOO_MANY_MESSAGES', 1, [2]],
    ]);
    assert.deepEqual(runtime.pending, []);
    returns.add(from(bob, 4), late);
    await runtime.advance(50);
    assert.deepEqual(sent.slice(2), [['ERR_TIME_WINDOW', 1, [4]]]);
  });

  test('go back for reasons that are not the fault of the neighbour alone', async () => {
    const { runtime, returns, sent } = setUp();
    const faults = [
      new PeerloomError('ERR_SIGNATURE_INVALID', 'forged'),
      new MessageSeen('a replay'),
      new TypeError('a fault of the program'),
    ];
    for (const error of faults) assert.equal(returns.add(from(bob, 1), error), undefined);
    assert.deepEqual(runtime.pending, []);
    returns.add(from(bob, 2), new MessageTooLate('perhaps a replay'));
    await runtime.advance(50);
    assert.deepEqual(sent, [['ERR_REPLAYED', 1, [2]]]);
  });

  test('are counted alone when another node wrote them, or when they are large', async () => {
    const { runtime, returns, sent } = setUp();
    returns.add(from(carol, 1), late);
    returns.add('no message at all', late);
    returns.add(from(bob, new Uint8Array(65_536)), late);
    returns.add(from(bob, Array(100_000).fill(1)), late);
    assert.equal(returns.add(from(bob, 2), late), undefined, 'what is not kept takes no room');
    await runtime.advance(50);
    assert.deepEqual(sent, [['ERR_TIME_WINDOW', 5, [2]]]);
  });

  test('make the next one wait beyond 64 of them, until those have left', async () => {
    const { runtime, returns, sent } = setUp();
    for (let count = 1; count < 64; count++) {
      assert.equal(returns.add(from(carol, count), count % 2 ? late : tooMany), undefined, String(count));
    }
    let hasRoom = false;
    const room = returns.add(from(carol, 64), late)!.then(() => {
      hasRoom = true;
    });
    await turns();
    assert.equal(hasRoom, false);
    await runtime.advance(50);
    await room;
    assert.deepEqual(
      sent.map(([, count]) => count),
      [33, 31],
    );
    assert.equal(returns.add(from(carol, 65), late), undefined, 'there is room again');
  });

  test('make the next one wait beyond 64 KiB of them', async () => {
    const { runtime, returns, sent } = setUp();
    const aThird = new Uint8Array(21_000);
    for (let count = 0; count < 3; count++) assert.equal(returns.add(from(bob, aThird), late), undefined);
    const room = returns.add(from(bob, aThird), late)!;
    await runtime.advance(50);
    await room;
    assert.equal(sent[0]![2].length, 4);
    assert.equal(returns.add(from(bob, aThird), late), undefined);
  });

  test('are forgotten when the neighbour does not read, and when the connection closes', async () => {
    const { runtime, returns, sent } = setUp(() => {
      throw new PeerloomError('ERR_QUEUE_FULL', 'the queue is full');
    });
    for (let count = 1; count < 64; count++) returns.add(from(bob, count), late);
    const room = returns.add(from(bob, 64), late)!;
    await runtime.advance(50);
    await room;
    assert.equal(returns.add(from(bob, 65), late), undefined);
    for (let count = 2; count < 64; count++) returns.add(from(bob, count), late);
    const next = returns.add(from(bob, 64), late)!;
    returns.close();
    await next;
    assert.deepEqual([sent, runtime.pending], [[], []]);
  });
});
