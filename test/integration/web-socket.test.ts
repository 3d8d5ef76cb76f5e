import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { suite, test } from 'node:test';
import { tcp, type WebSocketOptions, webSocket } from '../../src/index.ts';
import { withCode } from '../support/errors.ts';
import { pageTransport } from '../support/page-transport.ts';
import { makeNode, startNodes } from '../support/start-nodes.ts';
import { until } from '../support/turns.ts';

const both = (): { transports: ReturnType<typeof tcp>[] } => ({
  transports: [tcp({ accept: ['tls', 'websocket'] })],
});

/** What a server answers to bytes, until it closes. */
async function answerTo(port: number, request: string): Promise<string> {
  const socket = connectTcp({ port, host: '127.0.0.1' });
  const pieces: Buffer[] = [];
  socket.on('data', (piece) => pieces.push(piece)).on('error', () => {});
  socket.write(request);
  await once(socket, 'close');
  return Buffer.concat(pieces).toString();
}

const upgradeOf = (headers: Readonly<Record<string, string>>): string => {
  const all = {
    Host: '127.0.0.1',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    'Sec-WebSocket-Protocol': 'peerloom.1.aesgcm',
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET / HTTP/1.1\r\n${lines.join('')}\r\n`;
};

/** The status line with which a node answers; its connection ends. */
async function statusOf(port: number, headers: Readonly<Record<string, string>>): Promise<string> {
  const socket = connectTcp({ port, host: '127.0.0.1' }).on('error', () => {});
  socket.write(upgradeOf(headers));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return answer.toString().split('\r\n')[0]!;
}

suite('WebSockets', () => {
  test('share a port with TLS, and the node says both addresses', async (t) => {
    const [node] = await startNodes(t, 1, { options: both() });
    const { port } = node;
    assert.deepEqual(node.addresses, [`tls://127.0.0.1:${port}`, `ws://127.0.0.1:${port}`]);
    for (const [index, address] of node.addresses.entries()) {
      const [other] = await startNodes(t, 1, { options: both() });
      const connection = await other.connectWithNode(address);
      await connection.deliver('hello');
      const protocol = ['tls', 'websocket'][index]!;
      assert.deepEqual(connection.security, { protocol, encrypted: true, authenticated: true });
      assert.deepEqual(node.peer(other).security, connection.security);
    }
  });

  test('work with a network key where TLS has no pre-shared keys', async (t) => {
    const options = { networkKey: 'a shared key', transports: [webSocket()] };
    const [node] = await startNodes(t, 1, { options });
    const [page] = await startNodes(t, 1, {
      options: { networkKey: 'a shared key', transports: [pageTransport('http://127.0.0.1')] },
    });
    await (await page.connectWithNode(`ws://127.0.0.1:${node.port}`)).deliver('hello');
    const [stranger] = await startNodes(t, 1, {
      options: { networkKey: 'another key', transports: [pageTransport('http://127.0.0.1')] },
    });
    const dial = stranger.connectWithNode(`ws://127.0.0.1:${node.port}`);
    await assert.rejects(dial, withCode('ERR_NETWORK_MISMATCH'));
  });

  test('are dialled by addresses with a path, a name, and the usual ports', () => {
    const transport = webSocket();
    const read = (text: string) => transport.parse!(text);
    assert.deepEqual(read('ws://localhost:10001'), { scheme: 'ws', host: 'localhost', port: 10_001 });
    assert.deepEqual(read('WSS://example.org'), { scheme: 'wss', host: 'example.org', port: 443 });
    assert.deepEqual(read('ws://[::1]/'), { scheme: 'ws', host: '::1', port: 80 });
    const text = 'wss://example.org:8443/node?of=alice';
    assert.deepEqual(read(text), { scheme: 'wss', host: 'example.org', port: 8_443, text });
    assert.equal(read('tls://example.org:1'), undefined);
    assert.equal(read('example.org:1'), undefined);
    for (const wrong of [
      'ws://',
      'ws://a:b@example.org/',
      'ws://example.org/#there',
      'wss://:1/',
      'ws://a:0',
    ]) {
      assert.throws(() => read(wrong), withCode('ERR_ADDRESS_INVALID'), wrong);
    }
  });

  test('have a path that the node does not look at', async (t) => {
    const [node, other] = await startNodes(t, 2, { options: () => ({ transports: [webSocket()] }) });
    const address = `ws://127.0.0.1:${node.port}/behind/a/proxy?of=alice`;
    const connection = await other.connectWithNode(address);
    await connection.deliver('hello');
    assert.equal(await other.connectWithNode(address), connection);
  });

  test('dialled where nothing of the kind listens fail with the reason', async (t) => {
    const [onlyTls] = await startNodes(t, 1);
    const [a] = await startNodes(t, 1, { options: both() });
    const page = makeNode(t, { options: { transports: [pageTransport('http://127.0.0.1')] } });
    await page.start();
    for (const node of [a, page]) {
      await assert.rejects(
        node.connectWithNode(`ws://127.0.0.1:${onlyTls.port}`),
        ({ code, message }: never) => {
          assert.match(code, /^ERR_CONNECTION_(CLOSED|REFUSED)$/);
          assert.match(message, new RegExp(`ws://127\\.0\\.0\\.1:${onlyTls.port}`));
          return true;
        },
      );
    }
    assert.deepEqual(page.addresses, []);
  });
});

