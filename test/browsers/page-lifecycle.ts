import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Identity, type LimitOptions, Node, tcp } from '../../src/index.ts';
import { until } from '../support/turns.ts';
import { inBrowsers, type TestBrowser, type TestPage } from './browsers.ts';

const identity = Identity.generate();
const hourMs = 3_600_000;
/** A node notices soon that a page sleeps. */
const impatient: LimitOptions = { pingAfterMs: 100, deadAfterMs: 400 };

async function startNode(t: TestContext, limits: LimitOptions = {}, port = 0): Promise<Node> {
  const transports = [tcp({ accept: ['tls', 'websocket'] })];
  const node = new Node('127.0.0.1', port, { name: 'one', identity, transports, limits });
  t.after(() => node.stop());
  await node.start();
  return node;
}

/** A page that stays connected with the node. */
async function openPage(browser: TestBrowser, node: Node): Promise<TestPage> {
  const page = await browser.open('web-socket.ts');
  await page.call('start', 'Node', { name: 'page', reconnect: { minDelayMs: 20 } });
  await page.call('dial', `ws://localhost:${node.port}`, { reconnect: true });
  return page;
}

inBrowsers('a page', (browser) => {
  const isChromium = (): boolean => browser().name === 'Chromium';

  test('that comes back by the back button resumes its session', async (t) => {
    // Firefox keeps pages that are left, but not one that had an open WebSocket: it loads that page again.
    if (!isChromium()) return t.skip('Firefox keeps no page that had an open WebSocket');
    const node = await startNode(t, impatient);
    const page = await openPage(browser(), node);
    const [toPage] = await node.waitForNodes(1);
    await page.tab.goto(`http://localhost:${browser().port}/compression.ts`);
    await until(() => toPage!.isSuspended, 'the node gives the connection up');
    for (const text of ['one', 'two', 'three']) toPage!.send(text);
    await page.tab.goBack();
    await page.call('receives', 'string three');
    assert.deepEqual(await page.call('received'), ['one', 'two', 'three']);
    assert.deepEqual(node.allNodes, [toPage]);
    assert.deepEqual(await page.call('events'), ['connected one', 'disconnected one', 'connected one']);
    await page.close();
  });

  test('that the browser has frozen resumes its session', async (t) => {
    if (!isChromium()) return t.skip('only Chromium freezes pages');
    const node = await startNode(t, impatient);
    const page = await openPage(browser(), node);
    const [toPage] = await node.waitForNodes(1);
    const devTools = await page.tab.createCDPSession();
    await devTools.send('Page.setWebLifecycleState', { state: 'frozen' });
    await until(() => toPage!.isSuspended, 'the node gives the connection up');
    for (const text of ['one', 'two', 'three']) toPage!.send(text);
    await devTools.send('Page.setWebLifecycleState', { state: 'active' });
    await page.call('receives', 'string three');
    assert.deepEqual(await page.call('received'), ['one', 'two', 'three']);
    assert.deepEqual(node.allNodes, [toPage]);
    await page.close();
  });

  for (const [what, wake] of [
    ['is shown again', show],
    ['is online again', goOnline],
  ] as const) {
    test(`that ${what} connects at once, however long it meant to wait`, async (t) => {
      const node = await startNode(t);
      const page = await browser().open('web-socket.ts');
      await page.call('start', 'Node', { reconnect: { minDelayMs: hourMs, maxDelayMs: hourMs } }, true);
      await page.call('dial', `ws://localhost:${node.port}`, { reconnect: true });
      await node.stop();
      await page.call('happens', 'disconnected one');
      const again = await startNode(t, {}, node.port);
      await wake(page);
      await until(() => again.nodesInbound.size === 1, 'the page connects again');
      await page.close();
    });
  }
});

/** Another tab hides it for a moment. */
async function show({ tab }: TestPage): Promise<void> {
  const other = await tab.browserContext().newPage();
  await other.bringToFront();
  await tab.waitForFunction(() => document.visibilityState === 'hidden', { polling: 20 });
  await tab.bringToFront();
  await other.close();
}

async function goOnline({ tab }: TestPage): Promise<void> {
  await tab.setOfflineMode(true);
  await tab.setOfflineMode(false);
}
