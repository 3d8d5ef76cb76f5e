import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Broadcast } from '../../../src/overlay/broadcast.ts';
import { OriginOrder } from '../../../src/overlay/origin-order.ts';
import type { Arrival } from '../../../src/overlay/router.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';

const arrival = {} as Arrival;
const secondUs = 1_000_000;

/** A broadcast by its times in seconds; `from` is 0 for the first one of its origin. */
function broadcast(at: number, from: number, { origin = 'a', bytes = 100 } = {}): Broadcast {
  const body = new Uint8Array(bytes);
  return {
    id: `${origin}${at}`,
    origin,
    topic: 'chat',
    timeUs: at * secondUs,
    previousUs: from * secondUs,
    format: 3,
    body,
    bytes: body,
  };
}

function order() {
  const runtime = new VirtualRuntime();
  const handedOn: string[] = [];
  const late: string[] = [];
  let grown = 0;
  const order = new OriginOrder({
    runtime,
    onGrowth: (bytes) => {
      grown += bytes;
    },
    onNext: ({ id }) => handedOn.push(id),
    onLate: ({ id }) => late.push(id),
  });
  const add = (...all: Broadcast[]): void => {
    for (const one of all) order.add(one, arrival);
  };
  return { runtime, order, add, handedOn, late, grown: () => grown };
}

suite('broadcasts in the order of their origins', () => {
  test('are handed on as they arrive while none is missing', () => {
    const { add, handedOn, order: it } = order();
    add(broadcast(1, 0), broadcast(2, 1), broadcast(7, 2));
    assert.deepEqual(handedOn, ['a1', 'a2', 'a7']);
    assert.equal(it.heldBytes, 0);
  });

  test('wait for earlier ones, also when a node hears of the origin for the first time', () => {
    const { add, handedOn, order: it, grown } = order();
    add(broadcast(3, 2), broadcast(4, 3), broadcast(2, 1));
    assert.deepEqual([handedOn, it.heldBytes, grown()], [[], 300, 300]);
    add(broadcast(1, 0));
    assert.deepEqual([handedOn, it.heldBytes], [['a1', 'a2', 'a3', 'a4'], 0]);
  });

  test('do not wait for those of other origins', () => {
    const { add, handedOn } = order();
    add(broadcast(2, 1), broadcast(1, 0, { origin: 'b' }), broadcast(3, 1, { origin: 'b' }));
    assert.deepEqual(handedOn, ['b1', 'b3']);
  });

  test('are given up 5 s after they were sent, and late when they come after that', async () => {
    const { runtime, add, handedOn, late, order: it } = order();
    add(broadcast(1, 0), broadcast(3, 2), broadcast(4, 3));
    await runtime.advance(3_900);
    assert.deepEqual(handedOn, ['a1']);
    await runtime.advance(200);
    assert.deepEqual(handedOn, ['a1', 'a3', 'a4']);
    add(broadcast(2, 1), broadcast(5, 4));
    assert.deepEqual(handedOn, ['a1', 'a3', 'a4', 'a5']);
    assert.deepEqual([late, it.heldBytes, runtime.hasWork], [['a2'], 0, false]);
  });

  test('are not waited for if they were sent long ago', () => {
    const { add, handedOn } = order();
    add(broadcast(100, 50), broadcast(160, 155), broadcast(162, 161), broadcast(170, 162));
    assert.deepEqual(handedOn, ['a100', 'a160', 'a162', 'a170']);
  });

  test('come on after the clock of the origin was set back, and after it started again', () => {
    const { add, handedOn, late } = order();
    add(broadcast(100, 0), broadcast(30, 100), broadcast(31, 30), broadcast(40, 0));
    assert.deepEqual(handedOn, ['a100', 'a30', 'a31', 'a40']);
    assert.deepEqual(late, []);
  });

  test('that claim a predecessor in the future wait no longer than others', async () => {
    const { runtime, add, handedOn } = order();
    add(broadcast(1, 2 ** 33));
    await runtime.advance(5_100);
    assert.deepEqual(handedOn, ['a1']);
  });

  test('that wait are 1,024 and 4 MiB at most: then the one that is missing is given up', () => {
    const many = order();
    many.add(broadcast(1, 0));
    for (let at = 3; at < 3 + 1_024; at++) many.add(broadcast(at, at - 1));
    assert.equal(many.handedOn.length, 1);
    many.add(broadcast(1_027, 1_026));
    assert.equal(many.handedOn.length, 1 + 1_025);

    const large = order();
    large.add(...[2, 3, 4, 5].map((at) => broadcast(at, at - 1, { bytes: 2 ** 20 })));
    assert.equal(large.handedOn.length, 0);
    large.add(broadcast(6, 5));
    assert.deepEqual(large.handedOn, ['a2', 'a3', 'a4', 'a5', 'a6']);
    assert.equal(large.order.heldBytes, 0);
  });

  test('are of 4,096 origins at most: that heard of longest ago is forgotten', () => {
    const { add, handedOn, late, order: it } = order();
    add(broadcast(9, 0), broadcast(5, 0, { origin: 'b' }));
    for (let count = 0; count < 4_095; count++) add(broadcast(1, 0, { origin: `other ${count}` }));
    handedOn.length = 0;
    add(broadcast(4, 0, { origin: 'b' }));
    assert.deepEqual([handedOn, late], [[], ['b4']], 'b is known');
    add(broadcast(8, 0));
    assert.deepEqual(handedOn, ['a8'], 'a is not');
    add(broadcast(7, 6, { origin: 'c' }));
    for (let count = 0; count < 4_096; count++) add(broadcast(1, 0, { origin: `another ${count}` }));
    assert.ok(handedOn.includes('c7'), 'what it made wait is handed on');
    assert.equal(it.heldBytes, 0);
  });

  test('of an origin that says nothing for 4 minutes are forgotten', async () => {
    const { runtime, add, handedOn } = order();
    add(broadcast(300, 0));
    await runtime.advance(241_000);
    add(broadcast(1, 0, { origin: 'b' }), broadcast(200, 0));
    assert.deepEqual(handedOn, ['a300', 'b1', 'a200']);
  });

  test('that wait are let go of when the subscription ends', async () => {
    const { runtime, add, handedOn, order: it } = order();
    add(broadcast(2, 1));
    it.stop();
    assert.deepEqual([it.heldBytes, runtime.hasWork], [0, false]);
    await runtime.advance(10_000);
    assert.deepEqual(handedOn, []);
  });

  test('that wait for one that a history has brought follow it', () => {
    const { add, handedOn, order: it } = order();
    add(broadcast(1, 0), broadcast(4, 3), broadcast(5, 4));
    it.handedOn(broadcast(2, 1));
    assert.deepEqual(handedOn, ['a1']);
    it.handedOn(broadcast(3, 2));
    assert.deepEqual(handedOn, ['a1', 'a4', 'a5']);
    it.handedOn(broadcast(1, 0, { origin: 'unknown' }));
    assert.equal(it.heldBytes, 0);
  });
});
