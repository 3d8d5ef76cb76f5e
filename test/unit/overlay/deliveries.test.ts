import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { NodeConnection } from '../../../src/index.ts';
import type { Broadcast } from '../../../src/overlay/broadcast.ts';
import { Deliveries } from '../../../src/overlay/deliveries.ts';

const arrival = { via: {} as NodeConnection, hops: 1 };

function broadcast(id: string, length = 1): Broadcast {
  const bytes = new Uint8Array(length);
  return { id, origin: 'origin', topic: '', timeUs: 0, previousUs: 0, format: 3, body: bytes, bytes };
}

/** Deliveries to a handler that takes until the test says so. */
function slow() {
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const deliveries = new Deliveries(({ id }) => {
    begun.push(id);
    return new Promise<void>((resolve) => ends.push(resolve));
  });
  const end = async (): Promise<void> => {
    ends.shift()!();
    await new Promise(setImmediate);
  };
  return { deliveries, begun, end };
}

suite('deliveries of broadcasts', () => {
  test('happen at once where handlers take no time', () => {
    const begun: string[] = [];
    const deliveries = new Deliveries(({ id }) => begun.push(id));
    deliveries.add(broadcast('a'), arrival);
    deliveries.add(broadcast('b'), arrival);
    assert.deepEqual(begun, ['a', 'b']);
  });

  test('happen one after the other where handlers do', async () => {
    const { deliveries, begun, end } = slow();
    for (const id of ['a', 'b', 'c']) deliveries.add(broadcast(id), arrival);
    assert.deepEqual(begun, ['a']);
    await end();
    assert.deepEqual(begun, ['a', 'b']);
    await end();
    await end();
    assert.deepEqual(begun, ['a', 'b', 'c']);
    assert.equal(deliveries.heldBytes, 0);
  });

  test('take nothing more when 1,024 wait', async () => {
    const { deliveries, begun, end } = slow();
    const taken = Array.from({ length: 1_030 }, (_, count) => deliveries.add(broadcast(`${count}`), arrival));
    assert.deepEqual([taken.indexOf(false), taken.length - taken.lastIndexOf(true) - 1], [1_025, 5]);
    await end();
    assert.ok(deliveries.add(broadcast('late'), arrival));
    for (let count = 0; count < 1_025; count++) await end();
    assert.equal(begun.at(-1), 'late');
  });

  test('take nothing more when 16 MiB wait', () => {
    const { deliveries } = slow();
    const megabyte = 2 ** 20;
    for (let count = 0; count < 17; count++)
      assert.ok(deliveries.add(broadcast(`${count}`, megabyte), arrival));
    assert.ok(!deliveries.add(broadcast('17', megabyte), arrival));
    assert.equal(deliveries.heldBytes, 16 * megabyte);
  });

  test('go on with what waits elsewhere when nothing waits here', async () => {
    const elsewhere = ['c', 'd'];
    const begun: string[] = [];
    const ends: (() => void)[] = [];
    const deliveries = new Deliveries(
      ({ id }) => {
        begun.push(id);
        return new Promise<void>((resolve) => ends.push(resolve));
      },
      () => {
        const id = elsewhere.shift();
        return id === undefined ? undefined : { broadcast: broadcast(id), arrival };
      },
    );
    for (const id of ['a', 'b']) deliveries.add(broadcast(id), arrival);
    for (let count = 0; count < 4; count++) {
      ends.shift()!();
      await new Promise(setImmediate);
    }
    assert.deepEqual(begun, ['a', 'b', 'c', 'd']);
    deliveries.add(broadcast('e'), arrival);
    assert.deepEqual(begun, ['a', 'b', 'c', 'd', 'e']);
  });
});