suite('plain HTTP requests', () => {
  test('get a short page that says what this is', async (t) => {
    const [node] = await startNodes(t, 1, { options: both() });
    const answer = await answerTo(node.port, 'GET /any HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(answer, /Connection: close/);
    assert.match(answer, /This is a node of a <a [^>]+>peerloom<\/a> network/);
    const head = await answerTo(node.port, 'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.match(head, /^HTTP\/1\.1 200 OK\r\n/);
    assert.doesNotMatch(head, /This is/);
    assert.deepEqual(node.names, [], 'it is no failed connection');
  });

  test('go to the handler of the user', async (t) => {
    const options: WebSocketOptions = {
      onRequest: ({ url }, response) => {
        if (url === '/throws') throw new Error('handler');
        if (url === '/rejects') return Promise.reject(new Error('handler'));
        return response.end(`you asked for ${url}`);
      },
    };
    const [node] = await startNodes(t, 1, { options: { transports: [webSocket(options)] } });
    assert.equal(await (await fetch(`http://127.0.0.1:${node.port}/page`)).text(), 'you asked for /page');
    for (const path of ['throws', 'rejects']) {
      assert.equal((await fetch(`http://127.0.0.1:${node.port}/${path}`)).status, 500);
    }
  });

  test('that are none end, and are reported', async (t) => {
    const [node] = await startNodes(t, 1, { options: both() });
    assert.match(await answerTo(node.port, 'GET \0 HTTP/1.1\r\n\r\n'), /^(HTTP\/1\.1 400 .*)?$/s);
    await node.event('connection_error');
    assert.equal(
      (node.of('connection_error')[0]!.data as { error: { code: string } }).error.code,
      'ERR_HANDSHAKE',
    );
  });

  test('for another WebSocket are refused', async (t) => {
    const [node] = await startNodes(t, 1, { options: both() });
    assert.match(await statusOf(node.port, { 'Sec-WebSocket-Protocol': 'chat' }), /400/);
    assert.match(await statusOf(node.port, { 'Sec-WebSocket-Protocol': 'chat, peerloom.1.aesgcm' }), /101/);
    assert.match(await statusOf(node.port, { 'Sec-WebSocket-Key': 'short' }), /400/);
  });
});

suite('pages', () => {
  const cases: [origin: string, host: string, allowed: boolean][] = [
    ['http://127.0.0.1:5173', '127.0.0.1:10001', true],
    ['http://localhost:5173', 'localhost:10001', true],
    ['http://[::1]:5173', '[::1]:10001', true],
    ['http://192.0.2.7', '192.0.2.7:10001', true],
    ['https://listed.example', 'whatever.example', true],
    ['https://LISTED.example', '127.0.0.1:10001', true],
    ['https://evil.example', '127.0.0.1:10001', false],
    ['https://listed.example:8443', '127.0.0.1:10001', false],
    ['http://listed.example', '127.0.0.1:10001', false],
    ['http://localhost', '127.0.0.1:10001', false],
    ['http://127.0.0.1.evil.example', '127.0.0.1:10001', false],
    // A name that the page has made lead to this machine.
    ['http://evil.example:10001', 'evil.example:10001', false],
    ['null', '127.0.0.1:10001', false],
    ['', '127.0.0.1:10001', false],
  ];

  test('connect from the same host, or from an origin that is listed', async (t) => {
    const transports = [webSocket({ origins: ['https://listed.example'] })];
    const [node] = await startNodes(t, 1, { options: { transports } });
    for (const [origin, host, allowed] of cases) {
      const status = await statusOf(node.port, { Origin: origin, Host: host });
      assert.match(status, allowed ? / 101 / : / 403 /, `${origin} asks ${host}`);
    }
    const [any] = await startNodes(t, 1, { options: { transports: [webSocket({ origins: ['*'] })] } });
    for (const [origin, host] of cases)
      assert.match(await statusOf(any.port, { Origin: origin, Host: host }), / 101 /);
  });

  test('of the host that the node listens at may use its name', async (t) => {
    const listen = { engine: { name: 'named', host: 'localhost', transport: () => webSocket() } };
    const [node] = await startNodes(t, 1, listen);
    const [page] = await startNodes(t, 1, { options: { transports: [pageTransport('http://localhost:1')] } });
    await (await page.connectWithNode(`ws://localhost:${node.port}`)).deliver('hello');
  });

  test('that may not connect are reported with their origin', async (t) => {
    const [node] = await startNodes(t, 1, { options: both() });
    const [page] = await startNodes(t, 1, {
      options: { transports: [pageTransport('https://evil.example')] },
    });
    await assert.rejects(
      page.connectWithNode(`ws://127.0.0.1:${node.port}`),
      withCode('ERR_CONNECTION_REFUSED', /origin/),
    );
    await node.event('connection_error');
    const { error } = node.of('connection_error')[0]!.data as { error: Error };
    assert.match(
      error.message,
      /pages of https:\/\/evil\.example may not connect: list it in the option origins/,
    );
  });

  test('are limited by their address also on this machine; other nodes there are not', async (t) => {
    const limits = { maxInboundPerAddress: 2 };
    const [node] = await startNodes(t, 1, { options: { limits, ...both() } });
    const pages = await startNodes(t, 3, {
      options: () => ({ transports: [pageTransport('http://127.0.0.1')] }),
    });
    const address = `ws://127.0.0.1:${node.port}`;
    await pages[0].connectWithNode(address);
    await pages[1].connectWithNode(address);
    await assert.rejects(
      pages[2].connectWithNode(address),
      withCode('ERR_NOT_ALLOWED', /maxInboundPerAddress/),
    );
    for (const other of await startNodes(t, 3, { options: both })) await other.connectWithNode(address);
    await until(() => node.nodesInbound.size === 5, 'all are there');
  });

  test('count by the address that a trusted proxy has seen', async (t) => {
    const limits = { maxInboundPerAddress: 1 };
    const transports = [webSocket({ trustedProxies: ['127.0.0.1'] })];
    const [node] = await startNodes(t, 1, { options: { limits, transports } });
    const from = (forwarded: string) => ({
      transports: [pageTransport('http://127.0.0.1', { 'X-Forwarded-For': forwarded })],
    });
    const address = `ws://127.0.0.1:${node.port}`;
    const seen = ['198.51.100.1', '198.51.100.7, 203.0.113.5', '2001:db8::1'];
    const pages = await startNodes(t, 3, { options: (index) => from(seen[index]!) });
    for (const page of pages) await page.connectWithNode(address);
    await until(() => node.allNodes.length === 3, 'all are there');
    const hosts = [...node.nodesInbound].map(({ host }) => host);
    assert.deepEqual(hosts, ['198.51.100.1', '203.0.113.5', '2001:db8::1']);
    const [again] = await startNodes(t, 1, { options: from('203.0.113.9, 203.0.113.5') });
    await assert.rejects(again.connectWithNode(address), withCode('ERR_NOT_ALLOWED'));
  });
});

test('what webSocket() cannot be made of is refused with the rule and the value', () => {
  const wrong: [unknown, string][] = [
    [
      { origin: [] },
      "origin is not an option; did you mean 'origins'? The options are listen, origins, trustedProxies, publicAddresses, onRequest",
    ],
    [
      { origins: 'https://example.org' },
      "webSocket.origins must be a list of texts, not 'https://example.org'",
    ],
    [
      { origins: ['example.org'] },
      "webSocket.origins must hold origins such as 'https://example.org', not 'example.org'",
    ],
    [
      { origins: ['https://example.org/'] },
      "webSocket.origins must hold origins such as 'https://example.org', not 'https://example.org/'",
    ],
    [
      { publicAddresses: ['https://example.org'] },
      "webSocket.publicAddresses must hold addresses such as 'wss://example.org/node', not 'https://example.org'",
    ],
    [{ onRequest: 5 }, 'webSocket.onRequest must be a function, not 5'],
    [{ listen: 'here' }, "webSocket({ listen }) must be a list such as ['127.0.0.1:10001'], not 'here'"],
  ];
  for (const [options, message] of wrong) {
    assert.throws(() => webSocket(options as WebSocketOptions), new TypeError(message));
  }
  const publicAddresses = new Array<string>(5).fill('wss://example.org');
  const tooMany = 'webSocket.publicAddresses must hold at most 4 addresses, not 5';
  assert.throws(() => webSocket({ publicAddresses }), new RangeError(tooMany));
  assert.throws(
    () => tcp({ accept: ['tls', 'websocket'], webSocket: { origin: [] } as object }),
    new TypeError(
      "tcp({ webSocket }).origin is not an option; did you mean 'origins'? The options are origins, trustedProxies, publicAddresses, onRequest",
    ),
  );
  const withoutUse = new TypeError("tcp({ webSocket }) needs 'websocket' in tcp({ accept })");
  assert.throws(() => tcp({ webSocket: {} }), withoutUse);
});
