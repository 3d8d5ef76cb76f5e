import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { FrameKind } from '../../src/wire/frames/frame.ts';
import { streamDataHeaderBytes } from '../../src/wire/frames/stream-frames.ts';
import { RawPeer, rawFrame, uint32 } from './attacks/support/raw-peer.ts';
import { attackScene } from './attacks/support/scene.ts';

const { streamOpen, streamData, streamCredit, streamEnd, streamAbort, deliver, delivered } = FrameKind;
const window = 256 * 1024;
const bytesFormat = { format: 3 };

function open(id: number, header: Uint8Array = Buffer.alloc(0)): Buffer {
  return rawFrame(streamOpen, Buffer.concat([uint32(id), uint32(window), header]), bytesFormat);
}

function data(id: number, length: number): Buffer {
  return rawFrame(streamData, Buffer.concat([uint32(id), Buffer.alloc(length)]));
}

/** Odd numbers from 1: those of the streams that a dialler opens. */
function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => 2 * index + 1);
}

/** Waits until everything that was written has been handled as well, not only read. */
async function handled(peer: RawPeer): Promise<void> {
  peer.write(rawFrame(deliver, Buffer.concat([uint32(4_711), Buffer.alloc(1)]), bytesFormat));
  await peer.next(delivered);
}

