import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { suite, type TestContext, test } from 'node:test';
import { tcp } from '../../../src/index.ts';
import { newIdentity } from './second-identity.ts';
import { dialRaw, eventOf, startNode } from './second-links.ts';

const withPython = () => ({ transports: [tcp({ accept: ['tls', 'p2pnetwork'] })] });

/** A port, and the connections made to it, one by one, each with the first bytes that it brought. */
async function listen(t: TestContext) {
  const server = createServer();
  const sockets: Socket[] = [];
  const firsts: Promise<Buffer>[] = [];
  server.on('connection', (socket) => {
    socket.on('error', () => {});
    sockets.push(socket);
    firsts.push(once(socket, 'data').then(([bytes]) => bytes as Buffer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, server, sockets, firsts };
}

suite('protocol 11: nodes of the Python package', () => {
  for (const [said, id, port] of [
    ['a node:10001', 'a node', 10001],
    ['a node', 'a node', 0],
  ] as const) {
    test(`11.1 '${said}' begins a connection where it is allowed`, async (t) => {
      const node = await startNode(t, withPython());
      const connected = eventOf(node, 'inbound_node_connected');
      const peer = dialRaw(node);
      peer.write(Buffer.from(said));
      assert.equal((await peer.read(node.id.length)).toString(), node.id);
      const [{ id: claimed, port: announced, security }] = await connected;
      assert.deepEqual([claimed, announced, security.authenticated], [id, port, false]);
    });
  }

  test('11.1 not by a node with a network key', async (t) => {
    await assert.rejects(startNode(t, { ...withPython(), networkKey: 'a shared key' }), TypeError);
    const node = await startNode(t, { transports: [tcp()], networkKey: 'a shared key' });
    await assert.rejects(node.connectWithNode('p2pnetwork://127.0.0.1:1'), { code: 'ERR_NETWORK_MISMATCH' });
  });

  for (const said of [
    '\u200b:1',
    'a\u00a0b:1',
    'the 12D3KooW:1',
    `${'x'.repeat(257)}:1`,
    Buffer.from([0xff, 0x3a]),
  ]) {
    test(`11.2 ${JSON.stringify(said.toString().slice(0, 20))} is refused`, async (t) => {
      const peer = dialRaw(await startNode(t, withPython()));
      peer.write(Buffer.from(said as string));
      await peer.end();
    });
  }

  test('11.3 a dialler that claims the id of a peerloom node is told the id, and no more', async (t) => {
    const node = await startNode(t, withPython());
    for (const said of [`${newIdentity().id}:10001`, newIdentity().id, `${node.id}:10001`]) {
      const peer = dialRaw(node);
      peer.write(Buffer.from(said));
      assert.equal((await peer.read(node.id.length)).toString(), node.id);
      await peer.end();
    }
    assert.equal(node.allNodes.length, 0);
  });

  test('11.4 a dialler speaks TLS once it is told the id of a peerloom node', async (t) => {
    const node = await startNode(t, withPython());
    const { port, server, sockets, firsts } = await listen(t);
    const dialling = node.connectWithNode(`p2pnetwork+tls://127.0.0.1:${port}`);
    await once(server, 'connection');
    assert.equal((await firsts[0]!).toString(), `${node.id}:${node.port}`);
    const second = once(server, 'connection');
    sockets[0]!.write(newIdentity().id);
    await second;
    assert.equal((await firsts[1]!)[0], 0x16);
    sockets[1]!.destroy();
    await assert.rejects(dialling, { code: 'ERR_CONNECTION_CLOSED' });
  });

  for (const [what, answer] of [
    ['hangs up', ''],
    ['answers like a Python node that then hangs up', '0'.repeat(128)],
    ['answers with something else', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
  ] as const) {
    test(`11.4 and not to a program that ${what}`, async (t) => {
      const node = await startNode(t, withPython());
      const { port, server, sockets, firsts } = await listen(t);
      const dialling = node.connectWithNode(`p2pnetwork+tls://127.0.0.1:${port}`);
      await once(server, 'connection');
      await firsts[0];
      sockets[0]!.end(answer);
      await assert.rejects(dialling);
      assert.equal(sockets.length, 1);
    });
  }

  test('11.5 a dialler leaves whoever sends back its own id', async (t) => {
    const node = await startNode(t, withPython());
    const { port, server, sockets } = await listen(t);
    for (const scheme of ['p2pnetwork', 'p2pnetwork+tls']) {
      const connection = once(server, 'connection');
      const dialling = node.connectWithNode(`${scheme}://127.0.0.1:${port}`);
      await connection;
      sockets.at(-1)!.pipe(sockets.at(-1)!);
      await assert.rejects(dialling, { code: 'ERR_SELF_CONNECTION' });
    }
  });
});
