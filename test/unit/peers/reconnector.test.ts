import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type ConnectionDetails, type Node, NodeConnection } from '../../../src/index.ts';
import type { PeerConnection } from '../../../src/peers/peer-connection.ts';
import { Peers } from '../../../src/peers/peers.ts';
import { Reconnector, type ReconnectorOptions } from '../../../src/peers/reconnector.ts';
import { LongestDelays } from '../../support/virtual-runtimes.ts';

const policy = { minDelayMs: 1_000, maxDelayMs: 4_000, maxTrials: Number.POSITIVE_INFINITY };

/** What the reconnector looks at. */
class Connection {
  readonly connection: NodeConnection;
  readonly channel = { isOpen: true, isSuspended: false };
  stopped = 0;

  constructor(id: string) {
    const details = { id, channel: this.channel } as unknown as ConnectionDetails;
    this.connection = new NodeConnection({} as Node, details);
    this.connection.stop = async () => {
      this.stopped += 1;
    };
  }
}
const asConnection = (connection: Connection): PeerConnection => connection as unknown as PeerConnection;

/** A reconnector whose attempts answer as the test says; an attempt without an answer waits for one. */
function start(options: Partial<ReconnectorOptions> = {}) {
  const runtime = new LongestDelays();
  const attempts: number[] = [];
  const failures: string[] = [];
  const givenUp: string[] = [];
  const answers: (Connection | Error | Promise<PeerConnection>)[] = [];
  const peers = new Peers({
    identity: { id: 'own' },
    maxConnections: 0,
    limits: { maxInboundPerAddress: 0 },
    runtime,
  });
  for (const id of ['b', 'c', 'd']) {
    const channel = { endSuspended: () => void givenUp.push(id) };
    peers.of(id).adopt({ channel } as unknown as PeerConnection);
  }
  const own = new Reconnector({
    policy,
    runtime,
    timers: runtime,
    peers,
    onFailure: async (address, count) => {
      failures.push(`${address} ${count}`);
      return true;
    },
    ...options,
  });
  const reconnector = {
    watch: own.watch.bind(own),
    onLost: (id: string) => own.onLost(peers.of(id)),
    onUnlinked: (id: string) => own.onUnlinked(peers.of(id)),
    forget: (connection: PeerConnection) => own.forget(peers.of(connection.connection.id)),
    stop: () => own.stop(),
  };
  const signals: AbortSignal[] = [];
  const connect = async (_lastId: string, signal: AbortSignal): Promise<PeerConnection> => {
    attempts.push(runtime.now());
    signals.push(signal);
    const answer = answers.shift() ?? new Error('nobody there');
    if (answer instanceof Error) throw answer;
    return answer instanceof Connection ? asConnection(answer) : answer;
  };
  return { runtime, attempts, signals, failures, givenUp, answers, reconnector, connect };
}

