import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { suite, type TestContext, test } from 'node:test';
import { connect as connectTls, createServer, type TLSSocket } from 'node:tls';
import { Identity } from '../../../src/index.ts';
import { createCertificate } from '../../../src/transport/tcp/certificate.ts';
import { withCode } from '../../support/errors.ts';
import { Fixture } from '../../support/fixture.ts';
import { startNodes } from '../../support/start-nodes.ts';

/** Ends TLS on both of its sides, with a key of its own, and hands on all that it reads. */
async function relayTo(
  t: TestContext,
  port: number,
): Promise<{ port: number; id: string; bytes: () => number }> {
  const identity = Identity.generate();
  const options = {
    ...createCertificate(identity),
    ALPNProtocols: ['peerloom'],
    requestCert: true,
    rejectUnauthorized: false,
  };
  const sockets: TLSSocket[] = [];
  let bytes = 0;
  const server = createServer(options, (near) => {
    const far = connectTls({ host: '127.0.0.1', port, ...options });
    sockets.push(near, far);
    near
      .on('error', () => far.destroy())
      .on('data', (piece) => {
        bytes += piece.length;
      });
    far.on('error', () => near.destroy());
    near.pipe(far).pipe(near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  Fixture.of(t).defer(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: (server.address() as AddressInfo).port, id: identity.id, bytes: () => bytes };
}

suite('a relay in the middle that ends TLS', () => {
  test('is found out where the id is pinned, before anything is said', async (t) => {
    const [a, b] = await startNodes(t, 2);
    const relay = await relayTo(t, b.port);
    await assert.rejects(
      a.connectWithNode('127.0.0.1', relay.port, { id: b.id }),
      withCode('ERR_ID_MISMATCH', new RegExp(relay.id)),
    );
    assert.equal(relay.bytes(), 0);
    assert.deepEqual(b.of('inbound_node_connected'), []);
  });

  test('is who the two sides know that they talk with where it is not', async (t) => {
    const [a, b] = await startNodes(t, 2);
    const relay = await relayTo(t, b.port);
    const connection = await a.connectWithNode('127.0.0.1', relay.port);
    assert.equal(connection.id, relay.id);
    assert.equal((await b.event('inbound_node_connected')).peer!.id, relay.id);
  });

  test('gets nowhere without the network key', async (t) => {
    const [a, b] = await startNodes(t, 2, { options: { networkKey: 'the key of the network' } });
    const relay = await relayTo(t, b.port);
    await assert.rejects(a.connectWithNode('127.0.0.1', relay.port), withCode('ERR_NETWORK_MISMATCH'));
    assert.equal(relay.bytes(), 0);
    assert.deepEqual(b.of('inbound_node_connected'), []);
  });
});