suite('peers that misuse streams', () => {
  const scene = attackScene();

  const breaches: Record<string, { frames: Buffer[]; reason: RegExp }> = {
    'a number that is the other side’s to give': { frames: [open(2)], reason: /opened with the number 2/ },
    'a number twice': { frames: [open(1), open(1)], reason: /opened with the number 1/ },
    'more data than the window': {
      frames: [open(1), data(1, 200_000), data(1, 200_000)],
      reason: /more data of a stream than its window|where none is allowed/,
    },
    'credit beyond all bounds': {
      frames: [open(1), rawFrame(streamCredit, Buffer.concat([uint32(1), uint32(2 ** 32 - 1)]))],
      reason: /credit of a stream grew to \d+ bytes/,
    },
    'data that is cut like a message': {
      frames: [open(1), rawFrame(streamData, Buffer.concat([uint32(10), uint32(1)]), { flags: 1 })],
      reason: /only messages may be cut/,
    },
  };
  for (const [name, { frames, reason }] of Object.entries(breaches)) {
    test(`${name} ends the connection, with the reason`, async () => {
      await scene.victim.call('handlers', 'hold');
      const peer = await RawPeer.connect(scene.port);
      peer.write(...frames);
      const { code, message } = await peer.goodbye();
      assert.equal(code, 'protocol');
      assert.match(message, reason);
    });
  }

  test('data behind the end ends the connection', async () => {
    await scene.victim.call('handlers', 'hold');
    const peer = await RawPeer.connect(scene.port);
    peer.write(open(1));
    await peer.next(streamCredit);
    peer.write(rawFrame(streamEnd, uint32(1)), data(1, 1));
    assert.match((await peer.goodbye()).message, /where none is allowed/);
  });

  test('256 streams that nobody reads cost their windows, and the next one is refused', async () => {
    const { victim, port } = scene;
    await victim.call('handlers', 'hold');
    const { usedMiB } = await victim.call('memory');
    const peer = await RawPeer.connect(port);
    peer.write(...numbers(256).map((id) => open(id)));
    for (const _ of numbers(256)) await peer.next(streamCredit);
    // As many tiny frames as the window allows: what they hold is more than what they carry.
    const tiny = Math.floor(window / 4 / (streamDataHeaderBytes + 1));
    const large = (window * 3) / 4 - streamDataHeaderBytes;
    for (const id of numbers(256)) {
      const frames = Array.from({ length: tiny }, () => data(id, 1));
      await peer.writeAll(Buffer.concat([...frames, data(id, large)]));
    }
    peer.write(open(1_001), data(1_001, 100), rawFrame(streamEnd, uint32(1_001)));
    const refusal = await peer.next(streamAbort);
    assert.deepEqual(refusal.body.subarray(0, 4), new Uint8Array(uint32(1_001)));
    assert.equal(JSON.parse(Buffer.from(refusal.body.subarray(4)).toString()).code, 'limit');
    await peer.synced();
    const grown = (await victim.call('memory')).usedMiB - usedMiB;
    assert.ok(grown > 40 && grown < 80, `256 windows of 256 KiB hold ${grown} MiB`);

    const { streamBytes } = await victim.call('stats');
    await victim.call('handlers', 'prompt');
    for (const id of numbers(256)) peer.write(rawFrame(streamEnd, uint32(id)));
    for (const _ of numbers(256)) await peer.next(streamEnd);
    assert.equal(
      (await victim.call('stats')).streamBytes - streamBytes,
      256 * (tiny + large),
      'nothing is lost',
    );
  });

  test('streams opened in a loop are refused, and the connection ends when no refusal is read', async () => {
    const { victim, port } = scene;
    await victim.call('handlers', 'hold');
    const peer = await RawPeer.connect(port);
    peer.turnDeaf();
    for (let id = 1; !peer.socket.destroyed; id += 2_000) {
      await peer.writeAll(Buffer.concat(numbers(1_000).map((offset) => open(id + offset - 1))));
    }
    const { code, message } = await victim.event('disconnected', peer.id);
    assert.equal(code, 'protocol by us');
    assert.match(message, /does not read the refusals/);
  });

  test('streams opened and aborted in a loop hold nothing', async () => {
    const { victim, port } = scene;
    const peer = await RawPeer.connect(port);
    const { streams } = await victim.call('stats');
    const batch = 100;
    const rounds = 200;
    const ids = numbers(batch * rounds);
    const { usedMiB } = await victim.call('memory');
    for (let round = 0; round < rounds; round++) {
      const frames = ids
        .slice(round * batch, (round + 1) * batch)
        .flatMap((id) => [
          open(id, Buffer.alloc(1_000)),
          rawFrame(streamAbort, Buffer.concat([uint32(id), Buffer.from('{"code":"aborted","message":"x"}')])),
        ]);
      await peer.writeAll(Buffer.concat(frames));
    }
    await handled(peer);
    const after = await victim.call('stats');
    assert.ok(after.streams > streams);
    assert.equal(after.failures, 0, 'an abort of the other side is no failure of the handler');
    const grown = (await victim.call('memory')).usedMiB - usedMiB;
    assert.ok(grown < 4, `${grown} MiB are held`);
    assert.equal(peer.socket.closed, false);
  });

  test('frames of streams that never were are passed over', async () => {
    const peer = await RawPeer.connect(scene.port);
    const abort = Buffer.concat([uint32(7), Buffer.from('{}')]);
    for (let count = 0; count < 100; count++) {
      peer.write(data(7, 10_000), rawFrame(streamEnd, uint32(8)), rawFrame(streamAbort, abort));
      peer.write(rawFrame(streamCredit, Buffer.concat([uint32(9), uint32(1)])));
    }
    await handled(peer);
  });

  test('a header that cannot be decoded, or unfolds when decompressed, is refused', async () => {
    const { victim, port } = scene;
    const peer = await RawPeer.connect(port);
    const { streams, rejected } = await victim.call('stats');
    const bodies = [Buffer.from('{"no'), Buffer.from('['.repeat(60_000))];
    for (const [index, header] of bodies.entries()) {
      const body = Buffer.concat([uint32(2 * index + 1), uint32(window), header]);
      peer.write(rawFrame(streamOpen, body, { format: 1 }));
    }
    peer.write(
      rawFrame(streamOpen, Buffer.concat([uint32(5), uint32(window), Buffer.alloc(50)]), {
        format: 3,
        compression: 2,
      }),
    );
    for (let count = 0; count < 3; count++) await peer.next(streamAbort);
    const after = await victim.call('stats');
    assert.deepEqual([after.streams, after.rejected], [streams, rejected + 3]);
  });

  test('128 KiB arrive a byte at a time', async () => {
    const { victim, port } = scene;
    const { streamBytes } = await victim.call('stats');
    const peer = await RawPeer.connect(port);
    peer.write(open(1));
    const total = 128 * 1024;
    let credit = 0;
    const one = data(1, 1);
    for (let sent = 0; sent < total; ) {
      const { body } = await peer.next(streamCredit);
      credit += Buffer.from(body).readUInt32BE(4);
      const count = Math.min(Math.floor(credit / one.length), total - sent);
      credit -= count * one.length;
      sent += count;
      await peer.writeAll(Buffer.concat(Array.from({ length: count }, () => one)));
    }
    peer.write(rawFrame(streamEnd, uint32(1)));
    await peer.next(streamEnd);
    assert.equal((await victim.call('stats')).streamBytes - streamBytes, total);
  });
});
