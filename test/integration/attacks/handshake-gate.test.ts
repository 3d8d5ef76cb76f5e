import assert from 'node:assert/strict';
import { beforeEach, suite, test } from 'node:test';
import { resolveLimits } from '../../../src/base/limits.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import { HandshakeGate } from '../../../src/transport/tcp/handshake-gate.ts';
import { turn } from '../../support/turns.ts';
import '../../support/look-over.ts';

const loopback = '127.0.0.1';
const elsewhere = '203.0.113.7';

/** What became of a connection at the gate. */
interface Visitor {
  state: 'waiting' | 'begun' | 'dropped';
  readonly finish: () => void;
}

suite('the gate of inbound handshakes', () => {
  let runtime: VirtualRuntime;
  let gate: HandshakeGate;

  beforeEach(() => {
    runtime = new VirtualRuntime();
    gate = new HandshakeGate(resolveLimits(), runtime);
  });

  /** Comes to the gate with a handshake that lasts until it is finished, however often it is dropped. */
  function arrive(address = loopback): Visitor {
    const { promise, resolve } = Promise.withResolvers<void>();
    const visitor: Visitor = { state: 'waiting', finish: resolve };
    const handshake = (): Promise<void> => {
      visitor.state = 'begun';
      return promise;
    };
    gate.enter(address, handshake, () => {
      visitor.state = 'dropped';
    });
    return visitor;
  }

  function arriveInLots(count: number): Visitor[] {
    return Array.from({ length: count }, () => arrive());
  }

  function count(visitors: Visitor[], state: Visitor['state']): number {
    return visitors.filter((visitor) => visitor.state === state).length;
  }

  test('lets 32 in at once; the others wait for a place', async () => {
    const visitors = arriveInLots(40);
    assert.equal(count(visitors, 'begun'), 32);
    assert.equal(count(visitors, 'waiting'), 8);
    visitors[0]!.finish();
    await turn();
    assert.equal(count(visitors, 'begun'), 33);
  });

  test('the slow give way after a second, for the newest of those who wait', async () => {
    const slow = arriveInLots(32);
    await runtime.advance(600);
    const [earlier, newest] = [arrive(), arrive()];
    await runtime.advance(399);
    assert.equal(count(slow, 'begun'), 32);
    assert.equal(newest.state, 'waiting');
    await runtime.advance(1);
    assert.equal(count(slow, 'dropped'), 32);
    assert.deepEqual([earlier.state, newest.state], ['begun', 'begun']);
  });

  test('as long as nobody waits the slow may stay', async () => {
    const slow = arriveInLots(32);
    await runtime.advance(9_000);
    assert.equal(count(slow, 'begun'), 32);
  });

  test('a flood holds up who comes after it for a second at most', async () => {
    const flood = arriveInLots(2_000);
    const honest = arrive();
    assert.equal(count(flood, 'dropped'), 2_000 - 32 - 4 * 32 + 1, 'the oldest of too many are dropped');
    await runtime.advance(1_000);
    assert.equal(honest.state, 'begun');
  });

  test('a place is free when its handshake is dropped, though it never ends', async () => {
    for (let round = 0; round < 10; round++) {
      arriveInLots(200);
      await runtime.advance(10_000);
    }
    const honest = arrive();
    await runtime.advance(1_000);
    assert.equal(honest.state, 'begun');
  });

  test('one address, unless it is loopback, has 4 places', async () => {
    const visitors = Array.from({ length: 6 }, () => arrive(elsewhere));
    assert.deepEqual(
      visitors.map(({ state }) => state),
      ['begun', 'begun', 'begun', 'begun', 'dropped', 'dropped'],
    );
    assert.equal(arrive('198.51.100.1').state, 'begun');
    visitors[0]!.finish();
    await turn();
    assert.equal(arrive(elsewhere).state, 'begun');
  });

  test('IPv6 addresses of one network count as one', () => {
    const visitors = Array.from({ length: 6 }, (_, index) => arrive(`2001:db8::${index}`));
    assert.equal(count(visitors, 'dropped'), 2);
    assert.equal(arrive('2001:db8:0:1::1').state, 'begun');
  });

  test('those of an address that wait count as well', () => {
    arriveInLots(32);
    const visitors = Array.from({ length: 5 }, () => arrive(elsewhere));
    assert.equal(count(visitors, 'waiting'), 4);
    assert.equal(count(visitors, 'dropped'), 1);
  });

  test('closing drops all', () => {
    const visitors = arriveInLots(50);
    gate.close();
    assert.equal(count(visitors, 'dropped'), 50);
    assert.deepEqual(runtime.pending, []);
  });
});
