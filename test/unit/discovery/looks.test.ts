import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Looks } from '../../../src/discovery/looks.ts';
import { lookFrame, readQuestionFrame, seenFrame } from '../../../src/discovery/question-frames.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';

suite('looks', () => {
  function open() {
    const runtime = new VirtualRuntime();
    const sent: { to: object; bytes: Uint8Array }[] = [];
    const looks = new Looks<object>({
      runtime,
      send: (to, bytes) => void sent.push({ to, bytes }),
      addressOf: () => ({ host: '192.0.2.9', port: 7 }),
    });
    const receives = (peer: object, bytes: Uint8Array): void => {
      const frame = readQuestionFrame(bytes);
      assert.ok(frame.kind === 'look' || frame.kind === 'seen');
      looks.received(peer, frame);
    };
    return { runtime, sent, looks, receives };
  }

  test('are answered four at once for each peer, and then one a second', async () => {
    const { runtime, sent, receives } = open();
    const [one, other] = [{}, {}];
    for (let count = 0; count < 100; count++) receives(one, lookFrame('0123456789abcdef'));
    assert.equal(sent.length, 4);
    receives(other, lookFrame('0123456789abcdef'));
    assert.equal(sent.length, 5);
    await runtime.advance(1_000);
    for (let count = 0; count < 100; count++) receives(one, lookFrame('0123456789abcdef'));
    assert.equal(sent.length, 6);
    const answer = readQuestionFrame(sent[0]!.bytes);
    assert.deepEqual(answer, {
      kind: 'seen',
      number: '0123456789abcdef',
      host: '192.0.2.9',
      port: 7,
      wallMs: Math.trunc(answer.kind === 'seen' ? answer.wallMs : 0),
    });
  });

  test('resolve with the answer of that peer, and with nothing if it is silent or leaves', async () => {
    const { runtime, sent, looks, receives } = open();
    const [one, other] = [{}, {}];
    const asked = looks.ask(one);
    const { number } = readQuestionFrame(sent[0]!.bytes);
    const seen = { number, host: '203.0.113.7', port: 5, wallMs: 9 };
    receives(other, seenFrame({ ...seen, host: '198.51.100.1' }));
    await runtime.advance(20);
    receives(one, seenFrame(seen));
    receives(one, seenFrame(seen));
    assert.deepEqual(await asked, { host: '203.0.113.7', port: 5, wallMs: 9, roundTripMs: 20 });

    const left = looks.ask(one);
    looks.closed(one);
    assert.equal(await left, undefined);
    const silent = looks.ask(one);
    await runtime.advance(5_000);
    assert.equal(await silent, undefined);
    const stopped = looks.ask(other);
    looks.stop();
    assert.equal(await stopped, undefined);
  });
});
