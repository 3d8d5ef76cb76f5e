import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { suite, test } from 'node:test';
import { Identity, Node } from '../../../src/index.ts';
import { FrameFlag, FrameKind } from '../../../src/wire/frames/frame.ts';
import { RawPeer, rawFrame, rawSocket, reset, uint32 } from './support/raw-peer.ts';
import { attackScene } from './support/scene.ts';

const { message, response, failure, delivered, goodbye, ping, pong } = FrameKind;

async function openSockets(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    // In lots that the system's own queue of new connections can hold.
    const lot = Array.from({ length: 100 }, () => rawSocket(port));
    await Promise.all(lot.map((socket) => once(socket, 'connect')));
    sockets.push(...lot);
  }
  return sockets;
}

/** How many connections, and other files, this process may have. */
function maxOpenFiles(): number {
  const { userLimits } = process.report.getReport() as {
    userLimits?: { open_files: { soft: number | string } };
  };
  const soft = Number(userLimits?.open_files.soft ?? 4_096);
  return Number.isNaN(soft) ? Number.POSITIVE_INFINITY : soft; // the word 'unlimited'
}

/** A node comes new, asks, and leaves. */
async function visit(port: number): Promise<void> {
  await using node = new Node('127.0.0.1', 0);
  await node.start();
  const victim = await node.connectWithNode('127.0.0.1', port, { timeoutMs: 60_000 });
  assert.equal(await victim.request('may I come in?'), 'may I come in?');
}

suite('floods of connections', () => {
  const scene = attackScene();

  test('2,000 silent sockets keep nobody out', async () => {
    await openSockets(scene.port, 2_000);
    await visit(scene.port);
  });

  test('nor do 3,000 that dribble a byte of TLS each now and then', async (t) => {
    const count = Math.min(3_000, maxOpenFiles() - 1_000);
    if (count < 3_000) t.diagnostic(`${count} connections: the system lets this process open no more`);
    const record = Buffer.concat([Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]), Buffer.alloc(500)]);
    let alive: { readonly socket: Socket; sent: number }[] = [];
    for (let opened = 0; opened < count; opened += 100) {
      const lot = (await openSockets(scene.port, 100)).map((socket) => ({ socket, sent: 0 }));
      alive = [...alive.filter(({ socket }) => !socket.destroyed), ...lot];
      for (const one of alive) one.socket.write(record.subarray(one.sent, ++one.sent));
      if (opened % 1_000 === 0) await visit(scene.port);
    }
    await visit(scene.port);
  });

  test('nor do 2,000 that stop in the middle of the TLS handshake', async () => {
    for (const socket of await openSockets(scene.port, 2_000))
      socket.write(Uint8Array.of(0x16, 3, 1, 2, 0, 1));
    await visit(scene.port);
  });

  test('nor do sockets that are gone before their turn', async () => {
    for (let round = 0; round < 2; round++) {
      const silent = await openSockets(scene.port, 100);
      // Those that wait for their turn.
      for (const socket of silent.slice(32)) reset(socket);
      await scene.victim.call('stats');
      await visit(scene.port);
    }
  });

  test('connections that come and go leave nothing behind', async () => {
    const { victim, port } = scene;
    const comeAndGo = async (): Promise<void> => {
      const peer = await RawPeer.connect(port);
      peer.write(rawFrame(message, 'x'.repeat(10_000), { format: 2 }));
      await peer.synced();
      peer.reset();
      await victim.event('disconnected', peer.id);
    };
    for (let count = 0; count < 20; count++) await comeAndGo();
    const { usedMiB } = await victim.call('memory');
    for (let count = 0; count < 100; count++) await comeAndGo();
    const grown = (await victim.call('memory')).usedMiB - usedMiB;
    assert.ok(grown < 3, `100 connections left ${grown} MiB`);
    assert.equal((await victim.call('stats')).connections, 1);
  });
});

suite('floods of farewells and pings', () => {
  const scene = attackScene();

  test('goodbyes in a loop: one ends the connection, and the next connection is as good as the first', async () => {
    const { victim, port } = scene;
    const identity = Identity.generate();
    const farewells = Buffer.concat(
      Array.from({ length: 10_000 }, () => rawFrame(goodbye, '{"code":"disconnected"}')),
    );
    for (let round = 0; round < 30; round++) {
      const peer = await RawPeer.connect(port, {}, identity);
      peer.write(farewells);
      await peer.closed;
      assert.equal((await victim.event('disconnected', peer.id)).code, 'disconnected by them');
      assert.equal((await victim.call('stats')).connections, 1);
      await victim.event('connected', peer.id);
      for (const name of ['connected', 'disconnected'])
        assert.equal(victim.count(name, peer.id), 0, `'${name}' is told once`);
    }
  });

  test('pings in a loop are all answered', async () => {
    const peer = await RawPeer.connect(scene.port);
    const lot = Buffer.concat(Array.from({ length: 1_000 }, () => rawFrame(ping, uint32(1))));
    for (let rounds = 0; rounds < 50; rounds++) {
      await peer.writeAll(lot);
      for (let pongs = 0; pongs < 1_000; pongs++) await peer.next(pong);
    }
  });
});

