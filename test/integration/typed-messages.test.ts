import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { z } from 'zod';
import {
  type Data,
  defineMessage,
  defineRequest,
  Node,
  type NodeConnection,
  type PeerloomError,
} from '../../src/index.ts';
import { withCode } from '../support/errors.ts';
import { Fixture } from '../support/fixture.ts';
import { RecordingNode } from '../support/recording-node.ts';
import { startPair } from '../support/start-nodes.ts';

const line = defineMessage('line', z.object({ text: z.string() }));
const history = defineRequest('history', {
  request: z.object({ since: z.number() }),
  response: z.array(z.string()),
});

async function startChat(t: TestContext) {
  const started = await startPair(t);
  const { b } = started;
  const seen: unknown[] = [];
  b.handle(line, (_peer, data) => void seen.push(data));
  b.handle(history, (_peer, { since }) => ['one', 'two', 'three'].slice(since));
  return { ...started, seen };
}

suite('typed messages', () => {
  test('go to the handler of their kind, and all others to node_message', async (t) => {
    const { b, connection, seen } = await startChat(t);
    await connection.deliver(line({ text: 'hello' }));
    await connection.deliver({ kind: 'other', data: 1 });
    await connection.deliver('plain');
    assert.deepEqual(seen, [{ text: 'hello' }]);
    assert.deepEqual(b.messages, [{ kind: 'other', data: 1 }, 'plain']);
  });

  test('that do not fit are rejected, counted, and reach no handler', async (t) => {
    const { b, connection, seen } = await startChat(t);
    connection.send({ kind: 'line', data: { text: 5 } });
    const { data: error } = await b.event('node_message_rejected');
    assert.ok(withCode('ERR_SCHEMA')(error));
    assert.match((error as Error).message, /'line' does not fit its schema: text/);
    assert.equal(b.messageCountRerr, 1);
    await assert.rejects(connection.deliver({ kind: 'line', data: null }), withCode('ERR_SCHEMA'));
    assert.deepEqual([seen, b.messages, b.messageCountRerr], [[], [], 2]);
  });

  test('keep their order with others while a schema or a handler takes its time', async (t) => {
    const { b, connection } = await startPair(t);
    const order: unknown[] = [];
    const slow = defineMessage(
      'slow',
      z.number().refine(async () => new Promise<boolean>((resolve) => setImmediate(resolve, true))),
    );
    b.handle(slow, async (_peer, number) => void order.push(number));
    b.on('node_message', (_peer, data) => void order.push(data));
    connection.send(slow(1));
    connection.send('two');
    await connection.deliver(slow(3));
    assert.deepEqual(order, [1, 'two', 3]);
  });

  test('whose handler throws are reported like others', async (t) => {
    const { b, connection } = await startPair(t);
    b.handle(line, () => {
      throw new Error('broken');
    });
    await assert.rejects(connection.deliver(line({ text: 'x' })), withCode('ERR_HANDLER'));
    assert.equal(((await b.event('node_error')).data as { error: Error }).error.message, 'broken');
  });

  test('of a kind that nobody handles are reported once for each kind, with a hint', async (t) => {
    const [a, b] = [new Node('127.0.0.1', 0, { name: 'a' }), new Node('127.0.0.1', 0)];
    await Promise.all([a.start(), b.start()]);
    Fixture.of(t).defer(() => Promise.all([a.stop(), b.stop()]));
    const errors: unknown[] = [];
    b.on('node_error', (error) => errors.push((error as PeerloomError).message));
    b.handle(line, () => {});
    b.handle(history, () => []);
    const connection = await a.connectWithNode('127.0.0.1', b.port);
    for (const kind of ['lien', 'lien', 'other']) connection.send({ kind, data: null });
    connection.send('plain');
    const unhandled = (error: Error) =>
      withCode('ERR_HANDLER')(error) && /has no handler/.test(error.message);
    await assert.rejects(connection.deliver({ kind: 'lien', data: null }), unhandled);
    await assert.rejects(connection.request({ kind: 'histroy', data: null }), withCode('ERR_HANDLER'));
    const from = `a (…${a.id.slice(-6)})`;
    assert.deepEqual(errors, [
      `${from} sends messages of the kind 'lien', and nobody here handles them: handle that kind, or node_message; did you mean 'line'?`,
      `${from} sends messages of the kind 'other', and nobody here handles them: handle that kind, or node_message`,
      `${from} sends messages without a kind, and nobody here handles them: handle node_message`,
      `${from} sends requests of the kind 'histroy', and nobody here handles them: handle that kind, or node_request; did you mean 'history'?`,
    ]);
  });

  test('cannot have two handlers of one kind, or one of no kind', async (t) => {
    const { b } = await startChat(t);
    assert.throws(() => b.handle(line, () => {}), /'line' already has a handler/);
    assert.throws(() => b.handle({ kind: 'x' } as never, () => {}), /defineMessage or defineRequest/);
    const other = defineMessage('other', z.string());
    assert.throws(() => b.handle(other, 'x' as never), /handler must be a function/);
  });
});

suite('typed requests', () => {
  test('bring back the answer that the schema describes', async (t) => {
    const { connection } = await startChat(t);
    assert.deepEqual(await connection.request(history, { since: 1 }), ['two', 'three']);
  });

  test('that do not fit fail at the asker with the reason', async (t) => {
    const { b, connection } = await startChat(t);
    const wrong = { since: 'yesterday' } as unknown as { since: number };
    await assert.rejects(
      connection.request(history, wrong),
      (error: Error) => withCode('ERR_SCHEMA')(error) && /'history' does not fit.*since/.test(error.message),
    );
    assert.equal(b.messageCountRerr, 1);
  });

  test('whose answer does not fit fail at the asker', async (t) => {
    const { b, connection } = await startPair(t);
    b.on('node_request', (_peer, data: { kind: string }) => (data.kind === 'history' ? [1, 2] : undefined));
    await assert.rejects(connection.request(history, { since: 0 }), withCode('ERR_SCHEMA'));
  });

  test('whose handler throws tell the asker nothing of why', async (t) => {
    const { b, connection } = await startPair(t);
    b.handle(history, async () => {
      throw new Error('a secret');
    });
    await assert.rejects(
      connection.request(history, { since: 0 }),
      (error: Error) => withCode('ERR_HANDLER')(error) && !error.message.includes('secret'),
    );
    await b.event('node_error');
  });

  test('are plain data to a node that defines no kinds', async (t) => {
    class Plain extends RecordingNode {
      override nodeRequest(_peer: NodeConnection, data: Data): Data {
        return [JSON.stringify(data)];
      }
    }
    const { connection } = await startPair(t, { kind: Plain });
    assert.deepEqual(await connection.request(history, { since: 2 }), [
      '{"kind":"history","data":{"since":2}}',
    ]);
  });
});
