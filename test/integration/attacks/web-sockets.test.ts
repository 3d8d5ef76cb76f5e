import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { suite, test } from 'node:test';
import { Node, webSocket } from '../../../src/index.ts';
import { FrameKind } from '../../../src/wire/frames/frame.ts';
import {
  clientFrame,
  opcodes,
  recordKinds,
  requestOf,
  type SecondWebSocket,
} from '../../compliance/protocol/second-web-socket.ts';
import { turn, within } from '../../support/turns.ts';
import { rawFrame, rawSocket, uint32 } from './support/raw-peer.ts';
import { attackScene } from './support/scene.ts';
import { connectWebSocket, openWebSocket, type WebSocketPeer } from './support/web-socket-peer.ts';

/** Less than the time in which a handshake must be done. */
const soonMs = 8_000;

const isOver = (socket: Socket): Promise<void> =>
  socket.closed
    ? Promise.resolve()
    : new Promise((resolve) => socket.resume().once('close', () => resolve()));

async function visit(port: number): Promise<void> {
  await using node = new Node('127.0.0.1', 0, { transports: [webSocket({ listen: [] })] });
  await node.start();
  const victim = await node.connectWithNode(`ws://127.0.0.1:${port}`, { timeoutMs: 60_000 });
  assert.equal(await victim.request('may I come in?'), 'may I come in?');
}

