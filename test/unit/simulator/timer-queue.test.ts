import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { RuntimeTimer } from '../../../src/base/runtime.ts';
import { TimerQueue } from '../../../src/simulator/timer-queue.ts';
import { randomFrom } from '../../support/random-from.ts';

function takenFrom(queue: TimerQueue): number {
  let taken = 0;
  for (let task = queue.take(); task !== undefined; task = queue.take()) {
    task.run();
    taken += 1;
  }
  return taken;
}

suite('a queue of timers', () => {
  test('hands them out by their times, those of the same time in the order in which they were set', () => {
    const queue = new TimerQueue();
    const ran: string[] = [];
    for (const name of ['b 2', 'a 1', 'c 2', 'd 1', 'e 0']) {
      queue.add(Number(name.at(-1)), () => ran.push(name));
    }
    assert.deepEqual([queue.size, queue.nextAt, queue.dueTimes], [5, 0, [0, 1, 1, 2, 2]]);
    takenFrom(queue);
    assert.deepEqual(ran, ['e 0', 'a 1', 'd 1', 'b 2', 'c 2']);
    assert.deepEqual([queue.size, queue.nextAt, queue.take()], [0, Number.POSITIVE_INFINITY, undefined]);
  });

  test('hands out those that run last after all others of the same time', () => {
    const queue = new TimerQueue();
    const ran: string[] = [];
    queue.add(1, () => ran.push('last'), 'last');
    queue.add(1, () => {
      ran.push('first');
      queue.add(1, () => ran.push('second'));
    });
    queue.add(2, () => ran.push('later'));
    takenFrom(queue);
    assert.deepEqual(ran, ['first', 'second', 'last', 'later']);
  });

  test('agrees with a sorted list, whatever is set, cancelled and taken', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = randomFrom(seed);
      const below = (bound: number): number => Math.floor(random() * bound);
      const queue = new TimerQueue();
      const waiting: { at: number; order: number; timer: RuntimeTimer }[] = [];
      const ran: number[] = [];
      for (let order = 0; order < 400; order++) {
        const choice = below(10);
        if (choice < 6) {
          const at = below(20);
          const own = order;
          waiting.push({ at, order, timer: queue.add(at, () => ran.push(own)) });
        } else if (choice < 8 && waiting.length > 0) {
          const [cancelled] = waiting.splice(below(waiting.length), 1);
          cancelled!.timer.cancel();
          cancelled!.timer.cancel();
        } else {
          waiting.sort((one, other) => one.at - other.at || one.order - other.order);
          const next = waiting.shift();
          assert.equal(queue.nextAt, next?.at ?? Number.POSITIVE_INFINITY);
          queue.take()?.run();
          if (next !== undefined) assert.equal(ran.at(-1), next.order, `seed ${seed}`);
          next?.timer.cancel();
        }
        assert.equal(queue.size, waiting.length, `seed ${seed}`);
      }
    }
  });

  test('keeps no more cancelled timers than waiting ones, and 64', () => {
    const queue = new TimerQueue();
    const ran: number[] = [];
    for (let index = 0; index < 100; index++) queue.add(index, () => ran.push(index));
    for (let index = 0; index < 100_000; index++) {
      queue.add(1_000 + index, () => assert.fail('it was cancelled')).cancel();
      assert.ok(queue.heldTimers <= 2 * queue.size + 64, `${queue.heldTimers} for ${queue.size}`);
    }
    assert.equal(takenFrom(queue), 100);
    assert.equal(ran.length, 100);
  });

  test('is not changed by a timer that is cancelled while it runs', () => {
    const queue = new TimerQueue();
    const timer = queue.add(1, () => timer.cancel());
    queue.add(2, () => {});
    queue.take()!.run();
    assert.deepEqual([queue.size, queue.nextAt], [1, 2]);
  });
});
