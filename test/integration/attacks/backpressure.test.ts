import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { brotliCompressSync } from 'node:zlib';
import { FrameKind } from '../../../src/wire/frames/frame.ts';
import { creditBody, decodeCredit, Lane, messageCostBytes } from '../../../src/wire/frames/windows.ts';
import { RawPeer, rawFrame, uint32 } from './support/raw-peer.ts';
import { attackScene } from './support/scene.ts';

const mebibyte = 2 ** 20;
const jsonFormat = 1;
const bytesFormat = 3;
const { message, request, ping, delivered } = FrameKind;

/** What a peer may send of messages, or of requests, before handlers are done with them. */
const windowBytes = 4 * mebibyte;

/** What a message with a body of so many bytes uses up of it. */
const cost = (bytes: number): number => bytes + messageCostBytes;

function times(count: number, bytes: Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, () => bytes));
}

suite('peers that send faster than they are handled', () => {
  const scene = attackScene();

  /** Waits until the victim takes nothing more: what waits here stays the same while it answers others. */
  async function stalled(peer: RawPeer): Promise<void> {
    for (let waiting = -1; waiting !== peer.socket.writableLength; ) {
      waiting = peer.socket.writableLength;
      for (let calls = 0; calls < 10; calls++) await scene.victim.call('stats');
    }
  }

  async function usedMiB(): Promise<number> {
    return (await scene.victim.call('memory')).usedMiB;
  }

  test('messages for a handler that does not end wait up to 4 MiB, and one beyond them ends the connection', async () => {
    const { victim, port } = scene;
    const usedBefore = await usedMiB();
    const { handled } = await victim.call('stats');
    await victim.call('handlers', 'hold');
    const peer = await RawPeer.connect(port);
    const kibibyte = rawFrame(message, Buffer.alloc(1024), { format: bytesFormat });
    peer.write(times(Math.ceil(windowBytes / cost(1024)), kibibyte));
    await peer.synced();
    assert.equal((await victim.call('stats')).handled, handled + 1);
    const grown = (await usedMiB()) - usedBefore;
    assert.ok(grown < 8, `${grown} MiB wait`);
    peer.write(kibibyte);
    assert.equal((await peer.goodbye()).code, 'protocol');
  });

  test('messages far beyond the window cost no more than one beyond it', async () => {
    const { victim, port } = scene;
    const usedBefore = await usedMiB();
    const { handled } = await victim.call('stats');
    await victim.call('handlers', 'hold');
    const ids: string[] = [];
    for (let count = 0; count < 8; count++) {
      const peer = await RawPeer.connect(port);
      ids.push(peer.id);
      const piece = rawFrame(message, Buffer.alloc(64 * 1024), { format: bytesFormat });
      for (let sent = 0; sent < 64 && !peer.socket.destroyed; sent++) await peer.writeAll(times(16, piece));
      await peer.closed;
    }
    assert.equal((await victim.call('stats')).handled, handled + 8);
    const grown = (await usedMiB()) - usedBefore;
    assert.ok(grown < 16, `${grown} MiB are left`);
    // The end is told once the handler is done that still runs.
    await victim.call('handlers', 'prompt');
    for (const id of ids) assert.equal((await victim.event('disconnected', id)).code, 'protocol by us');
  });

  test('a peer that keeps to its window loses nothing, and costs no more than it', async () => {
    const { victim, port } = scene;
    const usedBefore = await usedMiB();
    const { handled } = await victim.call('stats');
    await victim.call('handlers', 'slow');
    const peer = await RawPeer.connect(port);
    const bytes = 16 * 1024;
    const one = rawFrame(message, Buffer.alloc(bytes), { format: bytesFormat });
    const count = 192 * 64;
    let granted = windowBytes;
    for (let sent = 0; sent < count; sent++) {
      while (sent * cost(bytes) >= granted) {
        const { lane, position } = decodeCredit((await peer.next(FrameKind.credit)).body);
        assert.equal(lane, Lane.messages);
        assert.ok(position > granted);
        granted = position;
      }
      await peer.writeAll(one);
      if (sent % 1_024 === 0) {
        const grown = (await usedMiB()) - usedBefore;
        assert.ok(grown < 24, `${grown} MiB are held after ${sent} messages`);
      }
    }
    peer.write(
      rawFrame(FrameKind.deliver, Buffer.concat([uint32(1), Buffer.alloc(1)]), { format: bytesFormat }),
    );
    await peer.next(delivered);
    assert.equal((await victim.call('stats')).handled, handled + count + 1, 'nothing is lost');
  });

  test('small messages do not hold the large pieces of memory that they came in', async () => {
    const { victim, port } = scene;
    const usedBefore = await usedMiB();
    const { handled } = await victim.call('stats');
    await victim.call('handlers', 'hold');
    const peer = await RawPeer.connect(port);
    // What nobody asked for costs nothing and waits for nothing, but fills the TLS record of 16 KiB.
    const fill = times(1360, rawFrame(delivered, uint32(1)));
    const record = Buffer.concat([rawFrame(message, 'x', { format: bytesFormat }), fill]);
    for (let count = 0; count < 2_000; count++) await peer.writeAll(record);
    await peer.synced();
    const grown = (await usedMiB()) - usedBefore;
    assert.equal((await victim.call('stats')).handled, handled + 1);
    assert.ok(grown < 8, `single bytes hold ${grown} MiB`);
  });

  test('64 requests wait for their answer at once, 4 MiB of others wait, and one beyond them ends the connection', async () => {
    const { victim, port } = scene;
    const usedBefore = await usedMiB();
    await victim.call('handlers', 'hold');
    const peer = await RawPeer.connect(port);
    const one = rawFrame(request, Buffer.concat([uint32(1), Buffer.alloc(1_000)]), { format: bytesFormat });
    peer.write(times(Math.ceil(windowBytes / cost(1_004)), one));
    await peer.synced();
    assert.equal((await victim.call('stats')).held, 64);
    const grown = (await usedMiB()) - usedBefore;
    assert.ok(grown < 8, `${grown} MiB wait`);
    peer.write(one);
    assert.equal((await peer.goodbye()).code, 'protocol');
  });

  test('small requests do not hold the large pieces of memory that they came in', async () => {
    const { victim, port } = scene;
    const usedBefore = await usedMiB();
    await victim.call('handlers', 'hold');
    const peer = await RawPeer.connect(port);
    const fill = times(1360, rawFrame(delivered, uint32(1)));
    const record = Buffer.concat([rawFrame(request, uint32(1), { format: bytesFormat }), fill]);
    for (let count = 0; count < 2_000; count++) await peer.writeAll(record);
    await peer.synced();
    assert.equal((await victim.call('stats')).held, 64);
    const grown = (await usedMiB()) - usedBefore;
    assert.ok(grown < 16, `2,000 requests hold ${grown} MiB`);
  });

  test('frames of a protocol that is not done with them wait up to 4 MiB, and one beyond them ends the connection', async () => {
    const { victim, port } = scene;
    const usedBefore = await usedMiB();
    const { handled } = await victim.call('stats');
    await victim.call('handlers', 'hold');
    const peer = await RawPeer.connect(port, { protocols: ['victim/1'] });
    const one = rawFrame(FrameKind.protocol, Buffer.alloc(1_000));
    const count = Math.ceil(windowBytes / cost(1_000));
    peer.write(times(count, one));
    await peer.synced();
    assert.equal((await victim.call('stats')).handled, handled + count);
    const grown = (await usedMiB()) - usedBefore;
    assert.ok(grown < 16, `${grown} MiB are in its hands`);
    peer.write(one);
    assert.equal((await peer.goodbye()).code, 'protocol');
  });

  test('frames of a protocol do not hold the large pieces of memory that they came in', async () => {
    const { victim, port } = scene;
    const usedBefore = await usedMiB();
    await victim.call('handlers', 'hold');
    const peer = await RawPeer.connect(port, { protocols: ['victim/1'] });
    const fill = times(1360, rawFrame(delivered, uint32(1)));
    const record = Buffer.concat([rawFrame(FrameKind.protocol, Buffer.alloc(100)), fill]);
    for (let sent = 0; sent < 2_000; sent++) await peer.writeAll(record);
    await peer.synced();
    const grown = (await usedMiB()) - usedBefore;
    assert.ok(grown < 16, `2,000 frames hold ${grown} MiB`);
  });

  test('requests count by what they hold when decompressed', async () => {
    const { victim, port } = scene;
    await victim.call('handlers', 'hold');
    const peer = await RawPeer.connect(port);
    const bomb = Buffer.concat([uint32(1), brotliCompressSync(Buffer.alloc(16 * mebibyte))]);
    const beganAt = performance.now();
    peer.write(times(200, rawFrame(request, bomb, { format: bytesFormat, compression: 2 })));
    await stalled(peer);
    let held = 0;
    while (held === 0) ({ held } = await victim.call('stats'));
    // Where nothing bounds them, another comes in the time that the first one took.
    const tookMs = performance.now() - beganAt;
    for (const end = performance.now() + 5 * tookMs + 500; performance.now() < end; ) {
      ({ held } = await victim.call('stats'));
    }
    assert.ok(held <= 4, `${held} requests of 16 MiB are under way`);
  });
});

