import assert from 'node:assert/strict';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { type ConnectionOptions, connect as connectTls, createServer, type TLSSocket } from 'node:tls';
import { Identity, Node, tcp } from '../../src/index.ts';
import { createCertificate } from '../../src/transport/tcp/certificate.ts';
import { withCode } from '../support/errors.ts';
import { Fixture } from '../support/fixture.ts';
import { makeNode, startNodes } from '../support/start-nodes.ts';
import { within } from '../support/turns.ts';

const networkKey = 'a shared key';

suite('a node with a network key', () => {
  test('shows nothing of itself to a server that does not hold it', async (t) => {
    const [node] = await startNodes(t, 1, { options: { networkKey, name: 'shy' } });
    const heard: Buffer[] = [];
    const sockets: TLSSocket[] = [];
    const certificates: object[] = [];
    const server = createServer(
      {
        ...createCertificate(Identity.generate()),
        requestCert: true,
        rejectUnauthorized: false,
        ALPNProtocols: ['peerloom'],
      },
      (socket) => {
        sockets.push(socket);
        certificates.push(socket.getPeerCertificate());
        socket.on('data', (bytes) => heard.push(bytes)).on('error', () => {});
      },
    );
    server.on('tlsClientError', () => {}).listen(0, '127.0.0.1');
    await once(server, 'listening');
    Fixture.of(t).defer(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
      return once(server, 'close');
    });
    const { port } = server.address() as { port: number };
    const ended = once(server, 'connection').then(([socket]) => once(socket, 'close'));
    await assert.rejects(node.connectWithNode('127.0.0.1', port), withCode('ERR_NETWORK_MISMATCH'));
    await within(ended, 'its connection ends at the server');
    for (const certificate of certificates) assert.deepEqual(certificate, {}, 'no certificate');
    assert.equal(Buffer.concat(heard).toString('latin1'), '', 'and not a word');
  });

  for (const [who, options] of [
    ['has none', {}],
    ['has another', { pskCallback: () => ({ psk: Buffer.alloc(32, 1), identity: 'peerloom' }) }],
    ['shows a certificate', createCertificate(Identity.generate())],
  ] as [string, ConnectionOptions][]) {
    test(`shows nothing of itself to a client that ${who}`, async (t) => {
      const [node] = await startNodes(t, 1, { options: { networkKey } });
      const socket = connectTls({
        host: '127.0.0.1',
        port: node.port,
        rejectUnauthorized: false,
        ALPNProtocols: ['peerloom'],
        minVersion: 'TLSv1.3',
        ...options,
      });
      const heard: Buffer[] = [];
      let isSecure = false;
      socket
        .on('data', (bytes) => heard.push(bytes))
        .on('secureConnect', () => {
          isSecure = true;
        })
        .on('error', () => {});
      const closed = new Promise((resolve) => socket.once('close', resolve));
      await within(closed, 'the node ends the connection');
      assert.equal(isSecure, false);
      assert.equal(Buffer.concat(heard).length, 0);
      await node.event('connection_error');
      assert.deepEqual(node.names, ['connection_error']);
    });
  }

  test('does not go with plain TCP', () => {
    assert.throws(
      () => new Node('127.0.0.1', 0, { networkKey, transports: [tcp({ accept: ['tls', 'plain'] })] }),
      /networkKey needs encryption/,
    );
  });

  test('proves its id inside: an id can be pinned, and a network has a name as well', async (t) => {
    const [a, b] = await startNodes(t, 2, { options: { networkKey } });
    const other = makeNode(t, { options: { networkKey, network: 'another' } });
    await other.start();
    await assert.rejects(a.connectWithNode(b.host, b.port, { id: other.id }), withCode('ERR_ID_MISMATCH'));
    await assert.rejects(a.connectWithNode(other.host, other.port), withCode('ERR_NETWORK_MISMATCH'));
    const connection = await a.connectWithNode(b.host, b.port, { id: b.id });
    assert.deepEqual(connection.security, { protocol: 'tls', encrypted: true, authenticated: true });
    await connection.deliver('hello');
  });
});
