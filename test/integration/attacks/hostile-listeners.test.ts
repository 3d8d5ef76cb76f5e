import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { after, afterEach, before, suite, test } from 'node:test';
import { createSecureContext } from 'node:tls';
import { Worker } from 'node:worker_threads';
import { Identity, Node, type NodeConnection, PeerloomError, tcp } from '../../../src/index.ts';
import { createCertificate } from '../../../src/transport/tcp/certificate.ts';
import { plainPreface } from '../../../src/transport/tcp/sniff.ts';
import { tlsSettings } from '../../../src/transport/tcp/tls-settings.ts';
import { FrameKind } from '../../../src/wire/frames/frame.ts';
import { foreignCertificate } from './support/foreign-certificate.ts';
import { helloWith, rawFrame } from './support/raw-peer.ts';
import { asDuplex } from './support/record-peer.ts';
import { acceptTls } from './support/tls-listener.ts';
import { recordCiphers, TlsRecords } from './support/tls-records.ts';

const { hello, accept, goodbye, message } = FrameKind;
const ours = createCertificate(Identity.generate());

/** What a listener does with a connection. */
type Behaviour = (socket: Socket) => void;

function overTls(certificate: { cert: string; key: string }, behaviour: Behaviour): Behaviour {
  const secureContext = createSecureContext(certificate);
  return (socket) => {
    const secured = acceptTls(socket, secureContext);
    secured.once('secure', () => behaviour(secured));
  };
}

function saying(...frames: Uint8Array[]): Behaviour {
  return (socket) => socket.write(Buffer.concat(frames));
}

const nothing: Behaviour = () => {};

function sayingTickets(socket: Socket): void {
  const secureContext = createSecureContext({ ...tlsSettings, ...ours, ciphers: recordCiphers });
  const secured = acceptTls(asDuplex(socket) as Socket, secureContext);
  let records: TlsRecords | undefined;
  secured.on('keylog', (line) => {
    records ??= TlsRecords.from(line, 'SERVER_TRAFFIC_SECRET_0');
  });
  secured.once('secure', () => {
    socket.write(Buffer.concat(Array.from({ length: 1_000 }, () => records!.sessionTicket())));
  });
}

