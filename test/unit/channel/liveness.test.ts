import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Liveness } from '../../../src/channel/liveness.ts';

const limits = { pingAfterMs: 100, deadAfterMs: 300 };

suite('liveness', () => {
  test('says when it is to be checked: nothing is due before', () => {
    const liveness = new Liveness(limits, 1_000);
    assert.equal(liveness.dueAt, 1_100);
    assert.equal(liveness.check(1_099, true), 'nothing');
    liveness.heard(1_050);
    assert.equal(liveness.dueAt, 1_150, 'what was heard moves it on');
    assert.equal(liveness.check(1_150, true), 'ping');
    assert.equal(liveness.dueAt, 1_250);
    assert.equal(liveness.check(1_250, true), 'ping');
    assert.equal(liveness.check(1_349, true), 'nothing');
    assert.equal(liveness.check(1_350, true), 'end');
    const impatient = new Liveness({ pingAfterMs: 100, deadAfterMs: 150 }, 0);
    assert.equal(impatient.check(100, true), 'ping');
    assert.equal(impatient.dueAt, 150, 'the other side is dead before another ping is due');
  });

  test('does not count time that this process slept through, also behind a ping', () => {
    const liveness = new Liveness(limits, 0);
    assert.equal(liveness.check(3_600_000, true), 'ping');
    assert.equal(liveness.check(7_200_000, true), 'ping', 'an answer may wait in the socket');
    const heardLate = new Liveness(limits, 0);
    heardLate.heard(3_599_999);
    heardLate.check(3_600_000, true);
    assert.equal(heardLate.dueAt, 3_600_099, 'nobody is heard in the future');
  });

  test('measures the round trip of its own pings, and takes no pong that it did not ask for', () => {
    const liveness = new Liveness(limits, 0);
    liveness.heard(50);
    liveness.onPong();
    assert.equal(liveness.roundTripMs, undefined);
    assert.equal(liveness.check(150, true), 'ping');
    liveness.heard(157);
    liveness.onPong();
    assert.equal(liveness.roundTripMs, 7);
    liveness.heard(250);
    liveness.onPong();
    assert.equal(liveness.roundTripMs, 7);
  });

  test('pings while it does not listen, and ends nothing', () => {
    const liveness = new Liveness(limits, 0);
    const due = [100, 200, 300, 400, 500].map((now) => liveness.check(now, false));
    assert.deepEqual(due, Array(5).fill('ping'));
    assert.equal(liveness.check(600, true), 'ping');
  });
});
