import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { WorkQueue } from '../../../src/secure/work-queue.ts';
import { turns } from '../../support/turns.ts';

/** A queue, and jobs that end when a test says so. */
function open({ maxJobs = 2, maxBytes = 100 } = {}) {
  let grown = 0;
  const queue = new WorkQueue({
    maxJobs,
    maxBytes,
    onGrowth: (bytes) => {
      grown += bytes;
    },
  });
  const begun: string[] = [];
  const ended: string[] = [];
  const ends = new Map<string, PromiseWithResolvers<void>>();
  const add = (name: string, bytes = 1): Promise<void> => {
    const end = Promise.withResolvers<void>();
    ends.set(name, end);
    const done = queue.add({
      bytes: () => bytes,
      run: () => {
        begun.push(name);
        return end.promise;
      },
    });
    done.then(
      () => ended.push(name),
      () => ended.push(`${name} failed`),
    );
    return done;
  };
  return { queue, begun, ended, add, end: (name: string) => ends.get(name)!, grown: () => grown };
}

suite('what a neighbour has this node do', () => {
  test('is done side by side, so much at a time, and the rest waits in order', async () => {
    const { begun, ended, add, end } = open();
    for (const name of ['a', 'b', 'c', 'd']) add(name);
    assert.deepEqual(begun, ['a', 'b']);
    end('b').resolve();
    await turns();
    assert.deepEqual([begun, ended], [['a', 'b', 'c'], ['b']]);
    end('a').resolve();
    end('c').resolve();
    end('d').resolve();
    await turns();
    assert.deepEqual(ended.toSorted(), ['a', 'b', 'c', 'd']);
    add('e');
    assert.equal(begun.at(-1), 'e', 'what comes later begins at once');
  });

  test('takes so much memory together, and one thing may take more', async () => {
    const { queue, begun, add, end, grown } = open({ maxJobs: 10 });
    add('large', 1_000);
    add('small', 1);
    assert.deepEqual([begun, queue.heldBytes, grown()], [['large'], 1_000, 1_000]);
    end('large').resolve();
    await turns();
    assert.deepEqual([begun, queue.heldBytes, grown()], [['large', 'small'], 1, 1_001]);
  });

  test('may fail, and the next is done', async () => {
    const { begun, ended, add, end, queue } = open({ maxJobs: 1 });
    void add('a').catch(() => {});
    add('b');
    end('a').reject(new Error('it fails'));
    await turns();
    assert.deepEqual([begun, ended, queue.heldBytes], [['a', 'b'], ['a failed'], 1]);
  });

  test('is not begun once the queue is closed, and nobody waits for it', async () => {
    const { queue, begun, ended, add, end } = open({ maxJobs: 1 });
    for (const name of ['a', 'b', 'c']) add(name);
    queue.close();
    add('d');
    await turns();
    assert.deepEqual([begun, ended], [['a'], ['b', 'c', 'd']]);
    end('a').resolve();
    await turns();
    assert.deepEqual([begun, ended.at(-1)], [['a'], 'a']);
  });
});