suite('a watched address', () => {
  test('is tried again when its node is lost, and not before', async () => {
    const { runtime, attempts, answers, reconnector, connect } = start();
    reconnector.watch(asConnection(new Connection('b')), 'b:1', connect);
    await runtime.advance(60_000);
    reconnector.onLost('somebody else');
    await runtime.advance(60_000);
    assert.deepEqual(attempts, []);
    answers.push(new Connection('b'));
    reconnector.onLost('b');
    reconnector.onLost('b');
    await runtime.advance(60_000);
    assert.deepEqual(attempts, [120_999], 'once, however often it is told');
    assert.deepEqual(runtime.pending, []);
  });

  test('is tried with growing delays, which begin anew once a connection has lasted', async () => {
    const { runtime, attempts, failures, answers, reconnector, connect } = start();
    reconnector.watch(asConnection(new Connection('b')), 'b:1', connect);
    reconnector.onLost('b');
    await runtime.advance(12_000);
    assert.deepEqual(attempts, [999, 999 + 1_999, 999 + 1_999 + 3_999, 999 + 1_999 + 2 * 3_999]);
    assert.deepEqual(failures, ['b:1 1', 'b:1 2', 'b:1 3', 'b:1 4']);
    answers.push(new Connection('b'));
    await runtime.advance(2 * policy.maxDelayMs);
    reconnector.onLost('b');
    const lostAt = runtime.now();
    await runtime.advance(1_000);
    assert.equal(attempts.at(-1), lostAt + 999);
    assert.equal(failures.at(-1), 'b:1 1');
  });

  for (const [what, lose] of [
    ['connections', 'onLost'],
    ['links of a session', 'onUnlinked'],
  ] as const) {
    test(`whose ${what} end at once is tried with delays that grow to the longest, though each attempt succeeds`, async () => {
      const { runtime, attempts, answers, reconnector, connect } = start();
      reconnector.watch(asConnection(new Connection('b')), 'b:1', connect);
      const delays: number[] = [];
      for (let loss = 0; loss < 6; loss++) {
        answers.push(new Connection('b'));
        reconnector[lose]('b');
        const lostAt = runtime.now();
        while (attempts.length === loss) await runtime.advance(1);
        delays.push(attempts.at(-1)! - lostAt);
      }
      const first = lose === 'onLost' ? [] : [0];
      assert.deepEqual(delays, [...first, 999, 1_999, 3_999, 3_999, 3_999, 3_999].slice(0, 6));
    });
  }

  test('begins anew after ten times the first delay, however long the next delay may be', async () => {
    const { runtime, attempts, answers, reconnector, connect } = start({
      policy: { ...policy, maxDelayMs: 60_000 },
    });
    reconnector.watch(asConnection(new Connection('b')), 'b:1', connect);
    reconnector.onLost('b');
    await runtime.advance(200_000);
    const failed = attempts.length;
    answers.push(new Connection('b'), new Connection('b'));
    while (attempts.length === failed) await runtime.advance(1_000);
    await runtime.advance(10_000);
    reconnector.onLost('b');
    const lostAt = runtime.now();
    await runtime.advance(1_000);
    assert.equal(attempts.at(-1), lostAt + 999);
  });

  test('follows the node that answers there now', async () => {
    const { runtime, attempts, answers, reconnector, connect } = start();
    reconnector.watch(asConnection(new Connection('b')), 'b:1', connect);
    answers.push(new Connection('c'));
    reconnector.onLost('b');
    await runtime.advance(1_000);
    reconnector.onLost('b');
    await runtime.advance(10_000);
    assert.equal(attempts.length, 1);
    answers.push(new Connection('c'));
    reconnector.onLost('c');
    await runtime.advance(1_000);
    assert.equal(attempts.length, 2);
  });

  test('whose last node is not waited for any more once another one answers there', async () => {
    const { runtime, givenUp, answers, reconnector, connect } = start();
    reconnector.watch(asConnection(new Connection('b')), 'b:1', connect);
    for (const id of ['b', 'c', 'd']) {
      answers.push(new Connection(id));
      reconnector.onLost(id === 'd' ? 'c' : 'b');
      await runtime.advance(policy.maxDelayMs);
    }
    assert.deepEqual(givenUp, ['b', 'c']);
  });

  test('is tried again, after a longer delay, when the new connection has closed already', async () => {
    const { runtime, attempts, answers, reconnector, connect } = start();
    reconnector.watch(asConnection(new Connection('b')), 'b:1', connect);
    const closed = new Connection('b');
    closed.channel.isOpen = false;
    answers.push(closed, new Connection('b'));
    reconnector.onLost('b');
    await runtime.advance(10_000);
    assert.deepEqual(attempts, [999, 999 + 1_999]);
  });

  test('is watched once: watching it again takes the place of the first', async () => {
    const { runtime, attempts, answers, reconnector, connect } = start();
    for (const id of ['b', 'b']) reconnector.watch(asConnection(new Connection(id)), 'b:1', connect);
    answers.push(new Connection('b'));
    reconnector.onLost('b');
    await runtime.advance(10_000);
    assert.equal(attempts.length, 1);
  });

  test('that is watched again while it waits is not tried: there is a connection with it', async () => {
    const { runtime, attempts, reconnector, connect } = start();
    reconnector.watch(asConnection(new Connection('b')), 'b:1', connect);
    reconnector.onLost('b');
    await runtime.advance(500);
    reconnector.watch(asConnection(new Connection('b')), 'b:1', connect);
    assert.deepEqual(runtime.pending, []);
    await runtime.advance(60_000);
    assert.deepEqual(attempts, []);
    reconnector.onLost('b');
    await runtime.advance(1_000);
    assert.equal(attempts.length, 1, 'and is tried when that is lost');
  });

  test('may be watched anew during a attempt, whose connection is left alone', async () => {
    const { runtime, answers, reconnector, connect } = start();
    const answer = Promise.withResolvers<PeerConnection>();
    answers.push(answer.promise);
    reconnector.watch(asConnection(new Connection('b')), 'b:1', connect);
    reconnector.onLost('b');
    await runtime.advance(1_000);
    const connection = new Connection('b');
    reconnector.watch(asConnection(connection), 'b:1', connect);
    answer.resolve(asConnection(connection));
    await runtime.advance(0);
    assert.equal(connection.stopped, 0);
  });

  test('of the same node as another is tried as well', async () => {
    const { runtime, attempts, answers, reconnector, connect } = start();
    for (const address of ['b:1', 'b:2'])
      reconnector.watch(asConnection(new Connection('b')), address, connect);
    answers.push(new Connection('b'), new Connection('b'));
    reconnector.onLost('b');
    await runtime.advance(10_000);
    assert.equal(attempts.length, 2);
  });
});