suite('WebSockets under attack', () => {
  /** So long that nothing here ends by it. */
  const scene = attackScene({ websocket: true, limits: { handshakeTimeoutMs: 600_000 } });

  const requests: Record<string, string> = {
    'a head of more than 8 KiB': `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(9_000)}`,
    '10,000 headers': `GET / HTTP/1.1\r\n${'a: b\r\n'.repeat(10_000)}`,
    'a method that is none': 'GET \0',
    'an upgrade to something else':
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n',
    'an upgrade without a key':
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    'an upgrade by a page of another host': requestOf({ headers: { Origin: 'https://evil.example' } }),
    'a plain request with a body of a gigabyte':
      'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n',
    'requests one after the other': 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(1_000),
  };
  for (const [name, request] of Object.entries(requests)) {
    test(`${name}: answered or not, the connection ends`, async () => {
      const socket = rawSocket(scene.port);
      socket.write(request);
      await within(isOver(socket), 'the victim ends it', soonMs);
    });
  }

  const openings: Record<string, (webSocket: SecondWebSocket) => void> = {
    'a first message of random bytes': (one) => one.send(opcodes.binary, randomBytes(48)),
    'a key of small order': (one) => one.send(opcodes.binary, Buffer.alloc(32)),
    'an empty message': (one) => one.send(opcodes.binary),
    'a first message of 60 KB': (one) => one.send(opcodes.binary, randomBytes(60_000)),
    'a message that is announced and does not come': (one) =>
      one.carrier.write(Buffer.concat([clientFrame(opcodes.binary, randomBytes(9_000), { length: 65_535 })])),
    'a gigabyte that is announced': (one) => one.send(opcodes.binary, Buffer.alloc(8), { length: 2 ** 30 }),
    'a frame that is not masked': (one) => one.send(opcodes.binary, randomBytes(32), { isMasked: false }),
    'a frame of a reserved kind': (one) => one.send(3, randomBytes(32)),
    'a compressed frame': (one) => one.send(0x40 | opcodes.binary, randomBytes(32)),
    'a continuation of nothing': (one) => one.send(opcodes.continuation, randomBytes(32)),
    'a close in fragments': (one) => one.send(opcodes.close, Buffer.alloc(0), { isLast: false }),
    'empty fragments without end': (one) => {
      one.send(opcodes.binary, Buffer.alloc(0), { isLast: false });
      const fragment = clientFrame(opcodes.continuation, Buffer.alloc(0), { isLast: false });
      one.carrier.write(Buffer.concat(Array(2_000).fill(fragment)));
    },
    'twenty messages at once': (one) => {
      one.carrier.write(
        Buffer.concat(Array.from({ length: 20 }, () => clientFrame(opcodes.binary, randomBytes(32)))),
      );
    },
  };
  for (const [name, attack] of Object.entries(openings)) {
    test(`${name}: the connection ends`, async () => {
      const webSocket = await openWebSocket(scene.port);
      attack(webSocket);
      // It cannot be kept open either.
      if (name === 'a key of small order') webSocket.send(opcodes.binary, Buffer.alloc(192));
      await within(webSocket.closed, 'the victim ends it', soonMs);
    });
  }

  test('hundreds that make the node compute keys hold up nobody', async () => {
    for (let round = 0; round < 6; round++) {
      const lot = await Promise.all(Array.from({ length: 25 }, () => openWebSocket(scene.port)));
      for (const one of lot) {
        one.send(opcodes.binary, randomBytes(32));
        one.send(opcodes.binary, randomBytes(192));
      }
      await Promise.all(lot.map(({ closed }) => closed));
    }
    await visit(scene.port);
  });

  suite('strangers that come as pages of this machine', () => {
    test('have 4 places for handshakes, and keep nobody else out', async () => {
      const page = { headers: { Origin: 'http://localhost', Host: 'localhost' } };
      const pages = await Promise.all(Array.from({ length: 4 }, () => openWebSocket(scene.port, page)));
      const fifth = await openWebSocket(scene.port, page);
      await within(fifth.closed, 'the fifth is dropped', soonMs);
      assert.ok(pages.every(({ carrier }) => !carrier.destroyed));
      await visit(scene.port);
    });

    test('have 8 connections, and keep nobody else out', async () => {
      const page = { headers: { Origin: 'http://127.0.0.1:8080' } };
      for (let count = 0; count < 8; count++) await connectWebSocket(scene.port, page);
      await assert.rejects(connectWebSocket(scene.port, page));
      await visit(scene.port);
    });
  });

  suite('requests for pages', () => {
    test('whose answers nobody reads: 64 connections stay, and then the first one ends', async () => {
      const sockets: Socket[] = [];
      for (let count = 0; count < 200; count++) {
        const socket = rawSocket(scene.port);
        socket.pause().write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
        sockets.push(socket);
        if (count % 20 === 0) await once(socket, 'connect');
      }
      await visit(scene.port);
    });
  });

  suite('peers over a WebSocket', () => {
    const breaches: Record<string, (peer: WebSocketPeer) => void> = {
      'pings in a loop': ({ webSocket }) => {
        webSocket.carrier.write(
          Buffer.concat(Array(10_000).fill(clientFrame(opcodes.ping, randomBytes(125)))),
        );
      },
      'pongs in a loop': ({ webSocket }) => {
        webSocket.carrier.write(Buffer.concat(Array(10_000).fill(clientFrame(opcodes.pong))));
      },
      'a message in 300 fragments': ({ webSocket }) => {
        webSocket.send(opcodes.binary, Buffer.of(1), { isLast: false });
        const fragment = clientFrame(opcodes.continuation, Buffer.of(1), { isLast: false });
        webSocket.carrier.write(Buffer.concat(Array(300).fill(fragment)));
      },
      'empty fragments without end': ({ webSocket }) => {
        webSocket.send(opcodes.binary, Buffer.alloc(0), { isLast: false });
        const fragment = clientFrame(opcodes.continuation, Buffer.alloc(0), { isLast: false });
        webSocket.carrier.write(Buffer.concat(Array(400_000).fill(fragment)));
      },
      'a text message': ({ webSocket }) => webSocket.send(opcodes.text, Buffer.from('{}')),
      'a record that was altered': ({ webSocket }) => webSocket.send(opcodes.binary, randomBytes(1_000)),
      'credit in a loop': ({ link }) => {
        for (let count = 0; count < 10_000; count++) link.record(recordKinds.credit, uint32(257));
      },
      'empty records in a loop': ({ link }) => {
        for (let count = 0; count < 1_000; count++) link.record(recordKinds.data);
      },
    };
    for (const [name, attack] of Object.entries(breaches)) {
      test(`that send ${name} are dropped, and the reason is given`, async () => {
        const attacker = await connectWebSocket(scene.port);
        attack(attacker);
        await within(attacker.webSocket.closed, 'the victim drops it', soonMs);
        const { code } = await scene.victim.event('disconnected', attacker.peer.id);
        assert.equal(code, 'lost by link');
      });
    }

    test('may ping 32 times at once', async () => {
      const { webSocket, peer } = await connectWebSocket(scene.port);
      for (let count = 0; count < 32; count++) webSocket.send(opcodes.ping);
      await peer.synced();
    });

    test('that never answer the end are gone soon after it', async () => {
      const { webSocket, link } = await connectWebSocket(scene.port);
      webSocket.handTo(() => {});
      link.record(recordKinds.end);
      await within(webSocket.closed, 'the victim ends it', soonMs);
    });

    test('that give no credit, as a page that sleeps, cost the queue of their connection and no more', async () => {
      const { peer, link } = await connectWebSocket(scene.port);
      link.givesCredit = false;
      const { accepted, code } = await scene.victim.call('sendUntilRefused', { id: peer.id, bytes: 100_000 });
      assert.equal(code, 'ERR_QUEUE_FULL');
      assert.ok(accepted * 100_000 < 40_000_000, `${accepted} messages`);
      assert.ok(link.receivedCost <= 1_048_576);
      peer.reset();
    });

    test('that read nothing cost no more', async () => {
      const { peer, webSocket } = await connectWebSocket(scene.port);
      webSocket.carrier.pause();
      const { code } = await scene.victim.call('sendUntilRefused', { id: peer.id, bytes: 100_000 });
      assert.equal(code, 'ERR_QUEUE_FULL');
      peer.reset();
    });
  });

  suite('tiny records over WebSockets', () => {
    test('of 4 peers that each ask 4,000 questions at once hold up nobody else, and all are answered', async () => {
      const attackers: WebSocketPeer[] = [];
      for (let count = 0; count < 4; count++) attackers.push(await connectWebSocket(scene.port));
      for (const { peer, webSocket } of attackers) {
        webSocket.carrier.cork();
        for (let number = 0; number < 4_000; number++) {
          const question = Buffer.concat([uint32(number), Buffer.from('x')]);
          peer.write(rawFrame(FrameKind.request, question, { format: 2 }));
          if (number % 500 === 0) await turn();
        }
      }
      await scene.attackBegins();
      for (const { webSocket } of attackers) webSocket.carrier.uncork();
      for (const { peer } of attackers) {
        for (let answers = 0; answers < 4_000; answers++) await peer.next(FrameKind.response);
      }
    });
  });
});