suite('peers whose messages waited for a slow handler', () => {
  const scene = attackScene();

  test('small messages that waited for a slow handler are handled in turns with everything else', async () => {
    const { victim, port } = scene;
    const { handled } = await victim.call('stats');
    await victim.call('handlers', 'hold');
    const count = Math.floor(windowBytes / cost(4));
    const peers: RawPeer[] = [];
    while (peers.length < 3) {
      const peer = await RawPeer.connect(port);
      peer.write(times(count, rawFrame(message, '[[]]', { format: jsonFormat })));
      await peer.synced();
      peers.push(peer);
    }
    await victim.call('longestTurnMs');
    await victim.call('handlers', 'prompt');
    for (const peer of peers) {
      const body = Buffer.concat([uint32(1), Buffer.from('null')]);
      peer.write(rawFrame(FrameKind.deliver, body, { format: jsonFormat }));
    }
    await Promise.all(peers.map((peer) => peer.next(delivered)));
    const longestMs = await victim.call('longestTurnMs');
    assert.equal((await victim.call('stats')).handled, handled + peers.length * (count + 1));
    assert.ok(longestMs < 60, `the event loop stood still for ${longestMs} ms`);
  });
});

suite('peers that do not read', () => {
  const scene = attackScene();

  test('pings', async () => {
    const peer = await RawPeer.connect(scene.port);
    peer.turnDeaf();
    const pings = times(10_000, rawFrame(ping, uint32(1)));
    while (!peer.socket.destroyed) await peer.writeAll(pings);
    assert.equal((await scene.victim.event('disconnected', peer.id)).code, 'overload by us');
  });

  test('requests', async () => {
    const peer = await RawPeer.connect(scene.port);
    peer.turnDeaf();
    const question = rawFrame(request, Buffer.alloc(100_000), { format: bytesFormat });
    while (!peer.socket.destroyed) await peer.writeAll(question);
    assert.equal((await scene.victim.event('disconnected', peer.id)).code, 'overload by us');
  });

  test('messages: send returns false, then throws, and nothing is lost', async () => {
    const { victim, port } = scene;
    const peer = await RawPeer.connect(port);
    peer.turnDeaf();
    const bytes = 100_000;
    const { accepted, congestedAfter, code } = await victim.call('sendUntilRefused', { id: peer.id, bytes });
    assert.equal(code, 'ERR_QUEUE_FULL');
    const highWater = congestedAfter * bytes;
    assert.ok(highWater >= mebibyte && highWater < 2 * mebibyte, `false after ${highWater} bytes`);
    const taken = accepted * bytes;
    assert.ok(taken > 31 * mebibyte && taken < 35 * mebibyte, `refused after ${taken} bytes`);

    peer.socket.resume();
    peer.write(rawFrame(FrameKind.credit, creditBody(Lane.messages, 2 ** 40)));
    for (let count = 0; count < accepted; count++) {
      assert.equal((await peer.next(message)).body.length, bytes);
    }
  });
});
