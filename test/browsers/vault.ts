import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Data, tcp } from '../../src/index.ts';
import { SecureNode } from '../../src/secure/index.ts';
import { inBrowsers, type OpenOptions, type TestPage } from './browsers.ts';

/** A node of Node.js that owns a collection, and reads those of pages. */
async function startAlice(t: TestContext) {
  const node = new SecureNode('127.0.0.1', 0, {
    transports: [tcp({ accept: ['tls', 'websocket'], webSocket: { origins: ['*'] } })],
  });
  t.after(() => node.stop());
  await node.start();
  await node.vault.put('news', 'today', { from: 'Node.js', bytes: Uint8Array.of(1, 2, 3) });
  await node.vault.putStream('news', 'film', [new Uint8Array(1_500_000).fill(7)]);
  const received: Data[] = [];
  node.on('node_message', (_peer, data) => received.push(data));
  return { node, received, address: `ws://localhost:${node.port}` };
}

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}

const film = { length: 1_500_000, isWhole: true };

inBrowsers('the vault in a store', (browser) => {
  const open = (options: OpenOptions): Promise<TestPage> => browser().open('vault.ts', options);

  for (const origin of ['secure', 'insecure'] as const) {
    test(`is read by nodes, reads theirs, and is there when a page of ${origin} origin is opened again`, async (t) => {
      const { node: alice, received, address } = await startAlice(t);
      const options = { visitor: `a diarist of ${origin} origin`, origin };
      const first = await open(options);
      assert.equal(await first.call('isSecure'), origin === 'secure');
      const id = await first.call<string>('open', 'diary');
      await first.call('dial', address);
      await alice.vault.grant('news', id);
      assert.match(JSON.stringify(await first.call('get', alice.id, 'news', 'today')), /from":"Node.js/);
      assert.deepEqual(await first.call('readLarge', alice.id, 'news', 'film'), film);
      await first.call('put', 'notes', 'monday', { text: 'rain' });
      await first.call('putLarge', 'notes', 'film', 1_500_000);
      await first.call('grant', 'notes', alice.id);
      assert.deepEqual(await alice.vault.get(id, 'notes', 'monday'), { text: 'rain' });
      assert.ok((await bytesOf(alice.vault.getStream(id, 'notes', 'film'))).every((byte) => byte === 7));
      await first.call('sendTo', alice.id, 'encrypted');
      assert.deepEqual(received, ['encrypted']);
      await first.close(); // without a stop, as pages go

      const second = await open(options);
      assert.equal(await second.call('open', 'diary'), id);
      assert.deepEqual(await second.call('items', 'notes'), ['film', 'monday']);
      assert.deepEqual(await second.call('get', id, 'notes', 'monday'), { text: 'rain' });
      assert.deepEqual(await second.call('readLarge', id, 'notes', 'film'), film);
      assert.match(JSON.stringify(await second.call('get', alice.id, 'news', 'today')), /from":"Node.js/);
      await second.call('dial', address);
      await second.call('put', 'notes', 'tuesday', 'sun');
      assert.equal(await alice.vault.get(id, 'notes', 'tuesday'), 'sun');
      assert.deepEqual([...first.complaints, ...second.complaints], []);
      await second.close();
    });
  }

  test('is written by one page at a time', async () => {
    for (const origin of ['secure', 'insecure'] as const) {
      const options = { visitor: `with two tabs of ${origin} origin`, origin };
      const [first, second] = [await open(options), await open(options)];
      const id = await first.call('open', 'diary');
      await first.call('put', 'notes', 'monday', 'rain');
      if (origin === 'secure') {
        assert.equal(await second.call('open', 'diary'), 'ERR_IDENTITY_IN_USE');
        await first.call('stop');
        assert.equal(await second.call('open', 'diary'), id);
      } else {
        assert.equal(await second.call('open', 'diary'), id);
        assert.equal(await first.call('put', 'notes', 'monday', 'sun'), 'ERR_VAULT_FILE');
      }
      await second.call('put', 'notes', 'tuesday', 'wind');
      assert.deepEqual(await second.call('items', 'notes'), ['monday', 'tuesday']);
      assert.equal(await second.call('get', id, 'notes', 'monday'), 'rain');
      await Promise.all([first.close(), second.close()]);
    }
  });

  test('loses nothing when the browser keeps no more', async (t) => {
    if (browser().name === 'Chromium') return t.skip('its quota is a share of the disk, 1.4 GB and more');
    const options = { visitor: 'with little room' };
    const first = await open(options);
    const id = await first.call('open', 'full');
    await first.call('put', 'notes', 'monday', 'rain');
    await first.call('fillDisk');
    assert.equal(await first.call('putNoise', 'notes', 'noise'), 'ERR_VAULT_FILE');
    assert.equal(await first.call('putNoise', 'notes', 'monday'), 'ERR_VAULT_FILE');
    assert.deepEqual(await first.call('items', 'notes'), ['monday']);
    await first.close();
    const second = await open(options);
    assert.equal(await second.call('open', 'full'), id);
    assert.deepEqual(await second.call('items', 'notes'), ['monday']);
    assert.equal(await second.call('get', id, 'notes', 'monday'), 'rain');
    await second.call('emptyDisk');
    await second.call('putNoise', 'notes', 'noise');
    assert.deepEqual(await second.call('items', 'notes'), ['monday', 'noise']);
    await second.close();
  });
});
