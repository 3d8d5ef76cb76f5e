import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { PeerloomError } from '../../../src/base/errors.ts';
import { InboundFailures } from '../../../src/peers/inbound-failures.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';

suite('reports of inbound connections that failed', () => {
  function open() {
    const runtime = new VirtualRuntime();
    const reports: { address: string; error: PeerloomError }[] = [];
    const failures = new InboundFailures(runtime, (address, error) => reports.push({ address, error }));
    const fail = (count: number): void => {
      for (let port = 1; port <= count; port++) {
        failures.add(
          { scheme: undefined, host: '::1', port },
          new PeerloomError('ERR_HANDSHAKE', 'nonsense'),
        );
      }
    };
    return { runtime, reports, failures, fail };
  }

  test('come at once, ten a second at most, and the rest is counted in one more', async () => {
    const { runtime, reports, fail } = open();
    fail(25);
    assert.equal(reports.length, 10);
    assert.equal(reports[0]!.address, '[::1]:1');
    await runtime.advance(1_000);
    assert.equal(reports.length, 11);
    const { address, error } = reports[10]!;
    assert.equal(address, '[::1]:25');
    assert.equal(error.code, 'ERR_HANDSHAKE');
    assert.match(error.message, /^nonsense \(the last of 15 inbound connections/);
    fail(10);
    assert.equal(reports.length, 20, 'the summary is one of the ten of its second');
    await runtime.advance(1_000);
    assert.match(reports.at(-1)!.error.message, /last of 1 inbound/);
  });

  test('are each told where they are few, and keep no timer for ever', async () => {
    const { runtime, reports, fail } = open();
    for (let second = 0; second < 5; second++) {
      fail(10);
      await runtime.advance(1_000);
    }
    assert.equal(reports.length, 50);
    assert.deepEqual(runtime.pending, []);
  });

  test('end with the node', async () => {
    const { runtime, reports, failures, fail } = open();
    fail(12);
    failures.stop();
    fail(1);
    await runtime.advance(5_000);
    assert.equal(reports.length, 10);
    assert.deepEqual(runtime.pending, []);
  });
});
