import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { suite, type TestContext, test } from 'node:test';
import {
  type BroadcastDetails,
  type Data,
  type NodeOptions,
  PeerloomError,
  type SubscribeOptions,
} from '../../src/index.ts';
import { SqliteStore } from '../../src/overlay/history/sqlite-store.ts';
import { withCode } from '../support/errors.ts';
import { RecordingNode } from '../support/recording-node.ts';
import { connect, startNodes } from '../support/start-nodes.ts';
import { turns } from '../support/turns.ts';

class Keeper extends RecordingNode {
  readonly heard: Data[] = [];
  readonly caughtUp: Data[] = [];

  override nodeBroadcast(_origin: string, data: Data, { isHistory }: BroadcastDetails): unknown {
    this.heard.push(data);
    if (isHistory) this.caughtUp.push(data);
    return undefined;
  }

  async heardData(count: number): Promise<Data[]> {
    if (count > 0) await this.event('node_broadcast', count);
    return this.heard;
  }
}

const topic = 'chat';

async function start(
  t: TestContext,
  count: number,
  options?: (index: number) => NodeOptions,
): Promise<Keeper[]> {
  return startNodes(t, count, { kind: Keeper, ...(options && { options }) });
}

function fileFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'history-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'chat.db');
}

/** What was said ten seconds ago, so that it is settled: a history in a file, of a node that has stopped. */
async function said(
  t: TestContext,
  path: string,
  texts: readonly string[],
  options: SubscribeOptions = {},
): Promise<void> {
  const runtimeOf = (offsetMs: number): NodeOptions => ({ runtime: shifted(offsetMs) });
  const [author] = (await start(t, 1, () => runtimeOf(-10_000))) as [Keeper];
  await author.subscribe(topic, { ...options, history: { path } });
  for (const text of texts) author.broadcast(text, { topic });
  await author.stop();
}

/** The time of the system, as a clock shows it that is wrong. */
function shifted(offsetMs: number): NonNullable<NodeOptions['runtime']> {
  return {
    now: () => performance.now(),
    wallNow: () => Date.now() + offsetMs,
    setTimeout: (callback, delayMs) => {
      const timer = setTimeout(callback, delayMs);
      return { cancel: () => clearTimeout(timer) };
    },
    random: () => Math.random(),
    randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
  };
}

suite('histories over TLS', () => {
  test('reach a node that comes later, from a file, through nodes that keep them too', async (t) => {
    const path = fileFor(t);
    const texts = Array.from({ length: 700 }, (_, count) =>
      `line ${count}`.padEnd(count % 50 === 0 ? 20_000 : 10),
    );
    await said(t, path, texts);
    const [keeper, between, late] = (await start(t, 3)) as [Keeper, Keeper, Keeper];
    keeper.subscribe(topic, { history: { path } });
    between.subscribe(topic, { history: {} });
    late.subscribe(topic, { history: {} });
    await connect(keeper, between);
    assert.deepEqual(await between.heardData(700), texts);
    await connect(between, late);
    assert.deepEqual(await late.heardData(700), texts);
    assert.deepEqual(late.caughtUp, texts);
    assert.deepEqual(keeper.heard, []);
    keeper.broadcast('live', { topic });
    assert.equal((await late.heardData(701)).at(-1), 'live');
    assert.equal(late.caughtUp.length, 700);
  });

  test('of a topic with a key are kept and passed on encrypted', async (t) => {
    const path = fileFor(t);
    const secret = { topicKey: 'a long and random text' };
    await said(t, path, ['secret'], secret);
    const database = new DatabaseSync(path, { readOnly: true });
    const row = database.prepare('SELECT bytes FROM broadcasts').get();
    assert.ok(!Buffer.from(row?.bytes as Uint8Array).includes('secret'));
    database.close();
    const [keeper, late] = (await start(t, 2)) as [Keeper, Keeper];
    for (const [node, history] of [
      [keeper, { path }],
      [late, {}],
    ] as const) {
      await node.subscribe(topic, { ...secret, history });
    }
    await connect(keeper, late);
    assert.deepEqual(await late.heardData(1), ['secret']);
  });

  test('are not for nodes that keep no topic, and cost them no frame', async (t) => {
    const [keeper, other] = (await start(t, 2)) as [Keeper, Keeper];
    keeper.subscribe(topic, { history: {} });
    other.subscribe(topic);
    await connect(keeper, other);
    keeper.broadcast('live', { topic });
    assert.deepEqual(await other.heardData(1), ['live']);
    await other.peer(keeper).ping();
    const { sentBytes } = other.metrics();
    keeper.subscribe('another', { history: {} });
    await turns(20);
    assert.equal(other.metrics().sentBytes, sentBytes, 'it has no answer to what the keeper asks');
  });

  test('end with the subscription, and begin anew with other options', async (t) => {
    const path = fileFor(t);
    const [node] = (await start(t, 1)) as [Keeper];
    node.subscribe(topic, { history: { path } });
    assert.equal(node.broadcast('kept', { topic }).neighbours, 0);
    node.subscribe(topic, { history: { path, maxMessages: 10 } });
    node.broadcast('kept as well', { topic });
    node.subscribe(topic);
    assert.throws(() => node.broadcast('not kept', { topic }), withCode('ERR_NO_NEIGHBOUR'));
    node.subscribe(topic, { history: { path } });
    node.unsubscribe(topic);
    const database = new DatabaseSync(path, { readOnly: true });
    assert.equal(database.prepare('SELECT count(*) AS count FROM broadcasts').get()?.count, 2);
    database.close();
  });

  test('whose file cannot be used are refused, and the node has not subscribed', async (t) => {
    const path = fileFor(t);
    const [one, other] = (await start(t, 2)) as [Keeper, Keeper];
    one.subscribe(topic, { history: { path } });
    assert.throws(() => other.subscribe(topic, { history: { path } }), withCode('ERR_HISTORY_FILE'));
    await assert.rejects(
      other.subscribe('board', { topicKey: 'key', history: { path } }),
      withCode('ERR_HISTORY_FILE'),
    );
    await connect(one, other);
    one.broadcast('to chat', { topic });
    one.broadcast('to all');
    assert.deepEqual(await other.heardData(1), ['to all']);
  });

  test('whose file fails later are given up, and the node goes on without', async (t) => {
    const path = fileFor(t);
    const [one, other] = (await start(t, 2)) as [Keeper, Keeper];
    other.subscribe(topic, { history: { path } });
    await connect(one, other);
    const full = t.mock.method(SqliteStore.prototype, 'add', () => {
      throw new PeerloomError('ERR_HISTORY_FILE', 'the disk is full');
    });
    one.broadcast('live', { topic });
    assert.deepEqual(await other.heardData(1), ['live']);
    assert.equal(
      ((await other.event('node_error')).data as { error: PeerloomError }).error.code,
      'ERR_HISTORY_FILE',
    );
    one.broadcast('still live', { topic });
    assert.deepEqual(await other.heardData(2), ['live', 'still live']);
    assert.equal(full.mock.callCount(), 1);
    assert.ok(other.peer(one).isOpen);
    full.mock.restore();
    other.subscribe(topic, { history: { path } });
    other.broadcast('kept again', { topic });
  });
});