suite('listeners that do not keep to the protocol', () => {
  let node: Node;
  /** One that waits for nobody. */
  let impatient: Node;
  const closers: (() => void)[] = [];

  before(async () => {
    const transports = () => [tcp({ accept: ['tls', 'plain'] })];
    const limits = { dialTimeoutMs: 500, dialAddressTimeoutMs: 200 };
    node = new Node('127.0.0.1', 0, { transports: transports() });
    impatient = new Node('127.0.0.1', 0, { transports: transports(), limits });
    await Promise.all([node.start(), impatient.start()]);
  });
  afterEach(() => {
    for (const close of closers.splice(0)) close();
  });
  after(() => Promise.all([node.stop(), impatient.stop()]));

  async function listen(behaviour: Behaviour): Promise<number> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket.on('error', () => {}));
      behaviour(socket);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    return (server.address() as AddressInfo).port;
  }

  async function errorOf(dialling: Promise<NodeConnection>): Promise<PeerloomError> {
    const error = await dialling.then(
      () => assert.fail('it must not connect'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof PeerloomError, String(error));
    assert.deepEqual([...node.allNodes, ...impatient.allNodes], []);
    return error;
  }

  const behaviours: Record<string, { behaviour: Behaviour; code: string }> = {
    'says nothing': { behaviour: nothing, code: 'ERR_TIMEOUT' },
    'closes at once': { behaviour: (socket) => socket.end(), code: 'ERR_CONNECTION_CLOSED' },
    'resets at once': { behaviour: (socket) => socket.resetAndDestroy(), code: 'ERR_CONNECTION_CLOSED' },
    'says nonsense': { behaviour: saying(Buffer.alloc(10_000, 'nonsense')), code: 'ERR_HANDSHAKE' },
    'speaks HTTP': {
      behaviour: saying(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')),
      code: 'ERR_HANDSHAKE',
    },
    'shows an RSA certificate': {
      behaviour: overTls(foreignCertificate('rsa'), nothing),
      code: 'ERR_HANDSHAKE',
    },
    'shows a certificate of another curve': {
      behaviour: overTls(foreignCertificate('ec'), nothing),
      code: 'ERR_HANDSHAKE',
    },
    'shows many certificates, 60 KB together': {
      behaviour: overTls(
        { cert: ours.cert + foreignCertificate('ed25519', 15_000).cert.repeat(4), key: ours.key },
        nothing,
      ),
      code: 'ERR_HANDSHAKE',
    },
    'sends session tickets in a loop': {
      behaviour: sayingTickets,
      code: 'ERR_PROTOCOL',
    },
    'says nothing after TLS': { behaviour: overTls(ours, nothing), code: 'ERR_TIMEOUT' },
    'says nonsense after TLS': {
      behaviour: overTls(ours, saying(Buffer.alloc(10_000, 'nonsense'))),
      code: 'ERR_PROTOCOL',
    },
    'sends a hello of 256 KiB': {
      behaviour: overTls(ours, saying(rawFrame(hello, '', { length: 256 * 1024 }))),
      code: 'ERR_PROTOCOL',
    },
    'sends a hello that is none': {
      behaviour: overTls(ours, saying(rawFrame(hello, '{}'))),
      code: 'ERR_HANDSHAKE',
    },
    'sends a hello and no accept': { behaviour: overTls(ours, saying(helloWith())), code: 'ERR_TIMEOUT' },
    'sends an accept and no hello': {
      behaviour: overTls(ours, saying(rawFrame(accept))),
      code: 'ERR_PROTOCOL',
    },
    'sends a message in place of the accept': {
      behaviour: overTls(ours, saying(helloWith(), rawFrame(message, 'x', { format: 2 }))),
      code: 'ERR_PROTOCOL',
    },
    'speaks a newer version': {
      behaviour: overTls(ours, saying(helloWith({ versions: [2, 9] }))),
      code: 'ERR_VERSION',
    },
    'belongs to another network': {
      behaviour: overTls(ours, saying(helloWith({ network: '\u001b[2J' }))),
      code: 'ERR_NETWORK_MISMATCH',
    },
    'holds on to a connection that is not there': {
      behaviour: overTls(ours, saying(rawFrame(goodbye, '{"code":"duplicate"}'))),
      code: 'ERR_NOT_ALLOWED',
    },
    'gives a reason that is none': {
      behaviour: overTls(ours, saying(rawFrame(goodbye, '7'))),
      code: 'ERR_HANDSHAKE',
    },
  };
  for (const [name, { behaviour, code }] of Object.entries(behaviours)) {
    test(`one that ${name}: ${code}`, async () => {
      const dialler = code === 'ERR_TIMEOUT' ? impatient : node;
      const error = await errorOf(dialler.connectWithNode('127.0.0.1', await listen(behaviour)));
      assert.equal(error.code, code, error.message);
      assert.doesNotMatch(error.message, /\p{Cc}/u);
    });
  }

  const plainBehaviours: Record<string, { behaviour: Behaviour; code: string }> = {
    'says nothing': { behaviour: nothing, code: 'ERR_TIMEOUT' },
    'says a preface and no more': { behaviour: saying(plainPreface), code: 'ERR_TIMEOUT' },
    'proves nothing': { behaviour: saying(plainPreface, Buffer.alloc(128)), code: 'ERR_HANDSHAKE' },
    'is an echo': { behaviour: (socket) => socket.pipe(socket), code: 'ERR_HANDSHAKE' },
  };
  for (const [name, { behaviour, code }] of Object.entries(plainBehaviours)) {
    test(`a plain one that ${name}: ${code}`, async () => {
      const dialler = code === 'ERR_TIMEOUT' ? impatient : node;
      const error = await errorOf(dialler.connectWithNode(`tcp://127.0.0.1:${await listen(behaviour)}`));
      assert.equal(error.code, code, error.message);
    });
  }

  test('one that breaks the protocol later is told so', async () => {
    const told = Promise.withResolvers<string>();
    const port = await listen(
      overTls(ours, (socket) => {
        socket.write(Buffer.concat([helloWith(), rawFrame(accept)]));
        socket.on('data', (bytes) => {
          const text = bytes.toString('latin1');
          if (text.includes('a frame of kind')) told.resolve(text);
        });
        socket.write(rawFrame(99));
      }),
    );
    const gone = new Promise((resolve) => node.once('outbound_node_disconnected', resolve));
    const connection = await node.connectWithNode('127.0.0.1', port);
    await gone;
    assert.equal(connection.closeReason?.code, 'protocol');
    assert.match(await told.promise, /a frame of kind 99/);
  });

  test('an address that does not answer is given up before all of the time is', {
    skip: process.platform === 'linux' ? false : 'other systems answer for a listener that is stuck',
  }, async () => {
    const port = await listenStuck();
    const error = await errorOf(impatient.connectWithNode('127.0.0.1', port));
    assert.equal(error.code, 'ERR_TIMEOUT');
    assert.match(error.message, /did not answer within 200 ms/);
  });

  /** A listener whose program hangs and whose queue of new connections is full. */
  async function listenStuck(): Promise<number> {
    const worker = new Worker(
      `const { parentPort } = require('node:worker_threads');
       const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
         parentPort.postMessage(server.address().port);
         Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
       });`,
      { eval: true },
    );
    const [port] = (await once(worker, 'message')) as [number];
    const fillers = Array.from({ length: 4 }, () => connect(port, '127.0.0.1').on('error', () => {}));
    closers.push(() => {
      for (const filler of fillers) filler.destroy();
      void worker.terminate();
    });
    await Promise.all(fillers.slice(0, 2).map((filler) => once(filler, 'connect')));
    return port;
  }
});
