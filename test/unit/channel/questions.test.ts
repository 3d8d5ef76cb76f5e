import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { PeerloomError } from '../../../src/base/errors.ts';
import { defaultLimits } from '../../../src/base/limits.ts';
import { Questions } from '../../../src/channel/questions.ts';
import { Outgoing } from '../../../src/channel/send/outgoing.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import { FrameKind, idBody } from '../../../src/wire/frames/frame.ts';
import type { Frame } from '../../../src/wire/frames/frame-reader.ts';
import { encodePayload } from '../../../src/wire/payloads/payload.ts';
import { withCode } from '../../support/errors.ts';
import { FakeLink } from '../../support/fake-link.ts';
import { endlessWindows } from '../../support/windows.ts';

/** Questions whose answers are read when the test says so. */
function ask() {
  const runtime = new VirtualRuntime();
  const read: Frame[] = [];
  const questions = new Questions({
    outgoing: new Outgoing({ link: new FakeLink(), limits: defaultLimits, windows: endlessWindows }),
    runtime,
    encode: encodePayload,
    read: (answer) => void read.push(answer),
  });
  return { questions, read, runtime };
}

function answer(id: number, { kind = FrameKind.response as number, compression = 1 } = {}): Frame {
  return { kind, format: 2, compression, body: new Uint8Array(idBody(id)) };
}

const closed = new PeerloomError('ERR_CONNECTION_CLOSED', 'closed');

suite('an answer', () => {
  test('that is compressed and comes more than once is read once', async () => {
    const { questions, read } = ask();
    const asked = questions.request('?', undefined);
    for (let count = 0; count < 3; count++) questions.onAnswer(answer(1));
    assert.equal(read.length, 1);
    questions.onAnswer(answer(1, { kind: FrameKind.failure, compression: 0 }));
    assert.equal(read.length, 1, 'nor is another one that overtakes it');
    questions.conclude(read[0]!, { data: 'the answer' });
    assert.equal(await asked, 'the answer');
    questions.onAnswer(answer(1));
    assert.equal(read.length, 1);
  });

  test('that nobody waits for is not read', async () => {
    const { questions, read, runtime } = ask();
    questions.onAnswer(answer(1));
    const asked = questions.request('?', { timeoutMs: 10 });
    const late = assert.rejects(asked, withCode('ERR_TIMEOUT'));
    await runtime.advance(10);
    await late;
    questions.onAnswer(answer(1));
    assert.deepEqual(read, []);
  });

  test('that has come is waited for after the end of the connection, and others are not', async () => {
    const { questions, read } = ask();
    const [first, second] = [questions.request('1', undefined), questions.deliver('2', undefined)];
    questions.onAnswer(answer(1));
    assert.deepEqual([...questions.awaited()], [2], 'of the first whoever asked learns');
    const readAll = Promise.withResolvers<void>();
    questions.end(() => closed, readAll.promise);
    await assert.rejects(second, withCode('ERR_CONNECTION_CLOSED'));
    questions.conclude(read[0]!, { data: 1 });
    assert.equal(await first, 1);
  });

  test('that has come and is dropped fails once all are read', async () => {
    const { questions } = ask();
    const asked = questions.request('1', undefined);
    questions.onAnswer(answer(1));
    questions.end(() => closed, Promise.resolve());
    await assert.rejects(asked, withCode('ERR_CONNECTION_CLOSED'));
    assert.deepEqual([...questions.awaited()], []);
  });

  test('of the wrong kind fails its question', async () => {
    const { questions } = ask();
    const asked = questions.request('?', undefined);
    questions.onAnswer(answer(1, { kind: FrameKind.delivered, compression: 0 }));
    await assert.rejects(asked, withCode('ERR_PROTOCOL'));
  });
});