suite('floods of peers', () => {
  const maxConnections = 10;
  // The handshake would end nobody here in time.
  const scene = attackScene({ maxConnections, limits: { handshakeTimeoutMs: 600_000 } });

  test('past maxConnections each is told so, and may come when another leaves', async () => {
    const peers: RawPeer[] = [];
    for (let count = 1; count < maxConnections; count++) peers.push(await RawPeer.connect(scene.port));
    for (let count = 0; count < 20; count++) {
      const peer = await RawPeer.dial(scene.port);
      assert.equal((await peer.goodbye()).code, 'full');
    }
    const [first] = peers;
    first!.write(rawFrame(goodbye, '{"code":"disconnected"}'));
    await first!.closed;
    await RawPeer.connect(scene.port);
    assert.equal((await scene.victim.call('stats')).connections, maxConnections);
  });

  test('those who are refused cannot stay by saying nothing', async () => {
    for (let count = 1; count < maxConnections; count++) await RawPeer.connect(scene.port);
    const silent = await Promise.all(Array.from({ length: 30 }, () => RawPeer.dial(scene.port)));
    await Promise.all(silent.map(({ closed }) => closed));
  });
});

suite('lengths that lie', () => {
  const scene = attackScene({ maxGrowthMiB: 96 });

  test('100 peers that each announce 16 MiB and send a kilobyte cost no memory', async () => {
    const { victim, port } = scene;
    const beginning = Buffer.concat([uint32(2 ** 24), Buffer.alloc(1024)]);
    for (let count = 0; count < 100; count++) {
      const peer = await RawPeer.connect(port);
      peer.write(rawFrame(message, beginning, { format: 3, flags: FrameFlag.more }));
      await peer.synced();
      peer.write(rawFrame(FrameKind.part, 'x', { flags: FrameFlag.more, length: 256 * 1024 }));
    }
    assert.equal((await victim.call('stats')).connections, 101);
  });
});

suite('floods of frames', () => {
  const scene = attackScene();

  test('a million tiny frames', async () => {
    const peer = await RawPeer.connect(scene.port);
    const lot = Buffer.concat(Array.from({ length: 10_000 }, () => rawFrame(message, '', { format: 2 })));
    for (let count = 0; count < 50; count++) await peer.writeAll(lot);
    const pongs = Buffer.concat(Array.from({ length: 10_000 }, () => rawFrame(pong, uint32(1))));
    for (let count = 0; count < 50; count++) await peer.writeAll(pongs);
    await peer.synced();
    assert.equal((await scene.victim.call('stats')).handled, 500_000);
  });

  for (const [name, kind] of Object.entries({ response, failure, delivered })) {
    test(`60,000 frames of the kind ${name} that answer nothing are passed over, and nothing of them is kept`, async () => {
      const { victim, port } = scene;
      const before = await victim.call('memory');
      const peer = await RawPeer.connect(port);
      for (let first = 0; first < 60_000; first += 2_000) {
        const answers = Array.from({ length: 2_000 }, (_, index) =>
          rawFrame(kind, Buffer.concat([uint32(first + index), Buffer.alloc(200, 'x')]), { format: 2 }),
        );
        await peer.writeAll(Buffer.concat(answers));
      }
      await peer.synced();
      const grown = (await victim.call('memory')).usedMiB - before.usedMiB;
      assert.ok(grown < 8, `${grown} MiB are kept`);
      assert.equal(victim.count('disconnected', peer.id), 0);
      assert.equal(victim.count('rejected', peer.id), 0);
    });
  }

  test('a message in a million pieces', async () => {
    const { victim, port } = scene;
    const { handled } = await victim.call('stats');
    const peer = await RawPeer.connect(port);
    const total = 1_000_000;
    const first = Buffer.concat([uint32(total), Buffer.from('x')]);
    peer.write(rawFrame(message, first, { format: 2, flags: FrameFlag.more }));
    const piece = rawFrame(FrameKind.part, 'x', { flags: FrameFlag.more });
    const lot = Buffer.concat(Array.from({ length: 10_000 }, () => piece));
    for (let sent = 1; sent + 10_000 < total; sent += 10_000) await peer.writeAll(lot);
    peer.write(Buffer.concat(Array.from({ length: 9_998 }, () => piece)), rawFrame(FrameKind.part, 'x'));
    await peer.synced();
    assert.equal((await victim.call('stats')).handled, handled + 1);
  });
});
