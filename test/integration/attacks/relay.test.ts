import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { suite, type TestContext, test } from 'node:test';
import { connect as connectTls, createServer, type TLSSocket } from 'node:tls';
import { Identity } from '../../../src/index.ts';
import { createCertificate } from '../../../src/transport/tcp/certificate.ts';
import { dialProofBytes, proveDial, sha256 } from '../../../src/transport/tcp/dial-proof.ts';
import { KnownCertificates } from '../../../src/transport/tcp/known-certificates.ts';
import { withCode } from '../../support/errors.ts';
import { Fixture } from '../../support/fixture.ts';
import { startNodes } from '../../support/start-nodes.ts';
import { within } from '../../support/turns.ts';

interface Relay {
  readonly port: number;
  readonly id: string;
  /** How much it got from the dialler. */
  readonly bytes: () => number;
  /** Resolves when the listener has ended the connection with it. */
  readonly farEnded: Promise<unknown>;
}

interface RelayOptions {
  /** In whose name it listens. Default: a node of its own. */
  readonly identity?: Identity;
  /** It proves an id of its own to the listener, in place of passing on the proof of the dialler. */
  readonly provesItself?: boolean;
}

/** Ends TLS on both of its sides, and hands on all that it reads. */
async function relayTo(
  t: TestContext,
  port: number,
  { identity = Identity.generate(), provesItself = false }: RelayOptions = {},
): Promise<Relay> {
  const { cert, key } = createCertificate(identity);
  const sockets: TLSSocket[] = [];
  const farEnded = Promise.withResolvers<void>();
  let bytes = 0;
  const server = createServer({ cert, key, ALPNProtocols: ['peerloom'] }, (near) => {
    const options = { rejectUnauthorized: false, ALPNProtocols: ['peerloom'] };
    const far = connectTls({ host: '127.0.0.1', port, ...options });
    sockets.push(near, far);
    near.on('error', () => far.destroy());
    far.on('error', () => near.destroy()).once('close', () => farEnded.resolve());
    far.once('secureConnect', () => {
      if (provesItself) far.write(proofOf(identity, far));
      near.on('data', (piece) => {
        const isProof = bytes < dialProofBytes && provesItself;
        const from = isProof ? Math.min(piece.length, dialProofBytes - bytes) : 0;
        bytes += piece.length;
        far.write(piece.subarray(from));
      });
      far.pipe(near);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  Fixture.of(t).defer(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port: relayPort } = server.address() as AddressInfo;
  return { port: relayPort, id: identity.id, bytes: () => bytes, farEnded: farEnded.promise };
}

function proofOf(identity: Identity, socket: TLSSocket): Uint8Array {
  const dialled = new KnownCertificates().read(socket.getPeerX509Certificate()!.raw);
  return proveDial(identity, { nonce: randomBytes(16), networkHash: sha256(Buffer.from('')), dialled });
}

suite('a relay in the middle that ends TLS', () => {
  test('is found out where the id is pinned, before anything is said', async (t) => {
    const [a, b] = await startNodes(t, 2);
    const relay = await relayTo(t, b.port);
    await assert.rejects(
      a.connectWithNode('127.0.0.1', relay.port, { id: b.id }),
      withCode('ERR_ID_MISMATCH', new RegExp(relay.id)),
    );
    assert.equal(relay.bytes(), 0, 'the dialler does not even prove its id');
    assert.deepEqual(b.of('inbound_node_connected'), []);
  });

  test('cannot pass on the proof that the dialler makes for it', async (t) => {
    const [a, b] = await startNodes(t, 2);
    const relay = await relayTo(t, b.port);
    await assert.rejects(a.connectWithNode('127.0.0.1', relay.port), withCode('ERR_CONNECTION_CLOSED'));
    await within(relay.farEnded, 'the listener ends the connection');
    assert.ok(relay.bytes() >= dialProofBytes);
    assert.deepEqual(b.of('inbound_node_connected'), []);
    await b.event('connection_error');
  });

  test('nor can it where it holds the key of the listener, and the dialler takes it for that', async (t) => {
    const identity = Identity.generate();
    const [a] = await startNodes(t, 1);
    const [b] = await startNodes(t, 1, { options: { identity } });
    const relay = await relayTo(t, b.port, { identity });
    await assert.rejects(
      a.connectWithNode('127.0.0.1', relay.port, { id: b.id }),
      withCode('ERR_CONNECTION_CLOSED'),
    );
    await within(relay.farEnded, 'the listener ends the connection');
    assert.ok(relay.bytes() >= dialProofBytes, 'the dialler proved its id to it');
    assert.deepEqual(b.of('inbound_node_connected'), [], 'the listener does not take it for the dialler');
  });

  test('is who the two sides know that they talk with where it is not', async (t) => {
    const [a, b] = await startNodes(t, 2);
    const relay = await relayTo(t, b.port, { provesItself: true });
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
