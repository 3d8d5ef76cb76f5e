import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Node, tcp } from '../../src/index.ts';
import { until } from '../support/turns.ts';
import { inBrowsers, type OpenOptions, type TestPage } from './browsers.ts';

/** A node that keeps the topic, and what it receives of it. */
async function startKeeper(t: TestContext) {
  const transports = [tcp({ accept: ['tls', 'websocket'] })];
  const node = new Node('127.0.0.1', 0, { transports });
  const received: unknown[] = [];
  node.on('node_broadcast', (_origin, data) => received.push(data));
  node.subscribe('chat', { history: {} });
  t.after(() => node.stop());
  await node.start();
  return { received, address: `ws://localhost:${node.port}`, broadcast: node.broadcast.bind(node) };
}

inBrowsers('the history of a topic in a store', (browser) => {
  const open = (options: OpenOptions): Promise<TestPage> => browser().open('history.ts', options);

  test('is there when the page is opened again, and catches up with nodes', async (t) => {
    const options = { visitor: 'a reader' };
    const first = await open(options);
    assert.equal(await first.call('keep', { store: 'chat', maxMessages: 2 }), 'kept');
    await first.call('broadcast', 'one', 'two', 'three');
    await first.call('hasStored', 'chat', 2);
    await first.close(); // without a stop, as pages go

    const keeper = await startKeeper(t);
    keeper.broadcast('four', { topic: 'chat' });
    const second = await open(options);
    assert.equal(await second.call('keep', { store: 'chat' }), 'kept');
    await second.call('dial', keeper.address);
    await until(() => keeper.received.length === 2, 'the keeper catches up');
    assert.deepEqual(keeper.received, ['two', 'three']);
    await second.call('hasStored', 'chat', 3);
    assert.deepEqual(await second.call('received'), ['four']);
    assert.deepEqual([...first.complaints, ...second.complaints], []);
    await second.close();
  });

  test('cannot be kept while the page cannot load what keeps it', async () => {
    const page = await open({});
    await page.tab.setOfflineMode(true);
    assert.equal(await page.call('keep', {}), 'ERR_NOT_LOADED');
    await page.tab.setOfflineMode(false);
    // Firefox tries again only when the page is loaded again.
    if (browser().name === 'Chromium') assert.equal(await page.call('keep', {}), 'kept');
    await page.close();
  });

  test('is there again in a page without Web Locks, too', async () => {
    const options = { visitor: 'in a LAN', origin: 'insecure' } as const;
    const first = await open(options);
    await first.call('keep', { store: 'chat' });
    await first.call('broadcast', 'one', 'two', 'three');
    await first.call('hasStored', 'chat', 3);
    await first.close();
    const second = await open(options);
    await second.call('keep', { store: 'chat', maxMessages: 2 }); // it gives up one of the three
    await second.call('hasStored', 'chat', 2);
    await second.close();
  });

  test('belongs to one page and one topic at a time', async () => {
    const options = { visitor: 'with two tabs' };
    const [first, second] = [await open(options), await open(options)];
    assert.equal(await first.call('keep', { store: 'chat' }), 'kept');
    assert.equal(await first.call('keep', { store: 'chat' }), 'kept'); // the same once more
    assert.equal(await second.call('keep', { store: 'chat' }), 'ERR_HISTORY_FILE');
    await first.call('broadcast', 'one');
    await first.call('stop'); // waits until it is written
    assert.equal(await second.call('keep', { store: 'chat' }, 'another topic'), 'ERR_HISTORY_FILE');
    assert.equal(await second.call('keep', { store: 'chat' }), 'kept');
    await second.call('hasStored', 'chat', 1);
    await Promise.all([first.close(), second.close()]);
  });

  test('is opened before the node sends or receives', async () => {
    const page = await open({});
    assert.equal(await page.call('keepAndBroadcastTooEarly', 'chat'), 'ERR_HISTORY_FILE');
    await page.close();
  });

  test('passes on nothing that a script of the page has changed', async (t) => {
    const options = { visitor: 'with a script' };
    const first = await open(options);
    await first.call('keep', { store: 'chat' });
    await first.call('broadcast', 'one', 'two');
    await first.call('hasStored', 'chat', 2);
    await first.call('damage', 'chat');
    await first.close();
    const keeper = await startKeeper(t);
    const second = await open(options);
    await second.call('keep', { store: 'chat' });
    await second.call('dial', keeper.address);
    await until(() => keeper.received.length === 1, 'the keeper catches up');
    await second.close();
  });
});
