import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inBrowsers } from './browsers.ts';

inBrowsers('an identity in a store', (browser) => {
  test('is the same when the page is opened again, and another one under another name', async () => {
    const options = { visitor: 'returning' };
    const first = await browser().open('identity.ts', options);
    const id = await first.call<string>('start', 'chat');
    assert.match(id, /^12D3KooW/);
    assert.equal(await first.call('stored', 'chat'), 'Ed25519, not extractable');
    await first.close(); // without a stop, as pages go

    const second = await browser().open('identity.ts', options);
    assert.equal(await second.call('start', 'chat'), id);
    await second.call('stop');
    assert.notEqual(await second.call('start', 'another'), id);
    await second.close();
  });

  test('belongs to one page at a time', async () => {
    const options = { visitor: 'with two tabs' };
    const [first, second] = [
      await browser().open('identity.ts', options),
      await browser().open('identity.ts', options),
    ];
    const id = await first.call('start', 'chat');
    assert.equal(await second.call('start', 'chat'), 'ERR_IDENTITY_IN_USE');
    await first.call('stop');
    assert.equal(await second.call('start', 'chat'), id);
    await Promise.all([first.close(), second.close()]);
  });

  test('is kept as bytes in a page without WebCrypto', async () => {
    const options = { origin: 'insecure', visitor: 'in a LAN' } as const;
    const first = await browser().open('identity.ts', options);
    const id = await first.call<string>('start', 'chat');
    assert.equal(await first.call('stored', 'chat'), 'seed');
    await first.close();
    const second = await browser().open('identity.ts', options);
    assert.equal(await second.call('start', 'chat'), id);
    await second.close();
  });

  test('signs messages, and is known when the node has started', async () => {
    const page = await browser().open('identity.ts');
    assert.equal(await page.call('idBeforeStart'), 'ERR_NOT_STARTED');
    assert.deepEqual(await page.call('talk'), [true]);
    assert.deepEqual(page.complaints, []);
    await page.close();
  });
});
