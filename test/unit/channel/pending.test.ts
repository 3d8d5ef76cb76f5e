import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { PendingAnswers } from '../../../src/channel/pending.ts';
import { PeerloomError } from '../../../src/index.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import { withCode } from '../../support/errors.ts';
import { turn } from '../../support/turns.ts';

function pending() {
  const runtime = new VirtualRuntime();
  const answers = new PendingAnswers<string>(runtime);
  const sent: number[] = [];
  const ask = (options?: object) => answers.call('question', options, (id) => void sent.push(id));
  return { runtime, answers, sent, ask };
}

suite('a question', () => {
  test('gets its own answer, in whatever order they come', async () => {
    const { answers, sent, ask } = pending();
    const asked = [ask(), ask(), ask()];
    assert.equal(new Set(sent).size, 3);
    for (const id of sent.toReversed()) answers.answer(id, `answer to ${id}`);
    assert.deepEqual(
      await Promise.all(asked),
      sent.map((id) => `answer to ${id}`),
    );
  });

  test('can fail', async () => {
    const { answers, sent, ask } = pending();
    const asked = ask();
    answers.fail(sent[0]!, new PeerloomError('ERR_HANDLER', 'no'));
    await assert.rejects(asked, withCode('ERR_HANDLER', /no/));
  });

  test('is waited for until it is settled, and no timer is left then', async () => {
    const { runtime, answers, sent, ask } = pending();
    const asked = [ask(), ask({ timeoutMs: 5 }), ask({ timeoutMs: Number.POSITIVE_INFINITY })];
    assert.deepEqual(runtime.pending, [5], 'one timer, for the earliest deadline');
    for (const id of sent) {
      assert.ok(answers.has(id));
      answers.answer(id, 'yes');
      assert.ok(!answers.has(id));
    }
    assert.deepEqual(runtime.pending, []);
    await Promise.all(asked);
  });

  test('that nobody asked, or that is settled, is passed over when it is answered', async () => {
    const { answers, sent, ask } = pending();
    answers.answer(77, 'what?');
    const asked = ask();
    answers.answer(sent[0]!, 'first');
    answers.answer(sent[0]!, 'second');
    answers.fail(sent[0]!, new PeerloomError('ERR_HANDLER', 'third'));
    assert.equal(await asked, 'first');
  });

  test('is given up in time, and all of them at once', async () => {
    const { runtime, answers, sent, ask } = pending();
    const [short, long] = [ask({ timeoutMs: 10 }), ask()];
    short.catch(() => {});
    await runtime.advance(10);
    await assert.rejects(short, withCode('ERR_TIMEOUT', /question: no answer within 10 ms/));
    assert.ok(!answers.has(sent[0]!) && answers.has(sent[1]!));
    answers.failAll(() => new PeerloomError('ERR_CONNECTION_CLOSED', 'gone'));
    await assert.rejects(long, withCode('ERR_CONNECTION_CLOSED', /gone/));
    assert.deepEqual(runtime.pending, []);
  });

  test('is given up at its own deadline, whatever the others have', async () => {
    const { runtime, answers, sent, ask } = pending();
    const late: number[] = [];
    const give = (timeoutMs: number): void => void ask({ timeoutMs }).catch(() => late.push(timeoutMs));
    for (const timeoutMs of [20, 5, 30, 20, 40]) give(timeoutMs);
    answers.answer(sent[4]!, 'in time');
    await runtime.advance(4);
    assert.deepEqual(late, []);
    await runtime.advance(1);
    assert.deepEqual(late, [5]);
    give(10);
    await runtime.advance(10);
    assert.deepEqual(late, [5, 10]);
    await runtime.advance(15);
    assert.deepEqual(late, [5, 10, 20, 20, 30]);
    assert.deepEqual(runtime.pending, []);
  });

  test('can be aborted; the signal is let go of in any case', async () => {
    const { answers, sent, ask } = pending();
    const controller = new AbortController();
    const reason = new Error('never mind');
    let listeners = 0;
    const { signal } = controller;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners += 1;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners -= 1;
      remove(...args);
    };
    const [answered, aborted] = [ask({ signal }), ask({ signal })];
    answers.answer(sent[0]!, 'yes');
    await answered;
    assert.equal(listeners, 1);
    controller.abort(reason);
    await assert.rejects(aborted, (error: Error) => withCode('ERR_ABORTED')(error) && error.cause === reason);
    assert.equal(listeners, 0);
  });

  test('that cannot be sent throws at once, and waits for nothing', async () => {
    const { runtime, answers, sent, ask } = pending();
    const failure = new PeerloomError('ERR_QUEUE_FULL', 'no room');
    assert.throws(
      () =>
        answers.call('question', {}, () => {
          throw failure;
        }),
      failure,
    );
    assert.throws(() => ask({ signal: AbortSignal.abort() }), withCode('ERR_ABORTED'));
    assert.throws(() => ask({ timeoutMs: 0 }), RangeError);
    assert.throws(
      () => ask({ timeout: 5 } as object),
      /timeout is not an option.* The options are timeoutMs, signal/,
    );
    assert.throws(() => ask(null as never), /options must be an object, not null/);
    assert.throws(() => ask({ signal: 'x' as never }), /signal must be an AbortSignal, not 'x'/);
    assert.deepEqual(sent, []);
    assert.deepEqual(runtime.pending, []);
    await turn();
  });
});
