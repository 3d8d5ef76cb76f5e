import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Runtime, systemRuntime } from '../../../src/base/runtime.ts';
import { Inbox } from '../../../src/channel/receive/inbox.ts';
import { LinkPause } from '../../../src/channel/send/link-pause.ts';
import type { Frame } from '../../../src/wire/frames/frame-reader.ts';
import { heldBytes } from '../../support/memory.ts';
import { turn } from '../../support/turns.ts';

const maxBytes = 10_000;

/** The format of frames that cannot be handled. */
const throwing = -1;

/** A frame in memory of its own. */
const frame = (format: number, bytes = 100): Frame => ({
  kind: 16,
  format,
  compression: 0,
  body: new Uint8Array(bytes),
});

/** Time passes only where a test lets it. */
function stepping(): Runtime & { nowMs: number } {
  return {
    ...systemRuntime,
    nowMs: 0,
    now() {
      return this.nowMs;
    },
  };
}

/** How many were handled in each turn of the event loop, until nothing waits. */
async function countsOfTurns(inbox: Inbox, handled: readonly number[]): Promise<number[]> {
  const counts: number[] = [];
  while (!inbox.isIdle) {
    const before = handled.length;
    await turn();
    counts.push(handled.length - before);
  }
  return counts.filter((count) => count > 0);
}

/** An inbox whose frames wait for `finish` when they are asynchronous. */
function openInbox({ isAsync = false, isOpen = true } = {}) {
  const link = {
    isPaused: false,
    pause: () => Object.assign(link, { isPaused: true }),
    resume: () => Object.assign(link, { isPaused: false }),
  };
  const pause = new LinkPause(link, maxBytes);
  const costs: number[] = [];
  const handled: number[] = [];
  const bodies: Uint8Array[] = [];
  const failures: unknown[] = [];
  const running: PromiseWithResolvers<void>[] = [];
  const inbox = new Inbox({
    runtime: stepping(),
    onWaiting: (bytes) => pause.update(bytes),
    onHandled: (costBytes) => costs.push(costBytes),
    handle: ({ format, body }) => {
      handled.push(format);
      bodies.push(body);
      if (format === throwing) throw new Error('no handler of the user threw this');
      if (!isAsync) return undefined;
      const run = Promise.withResolvers<void>();
      running.push(run);
      return run.promise;
    },
    onFailure: (error) => failures.push(error),
  });
  if (isOpen) inbox.open(undefined);
  const finish = async (): Promise<void> => {
    running.shift()!.resolve();
    await turn();
  };
  return { link, inbox, handled, bodies, costs, failures, running, finish };
}

suite('frames', () => {
  test('are held back until the inbox opens, and after what comes before', async () => {
    const { inbox, handled } = openInbox({ isOpen: false });
    assert.equal(inbox.isIdle, false);
    inbox.offer(frame(1));
    inbox.offer(frame(2));
    assert.deepEqual(handled, []);
    const before = Promise.withResolvers<void>();
    inbox.open(before.promise);
    await turn();
    assert.deepEqual(handled, []);
    before.resolve();
    await turn();
    assert.deepEqual(handled, [1, 2]);
    assert.equal(inbox.isIdle, true);
  });

  test('are handled at once where nothing is in the way', () => {
    const { inbox, handled } = openInbox();
    inbox.offer(frame(1));
    assert.deepEqual(handled, [1]);
  });

  test('are handled one at a time and in order where that takes its time', async () => {
    const { inbox, handled, finish } = openInbox({ isAsync: true });
    for (const format of [1, 2, 3]) inbox.offer(frame(format));
    assert.deepEqual(handled, [1]);
    await finish();
    assert.deepEqual(handled, [1, 2]);
    inbox.offer(frame(4));
    await finish();
    await finish();
    assert.deepEqual(handled, [1, 2, 3, 4]);
    assert.equal(inbox.isIdle, false);
    await finish();
    assert.equal(inbox.isIdle, true);
  });

  test('wait for what is handled outside', async () => {
    const { inbox, handled } = openInbox();
    const outside = Promise.withResolvers<void>();
    inbox.wait(outside.promise, 50);
    inbox.offer(frame(1));
    assert.deepEqual(handled, []);
    outside.resolve();
    await turn();
    assert.deepEqual(handled, [1]);
  });

  test('by the thousand keep their order', async () => {
    const { inbox, handled, finish } = openInbox({ isAsync: true });
    const count = 5_000;
    for (let index = 0; index < count; index++) inbox.offer(frame(index, 0));
    for (let index = 0; index < count; index++) await finish();
    assert.deepEqual(
      handled,
      Array.from({ length: count }, (_, index) => index),
    );
  });

  test('leave no memory behind while others wait all the time', async () => {
    let finish = (): void => {};
    const inbox = new Inbox({
      runtime: stepping(),
      handle: () =>
        new Promise<void>((resolve) => {
          finish = resolve;
        }),
      onFailure: (error) => assert.fail(String(error)),
    });
    inbox.open(undefined);
    const [one, other] = [frame(0, 0), frame(0, 0)]; // of different pieces of memory
    for (const each of [one, other, one]) inbox.offer(each);
    const pass = async (count: number): Promise<void> => {
      for (let index = 0; index < count; index++) {
        inbox.offer(index % 2 === 0 ? other : one);
        do {
          finish();
          await undefined;
        } while (inbox.waitingCount > 2);
      }
    };
    await pass(5_000);
    // Code that is compiled meanwhile takes memory too, but not in every round.
    const bytes: number[] = [];
    for (let round = 0; round < 4; round++) {
      const before = heldBytes();
      await pass(50_000);
      bytes.push((heldBytes() - before) / 50_000);
    }
    assert.ok(inbox.waitingCount > 0 && inbox.waitingCount < 10, `${inbox.waitingCount} wait`);
    assert.ok(Math.min(...bytes) < 5, `${bytes} bytes a frame`);
  });

  test('that wait are forgotten when the inbox is cleared', async () => {
    const { link, inbox, handled, finish } = openInbox({ isAsync: true });
    for (let index = 0; index < 200; index++) inbox.offer(frame(index));
    assert.equal(link.isPaused, true);
    inbox.clear();
    assert.equal(link.isPaused, false);
    await finish();
    assert.deepEqual(handled, [0]);
    inbox.offer(frame(7));
    assert.deepEqual(handled, [0, 7], 'and it goes on');
  });
});

