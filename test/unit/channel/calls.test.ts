import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { PeerloomError } from '../../../src/base/errors.ts';
import { defaultLimits } from '../../../src/base/limits.ts';
import { Calls } from '../../../src/channel/calls.ts';
import { Outgoing } from '../../../src/channel/send/outgoing.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import { FrameKind, idBody } from '../../../src/wire/frames/frame.ts';
import type { Frame } from '../../../src/wire/frames/frame-reader.ts';
import { encodePayload } from '../../../src/wire/payloads/payload.ts';
import { withCode } from '../../support/errors.ts';
import { FakeLink } from '../../support/fake-link.ts';
import { endlessWindows } from '../../support/windows.ts';

/** Calls whose answers are read when the test says so. */
function ask() {
  const runtime = new VirtualRuntime();
  const read: Frame[] = [];
  const calls = new Calls({
    outgoing: new Outgoing({ link: new FakeLink(), limits: defaultLimits, windows: endlessWindows }),
    runtime,
    encode: encodePayload,
    readAnswer: (answer) => void read.push(answer),
  });
  return { calls, read, runtime };
}

function answer(id: number, { kind = FrameKind.response as number, compression = 1 } = {}): Frame {
  return { kind, format: 2, compression, body: new Uint8Array(idBody(id)) };
}

const closed = new PeerloomError('ERR_CONNECTION_CLOSED', 'closed');

suite('an answer', () => {
  test('that is compressed and comes more than once is read once', async () => {
    const { calls, read } = ask();
    const asked = calls.request('?', undefined);
    for (let count = 0; count < 3; count++) calls.onAnswer(answer(1));
    assert.equal(read.length, 1);
    calls.onAnswer(answer(1, { kind: FrameKind.failure, compression: 0 }));
    assert.equal(read.length, 1, 'nor is another one that overtakes it');
    calls.conclude(read[0]!, { data: 'the answer' });
    assert.equal(await asked, 'the answer');
    calls.onAnswer(answer(1));
    assert.equal(read.length, 1);
  });

  test('that nobody waits for is not read', async () => {
    const { calls, read, runtime } = ask();
    calls.onAnswer(answer(1));
    const asked = calls.request('?', { timeoutMs: 10 });
    const late = assert.rejects(asked, withCode('ERR_TIMEOUT'));
    await runtime.advance(10);
    await late;
    calls.onAnswer(answer(1));
    assert.deepEqual(read, []);
  });

  test('that has come is waited for after the end of the connection, and others are not', async () => {
    const { calls, read } = ask();
    const [first, second] = [calls.request('1', undefined), calls.deliver('2', undefined)];
    calls.onAnswer(answer(1));
    assert.deepEqual([...calls.awaited()], [2], 'of the first whoever asked learns');
    const readAll = Promise.withResolvers<void>();
    calls.end(() => closed, readAll.promise);
    await assert.rejects(second, withCode('ERR_CONNECTION_CLOSED'));
    calls.conclude(read[0]!, { data: 1 });
    assert.equal(await first, 1);
  });

  test('that has come and is dropped fails once all are read', async () => {
    const { calls } = ask();
    const asked = calls.request('1', undefined);
    calls.onAnswer(answer(1));
    calls.end(() => closed, Promise.resolve());
    await assert.rejects(asked, withCode('ERR_CONNECTION_CLOSED'));
    assert.deepEqual([...calls.awaited()], []);
  });

  test('of the wrong kind fails its call', async () => {
    const { calls } = ask();
    const asked = calls.request('?', undefined);
    calls.onAnswer(answer(1, { kind: FrameKind.delivered, compression: 0 }));
    await assert.rejects(asked, withCode('ERR_PROTOCOL'));
  });
});
