import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Data, Node, type NodeConnection, tcp } from '../../src/index.ts';
import { until } from '../support/turns.ts';
import { inBrowsers, type TestPage } from './browsers.ts';

/** `npm run test:long -- pages`: 50. */
const pageCount = Number(process.env.PEERLOOM_PAGES ?? 5);

const mebibyte = 1024 * 1024;
/** What a connection may take on a node at most (docs/limits.md): its window of messages, and its queue. */
const mostHeldBytes = 32 * mebibyte;

/** A node with places for so many pages of this machine. */
async function startNode(t: TestContext) {
  const limits = { maxInboundPerAddress: pageCount + 4, inboundPerSecondPerAddress: pageCount + 4 };
  const transports = [tcp({ accept: ['tls', 'websocket'] })];
  const node = new Node('127.0.0.1', 0, { name: 'one', network: 'pages', transports, limits });
  t.after(() => node.stop());
  await node.start();
  return node;
}

inBrowsers('many pages on one node', (browser) => {
  // What a page does is tested in both browsers; how many there are matters to the node alone.
  const skip = (): boolean => browser().name !== 'Chromium';

  const openPage = async (node: Node, index: number): Promise<TestPage> => {
    const page = await browser().open('web-socket.ts', { visitor: 'with many tabs' });
    await page.call('start', 'Node', { name: `page ${index}`, network: 'pages' });
    const dialled = await page.call<object>('dial', `ws://localhost:${node.port}`);
    assert.equal(typeof dialled, 'object', `page ${index}: ${dialled}`);
    return page;
  };

  const openPages = async (node: Node, count: number): Promise<readonly TestPage[]> => {
    const pages: TestPage[] = [];
    // One after the other: so many pages that start at once take longer than a handshake may.
    for (let index = 0; index < count; index++) pages.push(await openPage(node, index));
    return pages;
  };

  const closePages = (pages: readonly TestPage[]) => Promise.all(pages.map((page) => page.close()));

  test(`${pageCount} pages hear each other, and the node`, async (t) => {
    if (skip()) return t.skip('in Chromium alone');
    const node = await startNode(t);
    const heard: Data[] = [];
    node.on('node_message', (_page, data) => heard.push(data));
    node.on('node_request', (_page, data) => data);
    const pages = await openPages(node, pageCount);
    await node.waitForNodes(pageCount);
    const hellos = pages.map((_, index) => `hello from ${index}`);
    await Promise.all(pages.map((page, index) => page.call('deliver', 'one', hellos[index])));
    assert.deepEqual(new Set(heard), new Set(hellos));
    node.broadcast('from the node');
    await pages[0]!.call('broadcast', 'from a page');
    await Promise.all(pages.map((page) => page.call('receives', 'string from the node')));
    await Promise.all(pages.slice(1).map((page) => page.call('receives', 'string from a page')));
    await closePages(pages);
    await until(() => node.allNodes.length === 0, 'the node notices that they are gone');
  });

  test('one that floods, one that lies, one that sleeps and one of another network disturb nobody', async (t) => {
    if (skip()) return t.skip('in Chromium alone');
    const node = await startNode(t);
    const forever = new Promise<void>(() => {});
    node.on('node_message', () => forever); // a handler that takes its time
    node.on('node_request', (_page, data) => data);
    const address = `ws://localhost:${node.port}`;
    const pages = await openPages(node, 4);
    await node.waitForNodes(4);
    const [flooder, liar, sleeper, honest] = pages as readonly [TestPage, TestPage, TestPage, TestPage];
    const named = (name: string): NodeConnection => node.allNodes.find((one) => one.name === name)!;
    const toFlooder = named('page 0');

    const sleeping = sleeper.call('sleep', 1_500);
    const taken = await flooder.call<number>('flood', 'one', 4_096);
    assert.ok(taken * 65_536 < 40 * mebibyte, `the page itself took ${taken} messages of 64 KiB`);
    const code = await liar.call<number>('lie', address, 8 * mebibyte);
    assert.notEqual(code, 1000);
    const stranger = await browser().open('web-socket.ts');
    await stranger.call('start', 'Node', { network: 'another' });
    assert.equal(await stranger.call('dial', address), 'ERR_NETWORK_MISMATCH');

    assert.equal(await honest.call('request', 'one', 'are you there?'), 'are you there?');
    assert.ok(
      toFlooder.metrics().heldBytes < mostHeldBytes,
      `${toFlooder.metrics().heldBytes} bytes are held`,
    );
    node.broadcast('to all');
    await honest.call('receives', 'string to all');
    await sleeping;
    await sleeper.call('receives', 'string to all');
    assert.equal(await liar.call('request', 'one', 'and now?'), 'and now?');
    assert.equal(node.allNodes.length, 4);
    assert.ok(
      (node.metrics().handshakes.inbound.failed.ERR_PROTOCOL ?? 0) +
        (node.metrics().handshakes.inbound.failed.ERR_HANDSHAKE ?? 0) >
        0,
    );
    await closePages([...pages, stranger]);
  });
});
