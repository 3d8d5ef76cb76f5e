import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { suite, test } from 'node:test';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { plainPreface } from '../../../src/transport/tcp/sniff.ts';
import { foreignCertificate } from './support/foreign-certificate.ts';
import { helloWith, rawSocket, reset } from './support/raw-peer.ts';
import { attackScene } from './support/scene.ts';

/** Waits until the victim has ended the connection, and answers what it said before. */
async function endOf(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
  return Buffer.concat(chunks).toString('latin1');
}

suite('strangers on the port', () => {
  /** So long that nothing here ends by it. */
  const handshakeTimeoutMs = 600_000;
  const scene = attackScene({ limits: { handshakeTimeoutMs } });

  const nonsense: Record<string, Buffer> = {
    'random bytes': Buffer.concat([Uint8Array.of(0), randomBytes(10_000)]),
    'an HTTP request': Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
    'another protocol': Buffer.from('SSH-2.0-OpenSSH_9.6\r\n'),
    'plain peerloom, which must be allowed first': Buffer.concat([plainPreface, randomBytes(32)]),
    'the preface of another version': Buffer.from('PEERLM2\n'),
    'what begins like TLS': Buffer.concat([Uint8Array.of(0x16, 3, 1, 0x10, 0), randomBytes(5_000)]),
    'a TLS alert': Uint8Array.of(0x15, 3, 3, 0, 2, 2, 40) as Buffer,
  };
  for (const [name, bytes] of Object.entries(nonsense)) {
    test(`${name}: closed at once`, async () => {
      const socket = rawSocket(scene.port);
      socket.write(bytes);
      await endOf(socket);
    });
  }

  test('connections that end before they begin', async () => {
    const sockets = Array.from({ length: 50 }, () => rawSocket(scene.port));
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    for (const [index, socket] of sockets.entries()) {
      if (index % 2 === 0) socket.end();
      else reset(socket);
    }
    await Promise.all(sockets.map(endOf));
  });

  async function assertRefused(options: ConnectionOptions): Promise<void> {
    const socket = connectTls({
      socket: rawSocket(scene.port),
      rejectUnauthorized: false,
      ALPNProtocols: ['peerloom'],
      ...options,
    });
    socket.on('error', () => {});
    socket.once('secureConnect', () => socket.write(Buffer.concat([helloWith(), helloWith()])));
    assert.equal(await endOf(socket), '', 'nothing is told to who is not authenticated');
  }

  const strangers: Record<string, ConnectionOptions> = {
    'TLS without a proof': {},
    'TLS with a certificate of 1 MB, for which nobody asks': foreignCertificate('ed25519', 1_000_000),
    'TLS with a first message of 60 KB': {
      ALPNProtocols: ['peerloom', ...Array.from({ length: 240 }, (_, index) => `${index}`.padEnd(250, '.'))],
    },
    'TLS 1.2': { maxVersion: 'TLSv1.2' },
    'TLS for another protocol': { ALPNProtocols: ['h2', 'http/1.1'] },
  };
  for (const [name, options] of Object.entries(strangers)) {
    test(`${name}: closed at once`, () => assertRefused(options));
  }
});

suite('strangers who take their time', () => {
  const handshakeTimeoutMs = 1_000;
  const scene = attackScene({ limits: { handshakeTimeoutMs } });

  const slow: Record<string, Buffer> = {
    'a connection that says nothing': Buffer.alloc(0),
    'the beginning of a preface': plainPreface.subarray(0, 4),
    'half a TLS record': Buffer.from([0x16, 3, 1, 2, 0, 1]),
  };
  for (const [name, bytes] of Object.entries(slow)) {
    test(`${name}: the time limit holds`, async () => {
      const startedAt = performance.now();
      const socket = rawSocket(scene.port);
      socket.write(bytes);
      await endOf(socket);
      assert.ok(performance.now() - startedAt >= handshakeTimeoutMs - 5);
    });
  }

  test('a byte of TLS now and then does not stretch the time limit', async (t) => {
    const socket = rawSocket(scene.port);
    const record = Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, ...randomBytes(500)]);
    let sent = 0;
    const dribble = setInterval(() => socket.write(record.subarray(sent, ++sent)), handshakeTimeoutMs / 10);
    t.after(() => clearInterval(dribble));
    await endOf(socket);
    assert.ok(sent > 1 && sent < record.length / 2, `${sent} of ${record.length} bytes were sent`);
  });
});
