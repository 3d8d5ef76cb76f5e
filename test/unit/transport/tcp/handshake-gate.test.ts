import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { resolveLimits } from '../../../../src/base/limits.ts';
import { VirtualRuntime } from '../../../../src/simulator/virtual-runtime.ts';
import { HandshakeGate } from '../../../../src/transport/tcp/handshake-gate.ts';
import { turns } from '../../../support/turns.ts';

/** A gate with few places; a test says when a handshake ends. */
function setUp(limits = { maxHalfOpen: 3, maxHalfOpenPerAddress: 2 }) {
  const runtime = new VirtualRuntime();
  const gate = new HandshakeGate(resolveLimits(limits), runtime);
  const begun: string[] = [];
  const dropped: string[] = [];
  const ends = new Map<string, () => void>();
  const enter = (name: string, address = '127.0.0.1'): void => {
    const handshake = (): Promise<void> => {
      begun.push(name);
      return new Promise((resolve) => ends.set(name, resolve));
    };
    gate.enter(address, handshake, () => {
      dropped.push(name);
      ends.get(name)?.();
    });
  };
  const end = async (name: string): Promise<void> => {
    ends.get(name)!();
    await turns(2);
  };
  return { runtime, gate, begun, dropped, enter, end };
}

suite('the gate for handshakes', () => {
  test('lets so many in at a time, and the newest of those that wait as places become free', async () => {
    const { begun, dropped, enter, end } = setUp();
    for (const name of ['a', 'b', 'c', 'd', 'e']) enter(name);
    assert.deepEqual(begun, ['a', 'b', 'c']);
    await end('b');
    assert.deepEqual(begun, ['a', 'b', 'c', 'e']);
    await end('a');
    await end('c');
    assert.deepEqual(begun, ['a', 'b', 'c', 'e', 'd']);
    await end('d');
    enter('f');
    enter('g');
    assert.deepEqual(begun.slice(5), ['f', 'g']);
    assert.deepEqual(dropped, []);
  });

  test('lets four wait for each place, and drops the one that waits longest for another', () => {
    const { dropped, begun, enter } = setUp();
    for (let count = 0; count < 3 + 12; count++) enter(`${count}`);
    assert.deepEqual(dropped, []);
    enter('one more');
    assert.deepEqual(dropped, ['3']);
    assert.equal(begun.length, 3);
  });

  test('drops those that take longer than a second when others wait, and no others', async () => {
    const { runtime, begun, dropped, enter } = setUp();
    enter('a');
    enter('b');
    await runtime.advance(600);
    enter('c');
    await runtime.advance(5_000);
    assert.deepEqual(dropped, [], 'nobody waits');
    enter('d');
    await runtime.advance(1);
    assert.deepEqual(dropped, ['a', 'b', 'c']);
    assert.deepEqual(begun, ['a', 'b', 'c', 'd']);
    for (const name of ['e', 'f']) enter(name);
    await runtime.advance(500);
    enter('g');
    await runtime.advance(499);
    assert.deepEqual(dropped.slice(3), []);
    await runtime.advance(1);
    assert.deepEqual(dropped.slice(3, 4), ['d']);
    assert.equal(begun.at(-1), 'g');
  });

  test('drops nobody when those that waited have found a place in time', async () => {
    const { runtime, begun, dropped, enter, end } = setUp();
    for (const name of ['a', 'b', 'c', 'd']) enter(name);
    await end('a');
    assert.equal(begun.at(-1), 'd');
    await runtime.advance(5_000);
    assert.deepEqual(dropped, []);
  });

  test('takes few of one address, under way or waiting, but for its own machine', () => {
    const { begun, dropped, enter } = setUp();
    for (const name of ['a', 'b', 'c']) enter(name, '192.0.2.1');
    assert.deepEqual([begun, dropped], [['a', 'b'], ['c']]);
    enter('d', '2001:db8:1:2:3::1');
    enter('e', '2001:db8:1:2:4::1');
    enter('f', '2001:db8:1:2:5::1');
    assert.deepEqual(
      [begun, dropped],
      [
        ['a', 'b', 'd'],
        ['c', 'f'],
      ],
      'one /64 is one address',
    );
    enter('g', '192.0.2.2');
    assert.deepEqual(dropped, ['c', 'f'], 'others may wait');
    for (const name of ['h', 'i', 'j']) enter(name, '::1');
    assert.deepEqual(dropped, ['c', 'f']);
  });

  test('forgets an address with the handshake that ends', async () => {
    const { begun, dropped, enter, end } = setUp();
    for (const name of ['a', 'b']) enter(name, '192.0.2.1');
    await end('a');
    enter('c', '192.0.2.1');
    assert.deepEqual([begun, dropped], [['a', 'b', 'c'], []]);
  });

  test('drops all of them when it closes, and leaves no timer', async () => {
    const { runtime, gate, begun, dropped, enter } = setUp();
    for (const name of ['a', 'b', 'c', 'd', 'e']) enter(name);
    gate.close();
    await turns(2);
    assert.deepEqual(dropped.toSorted(), ['a', 'b', 'c', 'd', 'e']);
    assert.equal(begun.length, 3, 'none of those that waited has begun');
    assert.deepEqual(runtime.pending, []);
  });
});
