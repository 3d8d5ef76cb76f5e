import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { suite, type TestContext, test } from 'node:test';
import { tcp } from '../../src/index.ts';
import { withCode } from '../support/errors.ts';
import { Fixture } from '../support/fixture.ts';
import { makeNode, startNodes } from '../support/start-nodes.ts';

/** A server that is no node: it does what the test says with each connection. */
async function startServer(t: TestContext, onSocket: (socket: Socket) => void): Promise<number> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  Fixture.of(t).defer(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  return (server.address() as { port: number }).port;
}

suite('connectWithNode', () => {
  test('tells the caller and, by connection_error, everybody else', async (t) => {
    const [a, b] = await startNodes(t, 2);
    await b.stop();
    const told: unknown[][] = [];
    a.on('connection_error', (...args) => void told.push(args));
    const dial = a.connectWithNode(b.host, b.port);
    await assert.rejects(dial, withCode('ERR_CONNECTION_REFUSED', /start that node first/));
    const error = await dial.catch((reason) => reason);
    const address = `127.0.0.1:${b.port}`;
    assert.deepEqual(told, [[address, error, 'outbound']]);
    assert.deepEqual((await a.event('connection_error')).data, { address, error, direction: 'outbound' });
  });

  test('gives up on a server that accepts and says nothing', async (t) => {
    for (const scheme of ['tls', 'tcp']) {
      const port = await startServer(t, () => {});
      const [node] = await startNodes(t, 1, { options: { transports: [tcp({ accept: ['tls', 'plain'] })] } });
      await assert.rejects(
        node.connectWithNode(`${scheme}://127.0.0.1:${port}`, { timeoutMs: 50 }),
        withCode('ERR_TIMEOUT', /more than 50 ms/),
      );
      const controller = new AbortController();
      const reason = new Error('enough');
      const dial = node.connectWithNode(`${scheme}://127.0.0.1:${port}`, { signal: controller.signal });
      controller.abort(reason);
      await assert.rejects(dial, (error: Error) => withCode('ERR_ABORTED')(error) && error.cause === reason);
    }
  });

  test('recognises a server that hangs up, or speaks something else', async (t) => {
    const [node] = await startNodes(t, 1, { options: { transports: [tcp({ accept: ['tls', 'plain'] })] } });
    const hangingUp = await startServer(t, (socket) => socket.end());
    const web = await startServer(
      t,
      (socket) => void socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'.repeat(10)),
    );
    for (const scheme of ['tls', 'tcp']) {
      await assert.rejects(
        node.connectWithNode(`${scheme}://127.0.0.1:${hangingUp}`),
        withCode('ERR_CONNECTION_CLOSED', new RegExp(`127\\.0\\.0\\.1:${hangingUp}`)),
      );
      const problem =
        scheme === 'tls'
          ? 'the other side does not speak TLS: check that a peerloom node listens there'
          : 'the other side does not speak plain peerloom';
      await assert.rejects(
        node.connectWithNode(`${scheme}://127.0.0.1:${web}`),
        withCode('ERR_HANDSHAKE', new RegExp(`^${scheme}://127\\.0\\.0\\.1:${web}: ${problem}`)),
      );
    }
    assert.deepEqual(new Set(node.names), new Set(['connection_error']));
  });

  test('never falls back to plain TCP, whoever asks for it', async (t) => {
    const [secure] = await startNodes(t, 1);
    const [plain] = await startNodes(t, 1, { options: { transports: [tcp({ accept: ['plain'] })] } });
    const address = (port: number, scheme = ''): string => `${scheme}127.0.0.1:${port}`;
    await assert.rejects(
      secure.connectWithNode(address(plain.port, 'tcp://')),
      withCode('ERR_PLAIN_NOT_ALLOWED', /accept: \['tls', 'plain'\]/),
    );
    await assert.rejects(secure.connectWithNode(address(plain.port)));
    await assert.rejects(plain.connectWithNode(address(secure.port)));
    await assert.rejects(
      plain.connectWithNode(address(secure.port, 'tls://')),
      withCode('ERR_ADDRESS_INVALID'),
    );
    for (const node of [secure, plain]) assert.deepEqual(new Set(node.names), new Set(['connection_error']));
  });

  test('refuses wrong arguments, which are nobody else’s business', async (t) => {
    const [node] = await startNodes(t, 1);
    const dial = node.connectWithNode.bind(node) as (...args: unknown[]) => Promise<unknown>;
    await assert.rejects(
      dial('127.0.0.1', 0),
      new RangeError('port must be a whole number from 1 to 65535, not 0'),
    );
    await assert.rejects(dial('127.0.0.1', 65_536), RangeError);
    await assert.rejects(dial('', 1), TypeError);
    for (const port of ['10001', true, 1n]) {
      await assert.rejects(
        dial('127.0.0.1', port),
        new TypeError(`port must be a number, not ${typeof port === 'string' ? `'${port}'` : port}`),
      );
    }
    await assert.rejects(dial('127.0.0.1', undefined, {}), /port must be a number, not undefined/);
    for (const [options, message] of [
      [
        { recconect: true },
        /recconect is not an option.* The options are reconnect, retry, id, timeoutMs, signal/,
      ],
      [null, /options must be an object, not null/],
      ['yes', /options must be an object, not 'yes'/],
      [{ signal: {} }, /signal must be an AbortSignal, not an object/],
    ] as const) {
      await assert.rejects(dial('127.0.0.1', 1, options), message);
      if (typeof options === 'object') await assert.rejects(dial('127.0.0.1:1', options), message);
    }
    await assert.rejects(
      dial('127.0.0.1', 1, { reconnect: 'yes' }),
      /reconnect must be a boolean, not 'yes'/,
    );
    await assert.rejects(dial('127.0.0.1', 1, { id: 5 }), /id must be a string, not 5/);
    await assert.rejects(dial('127.0.0.1', 1, { timeoutMs: 0 }), /timeoutMs must be above 0, not 0/);
    assert.deepEqual(node.names, []);
    await assert.rejects(dial('127.0.0.1'), withCode('ERR_ADDRESS_INVALID', /it has no port/));
  });

  test('before start is told to wait', async (t) => {
    const node = makeNode(t);
    await assert.rejects(
      node.connectWithNode('127.0.0.1', 1),
      withCode('ERR_NOT_STARTED', /await start\(\) first/),
    );
  });
});
