import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Data, Node } from '../../src/index.ts';
import { libp2p, relay } from '../../src/libp2p/index.ts';
import { inBrowsers } from './browsers.ts';

inBrowsers('pages over libp2p', (browser) => {
  test('reach a node, and each other through it', async (t) => {
    const transports = [libp2p(relay({ listen: ['/ip4/127.0.0.1/tcp/0/ws'] }))];
    const carrier = new Node('127.0.0.1', 0, { name: 'relay', transports });
    const messages: Data[] = [];
    carrier.on('node_message', (_peer, data) => messages.push(data));
    t.after(() => carrier.stop());
    await carrier.start();
    const [address] = carrier.addresses;
    const [one, other] = [await browser().open('libp2p.ts'), await browser().open('libp2p.ts')];
    const addresses = await one.call<string[]>('start', 'one', address);
    await other.call('start', 'other', address);
    const id = await one.call<string>('id');
    assert.deepEqual(await other.call('dial', address), { id: carrier.id, path: 'direct', relay: 'none' });
    await other.call('deliver', carrier.id, 'to the node');
    assert.deepEqual(messages, ['to the node']);
    const relayed = addresses.find((text) => text.endsWith(`/p2p-circuit/p2p/${id}`));
    assert.deepEqual(await other.call('dial', relayed), { id, path: 'relayed', relay: carrier.id });
    await other.call('deliver', id, 'to the page');
    assert.deepEqual(await one.call('texts'), ['to the page']);
    for (const page of [other, one]) {
      await page.call('stop');
      await page.close();
    }
  });
});
