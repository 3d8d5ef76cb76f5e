import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Deliveries } from '../../../src/simulator/watch/deliveries.ts';

suite('what arrives at simulated nodes', () => {
  const [first, second] = [{}, {}];

  test('may be missing, but comes once, and in order', () => {
    const deliveries = new Deliveries();
    for (const hash of ['a', 'b', 'c', 'd']) deliveries.sent('receiver', first, hash);
    assert.equal(deliveries.received('receiver', 'a'), true);
    assert.equal(deliveries.received('receiver', 'a'), false, 'twice');
    assert.equal(deliveries.received('receiver', 'c'), true, 'b is missing');
    assert.equal(deliveries.received('receiver', 'b'), false, 'too late');
    assert.equal(deliveries.received('receiver', 'x'), false, 'never sent');
    assert.equal(deliveries.received('other', 'd'), false, 'sent to another');
    assert.equal(deliveries.received('receiver', 'd'), true);
  });

  test('may be equal to another message, also over another connection', () => {
    const deliveries = new Deliveries();
    for (const hash of ['lost', 'same']) deliveries.sent('receiver', first, hash);
    for (const hash of ['same', 'same']) deliveries.sent('receiver', second, hash);
    for (const hash of ['same', 'same', 'lost', 'same'])
      assert.ok(deliveries.received('receiver', hash), hash);
    assert.equal(deliveries.received('receiver', 'same'), false);
  });

  test('is forgotten once it has arrived', () => {
    const deliveries = new Deliveries();
    for (let round = 0; round < 1_000; round++) {
      deliveries.sent('receiver', first, `${round}`);
      assert.ok(deliveries.received('receiver', `${round}`));
    }
    assert.equal(deliveries.received('receiver', '999'), false);
  });
});
