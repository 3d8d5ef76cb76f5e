import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { suite, test } from 'node:test';
import { CollectionWatch } from '../../../../src/secure/vault/collection-watch.ts';
import type { SealedItem } from '../../../../src/secure/vault/item.ts';
import type { FetchAnswer } from '../../../../src/secure/vault/vault-protocol.ts';
import type { VaultReader } from '../../../../src/secure/vault/vault-reader.ts';
import { VirtualRuntime } from '../../../../src/simulator/virtual-runtime.ts';
import { turns } from '../../../support/turns.ts';

const name = { owner: 'alice', collection: 'c' };

type Page = Pick<FetchAnswer, 'upTo' | 'more'> & { readonly items: readonly string[] };

/** A watch, and the pages that it is given; `undefined`: nobody answers. */
function setUp(pages: (Page | undefined)[], unreadable: readonly string[] = []) {
  const runtime = new VirtualRuntime();
  const asked: number[] = [];
  const reader = {
    changes: async (_name: unknown, since: number) => {
      asked.push(since);
      return pages.shift() as unknown as FetchAnswer;
    },
    isReadable: (_name: unknown, item: SealedItem) => !unreadable.includes(item as unknown as string),
    open: async (_name: unknown, item: SealedItem) => item,
  } as unknown as VaultReader;
  const watch = new CollectionWatch(reader, runtime);
  const abort = new AbortController();
  const seen: unknown[] = [];
  const done = (async () => {
    for await (const item of watch.changes(name, 5, abort.signal)) seen.push(item);
  })();
  return { runtime, asked, watch, abort, seen, done };
}

const page = (upTo: number, items: readonly string[] = [], more = false): Page => ({ upTo, items, more });

suite('a watch', () => {
  test('asks page by page, from where the last one ended, and then every fifteen seconds', async () => {
    const { runtime, asked, seen, abort, done } = setUp([page(7, ['a', 'b'], true), page(9, ['c'])]);
    await turns();
    assert.deepEqual(
      [seen, asked],
      [
        ['a', 'b', 'c'],
        [5, 7],
      ],
    );
    await runtime.advance(14_999);
    assert.deepEqual(asked, [5, 7]);
    await runtime.advance(1);
    assert.deepEqual(asked, [5, 7, 9]);
    await runtime.advance(15_000 + 100);
    assert.deepEqual(asked, [5, 7, 9, 9], 'where nobody answers it stays where it was');
    abort.abort();
    await runtime.settle(done);
  });

  test('passes over what this node may not read', async () => {
    const { runtime, seen, abort, done } = setUp([page(9, ['a', 'b', 'c'])], ['b']);
    await turns();
    assert.deepEqual(seen, ['a', 'c']);
    abort.abort();
    await runtime.settle(done);
  });

  test('asks at once when its collection has changed, or may have', async () => {
    const { runtime, asked, watch, abort, done } = setUp([page(9), page(10), page(11), page(12)]);
    await turns();
    watch.wake({ owner: 'bob', collection: 'c' });
    watch.wake({ owner: 'alice', collection: 'd' });
    await turns();
    assert.deepEqual(asked, [5]);
    watch.wake(name);
    await turns();
    assert.deepEqual(asked, [5, 9]);
    watch.wakeAll();
    await turns();
    assert.deepEqual(asked, [5, 9, 10]);
    abort.abort();
    await runtime.settle(done);
  });

  test('takes a breath between answers that bring nothing new, whoever wakes it', async () => {
    const { runtime, asked, watch, abort, done } = setUp(Array(50).fill(page(5)));
    for (let count = 0; count < 20; count++) {
      await turns(5);
      watch.wake(name);
    }
    assert.deepEqual(asked, [5]);
    await runtime.advance(99);
    assert.deepEqual(asked, [5]);
    await runtime.advance(1);
    assert.deepEqual(asked, [5, 5]);
    abort.abort();
    await runtime.settle(done);
  });

  test('that was woken while it asked asks again', async () => {
    const { runtime, asked, watch, abort, done } = setUp([page(9), page(10)]);
    watch.wake(name);
    await turns();
    assert.deepEqual(asked, [5, 9]);
    abort.abort();
    await runtime.settle(done);
  });

  test('ends with its signal and with the node, and leaves nothing behind', async () => {
    for (const end of ['signal', 'node'] as const) {
      const { runtime, watch, abort, done, asked } = setUp([page(9, ['a'])]);
      await turns();
      if (end === 'signal') abort.abort();
      else watch.close();
      await done;
      assert.deepEqual([runtime.pending, getEventListeners(abort.signal, 'abort')], [[], []], end);
      watch.wakeAll();
      await turns();
      assert.deepEqual(asked, [5]);
    }
  });

  test('does not begin when it is over already', async () => {
    const { runtime, asked, watch } = setUp([page(9, ['a'])]);
    watch.close();
    const late = watch.changes(name, 0, undefined).next();
    assert.deepEqual(await late, { done: true, value: undefined });
    const aborted = watch.changes(name, 0, AbortSignal.abort()).next();
    assert.deepEqual(await aborted, { done: true, value: undefined });
    await runtime.advance(100);
    assert.ok(asked.length <= 1);
  });

  test('that nobody reads to its end asks nothing more', async () => {
    const { runtime, watch, asked, abort, done } = setUp([page(9, ['a']), page(9, ['x', 'y', 'z'])]);
    await turns();
    const { length } = asked;
    const changes = watch.changes(name, 0, undefined);
    await changes.next();
    await changes.return(undefined);
    watch.wake(name);
    abort.abort();
    await runtime.settle(done);
    assert.equal(asked.length, length + 1);
    assert.deepEqual(runtime.pending, []);
  });
});
