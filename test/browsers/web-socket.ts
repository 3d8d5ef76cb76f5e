import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  type Data,
  Identity,
  Node,
  type NodeConnection,
  type NodeOptions,
  type PeerStream,
  tcp,
} from '../../src/index.ts';
import { SecureNode } from '../../src/secure/index.ts';
import { until } from '../support/turns.ts';
import { inBrowsers, lanHost } from './browsers.ts';

const mebibyte = 1024 * 1024;

/** `npm run test:long -- page-streams`: 64 MiB. */
const streamBytes = Number(process.env.PEERLOOM_STREAM_MIB ?? 8) * mebibyte;

/** Sends back what it receives. */
class EchoNode extends Node {
  readonly heard: Data[] = [];

  override nodeMessage(peer: NodeConnection, data: Data): void {
    this.heard.push(data);
    peer.send(data);
  }

  override nodeRequest(_peer: NodeConnection, data: Data): Data {
    return { answered: data };
  }

  override nodeBroadcast(_origin: string, data: Data): void {
    this.heard.push(data);
  }

  override async nodeStream(_peer: NodeConnection, stream: PeerStream): Promise<void> {
    for await (const piece of stream) if (!stream.write(piece)) await stream.drained();
    stream.end();
  }
}

async function startNode(t: TestContext, name: string, options: NodeOptions = {}, port = 0) {
  const transports = [tcp({ accept: ['tls', 'websocket'] })];
  const node = new EchoNode('127.0.0.1', port, { name, transports, ...options });
  t.after(() => node.stop());
  await node.start();
  return node;
}

inBrowsers('a page and nodes of Node.js', (browser) => {
  test('send each other every kind of data, in each way there is', async (t) => {
    const [one, two, three] = [
      await startNode(t, 'one'),
      await startNode(t, 'two'),
      await startNode(t, 'three'),
    ];
    await three.connectWithNode('127.0.0.1', one.port);
    const page = await browser().open('web-socket.ts');
    await page.call('start', 'Node', { name: 'page' });
    assert.deepEqual(await page.call('listens'), []);
    for (const node of [one, two]) {
      assert.deepEqual(await page.call('dial', `ws://localhost:${node.port}`, { id: node.id }), {
        ...{ name: node.name, protocol: 'websocket', encrypted: true, authenticated: true },
      });
    }
    assert.deepEqual(await page.call('exchange', 'one'), []);
    assert.deepEqual(await page.call('request', 'two', { question: 1 }), { answered: { question: 1 } });
    const toPage = one.allNodes.find(({ name }) => name === 'page')!;
    assert.deepEqual(await toPage.request('from Node.js'), { answered: 'from Node.js' });
    await page.call('deliver', 'two', 'delivered');
    assert.deepEqual(two.heard, ['delivered']);

    await page.call('broadcast', 'from the page');
    await until(() => three.heard.includes('from the page'), 'a broadcast reaches a node two hops away');
    three.broadcast('to the page');
    await page.call('receives', 'string to the page');

    await two.stop();
    await page.call('happens', 'disconnected two');
    await page.call('stop');
    assert.deepEqual(await page.call('events'), [
      'connected one',
      'connected two',
      'disconnected two',
      'disconnected one',
    ]);
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

  test('stream in both directions at once', async (t) => {
    const node = await startNode(t, 'one');
    const page = await browser().open('web-socket.ts');
    await page.call('start', 'Node', {});
    await page.call('dial', `ws://localhost:${node.port}`);
    assert.equal(await page.call('stream', 'one', streamBytes), streamBytes);
    await page.close();
  });

  test('connect again when the node has restarted', async (t) => {
    const identity = Identity.generate();
    const first = await startNode(t, 'one', { identity });
    const page = await browser().open('web-socket.ts');
    await page.call('start', 'Node', { reconnect: { minDelayMs: 20, maxDelayMs: 100 } });
    await page.call('dial', `ws://localhost:${first.port}`, { reconnect: true });
    await first.stop();
    await page.call('happens', 'disconnected one');
    await startNode(t, 'one again', { identity }, first.port);
    await page.call('happens', 'connected one again');
    await page.close();
  });

  test('a page that sleeps holds the node back, and misses nothing', async (t) => {
    const node = await startNode(t, 'one');
    const page = await browser().open('web-socket.ts');
    await page.call('start', 'Node', { name: 'page' });
    await page.call('dial', `ws://localhost:${node.port}`);
    const [toPage] = await node.waitForNodes(1);
    const stream = await toPage!.openStream('to be sent back');
    const piece = new Uint8Array(64 * 1024).fill(1);
    let written = 0;
    let isAwake = false;
    const sleeping = page.call('sleep', 1_000, 'one').then(() => {
      isAwake = true;
    });
    await until(() => node.heard.includes('good night'), 'the page falls asleep');
    while (!isAwake) {
      if (written > 64 * mebibyte) break;
      written += piece.length;
      if (!stream.write(piece)) await Promise.race([stream.drained(), sleeping]);
    }
    assert.ok(written < 8 * mebibyte, `${written} bytes were taken for a page that sleeps`);
    stream.end();
    let echoed = 0;
    for await (const part of stream) echoed += part.length;
    assert.equal(echoed, written);
    await page.close();
  });

  test('of one network, with its key, also from http:// in a LAN', async (t) => {
    const webSocket = { origins: [`http://${lanHost}:${browser().port}`] };
    const options = (): NodeOptions => ({
      networkKey: 'a secret of the LAN',
      transports: [tcp({ accept: ['tls', 'websocket'], webSocket })],
    });
    const node = await startNode(t, 'one', options());
    const page = await browser().open('web-socket.ts', { origin: 'insecure' });
    await page.call('start', 'Node', { networkKey: 'a secret of the LAN' });
    const { name, encrypted } = await page.call<{ name: string; encrypted: boolean }>(
      'dial',
      `ws://127.0.0.1:${node.port}`,
    );
    assert.deepEqual([name, encrypted], ['one', true]);
    assert.deepEqual(await page.call('exchange', 'one'), []);
    await page.call('stop');
    await page.call('start', 'Node', { networkKey: 'a guess' });
    assert.equal(await page.call('dial', `ws://127.0.0.1:${node.port}`), 'ERR_NETWORK_MISMATCH');
    await page.close();
  });

  test('a page of another site is refused', async (t) => {
    const node = await startNode(t, 'one');
    const page = await browser().open('web-socket.ts', { origin: 'insecure' });
    await page.call('start', 'Node', {});
    assert.match(await page.call('dial', `ws://127.0.0.1:${node.port}`), /^ERR_/);
    assert.equal(node.allNodes.length, 0);
    await page.close();
  });

  test('sign their messages as SecureNodes, also by a key that a page cannot read', async (t) => {
    const transports = [tcp({ accept: ['tls', 'websocket'] })];
    const node = new SecureNode('127.0.0.1', 0, { name: 'one', transports });
    t.after(() => node.stop());
    const authors: string[] = [];
    node.on('node_message', () => authors.push(node.message!.author));
    await node.start();
    const page = await browser().open('web-socket.ts');
    await page.call('start', 'SecureNode', { identity: { store: 'signing' } });
    await page.call('dial', `ws://localhost:${node.port}`);
    await page.call('deliver', 'one', 'signed');
    assert.deepEqual(authors, [await page.call('id')]);
    node.sendToNodes('signed, too');
    await page.call('receives', 'string signed, too');
    await page.close();
  });
});
