import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { runInNewContext } from 'node:vm';
import { checkSignal } from '../../src/base/arguments.ts';
import type { Data } from '../../src/index.ts';
import { withCode } from '../support/errors.ts';
import { startPair } from '../support/start-nodes.ts';

const program = (name: string): string =>
  fileURLToPath(new URL(`../support/programs/${name}`, import.meta.url));

/** What the code gives in a realm that has Objects, Arrays and Uint8Arrays of its own. */
function foreign<Value>(code: string): Value {
  return runInNewContext(code) as Value;
}

suite('values of another realm, such as that of a test in Jest or of vm,', () => {
  const values: Record<string, Data> = {
    "({ a: 1, b: [{ c: 'd' }] })": { a: 1, b: [{ c: 'd' }] },
    'Object.create(null)': {},
    'JSON.parse(\'{"x":[{"y":1}]}\')': { x: [{ y: 1 }] },
    '[1, { b: 2 }, null]': [1, { b: 2 }, null],
    'new Uint8Array([1, 2, 3])': Uint8Array.of(1, 2, 3),
    'new Uint8Array([0, 1, 2, 3]).subarray(1, 3)': Uint8Array.of(1, 2),
    'new Float32Array([1.5])': Float32Array.of(1.5),
    '({ bytes: new Uint8Array([1]), list: [new BigInt64Array([2n])], no: NaN })': {
      bytes: Uint8Array.of(1),
      list: [BigInt64Array.of(2n)],
      no: Number.NaN,
    },
  };

  test('are sent, answered and written like those of this one', async (t) => {
    const { b, connection } = await startPair(t);
    for (const [code, expected] of Object.entries(values)) {
      await connection.deliver(foreign<Data>(code));
      assert.deepEqual(b.messages.at(-1), expected, code);
    }
    let isPromised = false;
    b.on('node_request', (_peer, code) =>
      foreign(isPromised ? `Promise.resolve(${code})` : (code as string)),
    );
    for (isPromised of [false, true]) {
      for (const [code, expected] of Object.entries(values)) {
        assert.deepEqual(await connection.request(code), expected, code);
      }
    }
    const received: number[] = [];
    b.on('node_stream', async (_peer, stream) => {
      for await (const bytes of stream) received.push(...bytes);
      stream.end();
    });
    const stream = await connection.openStream(foreign<Data>('({ header: new Uint8Array([1]) })'));
    stream.write(foreign<Uint8Array>('new Uint8Array([1, 2, 3])'));
    stream.end();
    await stream.closed;
    assert.deepEqual(received, [1, 2, 3]);
  });

  test('end a stream with their message', async (t) => {
    const { b, connection } = await startPair(t);
    b.on('node_stream', (_peer, stream) => stream.abort(foreign('new Error("not today")')));
    await assert.rejects(connection.openStream(), withCode('ERR_STREAM_ABORTED', /^not today$/));
  });

  test('are no data where those of this one are none', async (t) => {
    const { connection } = await startPair(t);
    const wrong: Record<string, RegExp> = {
      'new (class Point { x = 1 })()': /an instance of Point/,
      '({ when: new Date(0) })': /data\.when is an instance of Date/,
      'new Map()': /an instance of Map/,
      'Object.create({ inherited: 1 })': /data is an instance of/,
      'Object.create(Object.create(null))': /data is an instance of/,
      'new DataView(new ArrayBuffer(1))': /an instance of DataView/,
      'Promise.resolve(1)': /a promise: did you forget await/,
      '() => 1': /data is a function/,
    };
    for (const [code, message] of Object.entries(wrong)) {
      assert.throws(() => connection.send(foreign<Data>(code)), { name: 'TypeError', message }, code);
    }
  });
});

test('an AbortSignal of another realm ends a wait, as jsdom has one', async (t) => {
  const { b, connection } = await startPair(t);
  b.on('node_request', () => new Promise(() => {}));
  const controller = foreign<AbortController>(`({
    signal: {
      aborted: false,
      [Symbol.toStringTag]: 'AbortSignal',
      listeners: new Set(),
      addEventListener(type, listener) { this.listeners.add(listener); },
      removeEventListener(type, listener) { this.listeners.delete(listener); },
    },
    abort(reason) {
      Object.assign(this.signal, { aborted: true, reason });
      for (const listener of this.signal.listeners) listener();
    },
  })`);
  assert.ok(!(controller.signal instanceof AbortSignal));
  const waiting = connection.request('nobody answers', { signal: controller.signal });
  controller.abort('enough');
  await assert.rejects(waiting, withCode('ERR_ABORTED'));
  assert.throws(() => checkSignal(foreign('({ [Symbol.toStringTag]: "AbortSignal" })')), TypeError);
});

test('the package itself runs in a realm of its own, as Jest and the vm pools of Vitest run it', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--experimental-vm-modules',
    '--no-warnings',
    program('in-another-realm.ts'),
    program('two-nodes-of-a-test.ts'),
  ]);
  assert.deepEqual(JSON.parse(stdout), [
    { plain: [1, { deep: null }] },
    { cloned: [1] },
    { weights: { 0: 1.5 }, bytes: { 0: 98 } },
    { text: 'z'.repeat(2_000) },
    { answer: { question: 1 } },
    [1, 2],
    true,
    { secret: [1] },
    { value: [1] },
  ]);
});
