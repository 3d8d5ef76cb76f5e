import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as v from 'valibot';
import { z } from 'zod';
import { checked, defineMessage, defineRequest, kindOf } from '../../../src/api/typed-messages.ts';
import { PeerloomError } from '../../../src/base/errors.ts';

const line = defineMessage('line', z.object({ text: z.string() }));

suite('typed messages', () => {
  test('travel as plain data with a kind', () => {
    assert.deepEqual(line({ text: 'hello' }), { kind: 'line', data: { text: 'hello' } });
    assert.equal(kindOf(line({ text: 'hello' })), 'line');
  });

  test('are told from other data by exactly the two fields', () => {
    for (const data of [null, 'line', 5, [], {}, { kind: 'line' }, { kind: 1, data: 1 }]) {
      assert.equal(kindOf(data), undefined, JSON.stringify(data));
    }
    assert.equal(kindOf({ kind: 'line', data: 1, more: 2 }), undefined);
  });

  test('refuse a kind without a name and a schema that is none', () => {
    assert.throws(() => defineMessage('', z.string()), TypeError);
    assert.throws(() => defineMessage('line', (() => true) as never), /Standard Schema/);
    assert.throws(() => defineRequest('history', { request: z.string() } as never), /schemas\.response/);
  });
});

suite('a schema', () => {
  for (const [library, schema] of [
    ['zod', z.object({ text: z.string() })],
    ['valibot', v.object({ text: v.string() })],
  ] as const) {
    test(`of ${library} lets through data that fits, and says what does not`, async () => {
      assert.deepEqual(checked('a line', schema, { text: 'hello' }), { text: 'hello' });
      assert.throws(
        () => checked('a line', schema, { text: 7 }),
        (error) =>
          error instanceof PeerloomError &&
          error.code === 'ERR_SCHEMA' &&
          /^a line does not fit its schema: text: /.test(error.message),
      );
    });
  }

  test('may be asynchronous', async () => {
    const even = z.number().refine(async (number) => number % 2 === 0, 'must be even');
    assert.equal(await checked('a number', even, 4), 4);
    await assert.rejects(
      async () => checked('a number', even, 5),
      /a number does not fit its schema: must be even/,
    );
  });

  test('may make something else of the data', () => {
    assert.equal(
      checked(
        'a text',
        z.string().transform((text) => text.length),
        'four',
      ),
      4,
    );
  });

  test('that finds much wrong names the first of it', () => {
    const many = z.array(z.string());
    assert.throws(
      () => checked('a list', many, Array(1_000).fill(1)),
      ({ message }) => message.length < 500,
    );
  });
});
