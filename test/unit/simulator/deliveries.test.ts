import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Deliveries } from '../../../src/simulator/watch/deliveries.ts';

suite('what arrives at simulated nodes', () => {
  const [first, second] = [{}, {}];

  test('may be missing, but comes once, and in order', () => {
    const deliveries = new Deliveries();
    for (const hash of [1, 2, 3, 4]) deliveries.sent(first, hash);
    assert.equal(deliveries.received(1), true);
    assert.equal(deliveries.received(1), false, 'twice');
    assert.equal(deliveries.received(3), true, 'the second is missing');
    assert.equal(deliveries.received(2), false, 'too late');
    assert.equal(deliveries.received(9), false, 'never sent');
    assert.equal(deliveries.received(4), true);
  });

  test('may be equal to another message, also over another connection', () => {
    const deliveries = new Deliveries();
    for (const hash of [5, 6]) deliveries.sent(first, hash);
    for (const hash of [6, 6]) deliveries.sent(second, hash);
    for (const hash of [6, 6, 5, 6]) assert.ok(deliveries.received(hash), `${hash}`);
    assert.equal(deliveries.received(6), false);
  });

  test('is forgotten when it was lost with one of many connections', () => {
    const deliveries = new Deliveries();
    for (let connection = 0; connection < 65; connection++) deliveries.sent({}, connection);
    assert.equal(deliveries.received(0), false, 'lost with the earliest');
    assert.equal(deliveries.received(1), true);
    assert.equal(deliveries.received(64), true);
  });

  test('is forgotten once it has arrived', () => {
    const deliveries = new Deliveries();
    for (let round = 0; round < 1_000; round++) {
      deliveries.sent(first, round);
      assert.ok(deliveries.received(round));
    }
    assert.equal(deliveries.received(999), false);
  });
});