suite('many frames that waited', () => {
  /** An inbox whose handlers take a millisecond each, at once or after they have awaited something. */
  function busyInbox(manner: 'at once' | 'later', runtime = stepping()) {
    const handled: number[] = [];
    const inbox = new Inbox({
      runtime,
      handle: ({ format }) => {
        const work = (): void => {
          runtime.nowMs += 1;
          handled.push(format);
        };
        return manner === 'at once' ? void work() : Promise.resolve().then(work);
      },
      onFailure: (error) => assert.fail(String(error)),
    });
    for (let index = 0; index < 10; index++) inbox.offer(frame(index));
    return { inbox, handled, runtime };
  }

  for (const manner of ['at once', 'later'] as const) {
    test(`are handled for 3 ms in one turn of the event loop, in order, where handlers compute ${manner}`, async () => {
      const { inbox, handled } = busyInbox(manner);
      inbox.open(Promise.resolve());
      assert.deepEqual(await countsOfTurns(inbox, handled), [3, 3, 3, 1]);
      assert.deepEqual(handled, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    });
  }

  test('are handled before what comes while they wait for a turn', async () => {
    const { inbox, handled } = busyInbox('at once');
    inbox.open(undefined);
    assert.deepEqual([handled, inbox.isIdle], [[0, 1, 2], false]);
    inbox.offer(frame(10));
    assert.deepEqual(await countsOfTurns(inbox, handled), [3, 3, 2]);
    assert.deepEqual(handled, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  test('of several peers go on in one turn each', async () => {
    const one = busyInbox('at once');
    const other = busyInbox('at once', one.runtime);
    one.inbox.open(undefined);
    other.inbox.open(undefined);
    const counts: number[][] = [];
    while (!one.inbox.isIdle || !other.inbox.isIdle) {
      counts.push([one.handled.length, other.handled.length]);
      await turn();
    }
    assert.deepEqual(counts.slice(0, 4), [
      [3, 3],
      [6, 3],
      [6, 6],
      [9, 6],
    ]);
  });

  test('are forgotten when the inbox is cleared while they wait for a turn', async () => {
    const { inbox, handled } = busyInbox('at once');
    inbox.open(undefined);
    inbox.clear();
    await inbox.idle();
    assert.deepEqual(handled, [0, 1, 2]);
  });
});

suite('an error while a frame is handled', () => {
  test('is thrown where the frame did not have to wait', () => {
    const { inbox, failures } = openInbox();
    assert.throws(() => inbox.offer(frame(throwing)), /no handler/);
    assert.deepEqual([failures, inbox.isIdle], [[], true]);
  });

  test('is told where it had to, and the others are handled', async () => {
    const { inbox, handled, failures, finish } = openInbox({ isAsync: true });
    for (const format of [1, throwing, 2]) inbox.offer(frame(format));
    await finish();
    assert.deepEqual([handled, failures.length], [[1, throwing, 2], 1]);
    await finish();
    assert.equal(inbox.isIdle, true);
  });

  test('is told where it comes later', async () => {
    const { inbox, handled, failures, running } = openInbox({ isAsync: true });
    for (const format of [1, 2]) inbox.offer(frame(format));
    running.shift()!.reject(new Error('later'));
    await turn();
    assert.deepEqual([handled, failures], [[1, 2], [new Error('later')]]);
  });
});

suite('the link', () => {
  test('is paused past the limit, and resumed at half of it', async () => {
    const { link, inbox, finish } = openInbox({ isAsync: true });
    inbox.offer(frame(0, 1_000_000));
    assert.equal(link.isPaused, false, 'what is being handled is not waiting');
    for (let index = 1; index <= 9; index++) inbox.offer(frame(index, 772));
    assert.equal(link.isPaused, false);
    inbox.offer(frame(10, 772));
    assert.equal(link.isPaused, true);
    let left = 10;
    while (link.isPaused) {
      await finish();
      left -= 1;
    }
    assert.ok(left > 2 && left <= 5, `resumed with ${left} of 10 left`);
  });

  test('is paused by many tiny frames as well', () => {
    const { link, inbox } = openInbox({ isAsync: true });
    let count = 0;
    while (!link.isPaused && count < 1_000) {
      inbox.offer(frame(count, 0));
      count += 1;
    }
    assert.ok(count < maxBytes / 50, `${count} empty frames`);
  });
});

suite('what a frame costs', () => {
  test('is told once it was handled, of one that was handled outside too', async () => {
    const { inbox, costs, finish } = openInbox({ isAsync: true });
    costs.length = 0;
    inbox.offer(frame(1, 100));
    inbox.offer(frame(2, 0));
    assert.equal(inbox.unhandledBytes, 356 + 256);
    assert.deepEqual(costs, []);
    await finish();
    assert.deepEqual(costs, [356]);
    await finish();
    assert.deepEqual([costs, inbox.unhandledBytes], [[356, 256], 0]);
    inbox.wait(Promise.resolve(), 50);
    assert.equal(inbox.unhandledBytes, 50);
    await turn();
    assert.deepEqual(costs, [356, 256, 50]);
  });

  test('is told at once where nothing takes long', () => {
    const { inbox, costs } = openInbox();
    costs.length = 0;
    inbox.offer(frame(1, 72));
    assert.deepEqual(costs, [328]);
  });

  test('is about what an empty frame takes while it waits', () => {
    const { inbox } = openInbox({ isAsync: true });
    const count = 20_000;
    inbox.offer(frame(0));
    const before = heldBytes();
    for (let index = 0; index < count; index++) inbox.offer(frame(index, 0));
    const bytesEach = (heldBytes() - before) / count;
    assert.ok(inbox.heldBytes / count > bytesEach * 0.8, `${bytesEach} bytes`);
  });
});

suite('frames that wait', () => {
  /** A piece of memory that arrived, with these frames in it. */
  const framesIn = (memoryBytes: number, lengths: readonly number[]): Frame[] => {
    const memory = new Uint8Array(memoryBytes).map((_, index) => index % 251);
    let at = 0;
    return lengths.map((length) => {
      const body = new Uint8Array(memory.buffer, at, length);
      at += length + 8;
      return { ...frame(1), body };
    });
  };

  test('are moved out of memory that they fill to less than half', async () => {
    const { inbox, bodies, running, finish } = openInbox({ isAsync: true });
    inbox.offer(frame(0));
    const sent = [60, 10, 500, 3].flatMap((length) => framesIn(10_000, [length, length]));
    const expected = sent.map(({ body }) => [...body]);
    for (const one of sent) inbox.offer(one);
    while (running.length > 0) await finish();
    const arrived = bodies.slice(1);
    assert.deepEqual(
      arrived.map((body) => [...body]),
      expected,
    );
    const memories = new Set(arrived.slice(0, -2).map(({ buffer }) => buffer));
    assert.equal(memories.size, 1, 'all but the latest are together in one block');
    assert.equal(memories.has(sent[0]!.body.buffer), false);
  });

  test('stay where they are where that is worth nothing', async () => {
    const { inbox, bodies, running, finish } = openInbox({ isAsync: true });
    inbox.offer(frame(0));
    const sent = [framesIn(1_000, [400, 400]), framesIn(1_000, [1])].flat();
    for (const one of sent) inbox.offer(one);
    while (running.length > 0) await finish();
    assert.equal(bodies[1]!.buffer, sent[0]!.body.buffer);
  });

  test('have memory of their own when they are large', async () => {
    const { inbox, bodies, running, finish } = openInbox({ isAsync: true });
    inbox.offer(frame(0));
    for (const one of [framesIn(100_000, [30_000]), framesIn(10, [1])].flat()) inbox.offer(one);
    while (running.length > 0) await finish();
    assert.equal(bodies[1]!.buffer.byteLength, 30_000);
  });
});

test('idle() resolves when everything is handled, and at once when nothing is', async () => {
  const { inbox, finish } = openInbox({ isAsync: true });
  await inbox.idle();
  inbox.offer(frame(1));
  inbox.offer(frame(2));
  let isIdle = false;
  void inbox.idle().then(() => {
    isIdle = true;
  });
  await finish();
  assert.equal(isIdle, false);
  await finish();
  assert.equal(isIdle, true);
});