suite('strangers that ask for a WebSocket, and take their time', () => {
  const handshakeTimeoutMs = 1_000;
  const scene = attackScene({ websocket: true, limits: { handshakeTimeoutMs } });

  const beginnings: Record<string, string> = {
    'the beginning of a method': 'GE',
    'a request without an end': 'GET / HTTP/1.1\r\nHost: a\r\n',
    'a WebSocket that says nothing': requestOf(),
  };
  for (const [name, beginning] of Object.entries(beginnings)) {
    test(`${name}: the time limit holds`, async () => {
      const startedAt = performance.now();
      const socket = rawSocket(scene.port);
      socket.write(beginning);
      await isOver(socket);
      assert.ok(performance.now() - startedAt >= handshakeTimeoutMs - 5);
    });
  }

  for (const [name, bytes] of [
    ['a request', Buffer.from(requestOf({ path: `/${'x'.repeat(4_000)}` }))],
    ['a message', Buffer.concat([Buffer.from(requestOf()), clientFrame(opcodes.binary, randomBytes(4_000))])],
  ] as const) {
    test(`a byte of ${name} now and then does not stretch the time limit`, async (t) => {
      const socket = rawSocket(scene.port);
      const from = name === 'a message' ? requestOf().length : 0;
      socket.write(bytes.subarray(0, from));
      let sent = from;
      const dribble = setInterval(() => socket.write(bytes.subarray(sent, ++sent)), handshakeTimeoutMs / 20);
      t.after(() => clearInterval(dribble));
      await isOver(socket);
      assert.ok(sent > from + 1 && sent < from + 200, `${sent - from} bytes were sent`);
    });
  }

  test('500 of them keep nobody out', async () => {
    const sockets: Socket[] = [];
    for (let count = 0; count < 500; count++) {
      const socket = rawSocket(scene.port);
      socket.write([...Object.values(beginnings)][count % 3]!);
      sockets.push(socket);
    }
    await visit(scene.port);
    await Promise.all(sockets.map(isOver));
  });
});
