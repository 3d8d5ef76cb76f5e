import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import type * as Module from '../../../src/base/waited-handlers.ts';
import { turn } from '../../support/turns.ts';

/** The module once more, as it loads in a runtime that has no AsyncLocalStorage. */
async function load(t: TestContext, runtime: string): Promise<typeof Module> {
  if (runtime === 'a browser') t.mock.method(process, 'getBuiltinModule', () => undefined);
  const file = pathToFileURL(resolve(import.meta.dirname, '../../../src/base/waited-handlers.ts'));
  return (await import(`${file}?${encodeURIComponent(runtime)}`)) as typeof Module;
}

for (const runtime of ['Node.js', 'a browser']) {
  suite(`a handler that is waited for, in ${runtime}`, () => {
    test('is known while it runs, and not afterwards nor elsewhere', async (t) => {
      const { WaitedHandlers } = await load(t, runtime);
      const handlers = new WaitedHandlers();
      const others = new WaitedHandlers();
      assert.equal(handlers.isCaller, false);
      const seen: boolean[] = [];
      const waiting = Promise.withResolvers<void>();
      const run = handlers.run(() => {
        seen.push(handlers.isCaller, others.isCaller);
        return waiting.promise;
      });
      assert.equal(handlers.isCaller, false, 'who called is not a part of it');
      waiting.resolve();
      await run;
      assert.deepEqual(seen, [true, false]);
      assert.equal(handlers.isCaller, false);
    });

    test('is known inside a handler of others as well', async (t) => {
      const { WaitedHandlers } = await load(t, runtime);
      const outer = new WaitedHandlers();
      const inner = new WaitedHandlers();
      await outer.run(() =>
        inner.run(() => assert.deepEqual([outer.isCaller, inner.isCaller], [true, true])),
      );
    });

    test('passes on that it failed', async (t) => {
      const { WaitedHandlers } = await load(t, runtime);
      const handlers = new WaitedHandlers();
      await assert.rejects(
        handlers.run(() => {
          throw new Error('a mistake');
        }),
        /a mistake/,
      );
      assert.equal(handlers.isCaller, false);
    });
  });
}

test('in Node.js it is known behind an await, and not in what it left running', async (t) => {
  const { WaitedHandlers } = await load(t, 'Node.js');
  const handlers = new WaitedHandlers();
  const left = Promise.withResolvers<boolean>();
  await handlers.run(async () => {
    await turn();
    assert.equal(handlers.isCaller, true);
    setImmediate(() => left.resolve(handlers.isCaller));
  });
  assert.equal(await left.promise, false);
});