suite('an address is given up', () => {
  test('after the attempts that the policy allows, the last of which is told as well', async () => {
    const { runtime, attempts, failures, reconnector, connect } = start({
      policy: { ...policy, maxTrials: 2 },
    });
    reconnector.watch(asConnection(new Connection('b')), 'b:1', connect);
    reconnector.onLost('b');
    await runtime.advance(3_600_000);
    assert.equal(attempts.length, 2);
    assert.deepEqual(failures, ['b:1 1', 'b:1 2']);
    reconnector.onLost('b');
    await runtime.advance(3_600_000);
    assert.equal(attempts.length, 2);
  });

  test('when the handlers say so', async () => {
    const { runtime, attempts, reconnector, connect } = start({
      onFailure: async (_address, count) => count < 3,
    });
    reconnector.watch(asConnection(new Connection('b')), 'b:1', connect);
    reconnector.onLost('b');
    await runtime.advance(3_600_000);
    assert.equal(attempts.length, 3);
  });

  for (const [how, giveUp] of [
    [
      'when its node is left on purpose',
      (reconnector: ReturnType<typeof start>['reconnector']) =>
        reconnector.forget(asConnection(new Connection('b'))),
    ],
    ['when the node stops', (reconnector: ReturnType<typeof start>['reconnector']) => reconnector.stop()],
  ] as const) {
    test(`${how}: while it waits`, async () => {
      const { runtime, attempts, reconnector, connect } = start();
      reconnector.watch(asConnection(new Connection('b')), 'b:1', connect);
      reconnector.onLost('b');
      giveUp(reconnector);
      await runtime.advance(3_600_000);
      assert.deepEqual(attempts, []);
      assert.deepEqual(runtime.pending, []);
    });

    test(`${how}: during a attempt, which is aborted; its failure is not told and its success is undone`, async () => {
      for (const succeeds of [false, true]) {
        const { runtime, signals, failures, answers, reconnector, connect } = start();
        const answer = Promise.withResolvers<PeerConnection>();
        answers.push(answer.promise);
        reconnector.watch(asConnection(new Connection('b')), 'b:1', connect);
        reconnector.onLost('b');
        await runtime.advance(1_000);
        assert.deepEqual([signals.length, signals[0]!.aborted], [1, false]);
        giveUp(reconnector);
        assert.equal(signals[0]!.aborted, true);
        const connection = new Connection('b');
        if (succeeds) answer.resolve(asConnection(connection));
        else answer.reject(new Error('nobody there'));
        await runtime.advance(3_600_000);
        assert.deepEqual(failures, []);
        assert.equal(connection.stopped, succeeds ? 1 : 0);
      }
    });
  }

  test('when its node is left while the handlers think', async () => {
    const thinking = Promise.withResolvers<boolean>();
    const { runtime, attempts, reconnector, connect } = start({ onFailure: () => thinking.promise });
    reconnector.watch(asConnection(new Connection('b')), 'b:1', connect);
    reconnector.onLost('b');
    await runtime.advance(1_000);
    reconnector.forget(asConnection(new Connection('b')));
    thinking.resolve(true);
    await runtime.advance(3_600_000);
    assert.equal(attempts.length, 1);
  });
});
