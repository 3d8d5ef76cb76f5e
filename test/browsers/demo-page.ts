import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chatPageAddress, chatTopic, serveChatPage } from '../../src/cli/demo/chat-page.ts';
import { type Data, Node, tcp } from '../../src/index.ts';
import { until } from '../support/turns.ts';
import { hears, say, screenshots, violations } from './browser-chat.ts';
import { inBrowsers } from './browsers.ts';

inBrowsers('the page that the demo serves', (browser) => {
  test('joins the node that serves it, and axe finds nothing', async (t) => {
    const webSocket = { onRequest: serveChatPage };
    const transports = [tcp({ accept: ['tls', 'websocket'], webSocket })];
    const node = new Node('127.0.0.1', 0, { name: 'ada', transports });
    t.after(() => node.stop());
    const heard: Data[] = [];
    node.subscribe(chatTopic);
    node.on('node_broadcast', (_origin, line) => heard.push((line as { text: string }).text));
    await node.start();
    const page = await browser().open(chatPageAddress(node.port));
    await page.tab.waitForFunction(() => document.querySelector('output')!.value.startsWith('connected'));
    await say(page, 'hello from a page');
    await until(() => heard.includes('hello from a page'), 'the node hears the page');
    node.broadcast({ nick: 'you', text: 'hello from the terminal' }, { topic: chatTopic });
    await hears(page, 'you hello from the terminal');
    for (const scheme of browser().name === 'Chromium' ? ['light', 'dark'] : [undefined]) {
      if (scheme !== undefined) {
        await page.tab.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
      }
      assert.deepEqual(await violations(page), [], scheme);
      if (process.env.SCREENSHOTS !== undefined) await screenshots(page, `demo-${browser().name}-${scheme}`);
    }
    assert.deepEqual(page.complaints, []);
    await page.close();
  });
});
