import assert from 'node:assert/strict';
import { afterEach, suite, test } from 'node:test';
import { FrameFlag, FrameKind } from '../../../src/wire/frames/frame.ts';
import { RawPeer, rawFrame, uint32 } from './support/raw-peer.ts';
import { attackScene } from './support/scene.ts';

const mebibyte = 2 ** 20;
const budgetMiB = 32;
const bytesFormat = 3;
const { message, part, request, deliver, delivered, streamOpen, streamData, streamCredit } = FrameKind;

/** The beginning of a cut message: as much of it as is given, without the last byte at most. */
function* beginning(totalBytes: number, bytes: number): Iterable<Buffer> {
  const pieceBytes = 128 * 1024;
  const fields = { format: bytesFormat, flags: FrameFlag.more };
  yield rawFrame(message, Buffer.concat([uint32(totalBytes), Buffer.alloc(1)]), fields);
  for (let sent = 1; sent < bytes; sent += pieceBytes) {
    yield rawFrame(part, Buffer.alloc(Math.min(pieceBytes, bytes - sent)), { flags: FrameFlag.more });
  }
}

suite('peers that keep their own limits, and pass the budget together', () => {
  const scene = attackScene({
    limits: { memoryBudgetBytes: budgetMiB * mebibyte },
    keepsConnections: true,
  });
  let gone: RawPeer[] = [];

  afterEach(async () => {
    await scene.victim.call('handlers', 'prompt');
    for (const { id } of gone.splice(0)) {
      assert.equal((await scene.victim.event('disconnected', id)).code, 'overload by us');
    }
  });

  const usedMiB = async (): Promise<number> => (await scene.victim.call('memory')).usedMiB;

  function connect(count: number): Promise<RawPeer[]> {
    return Promise.all(Array.from({ length: count }, () => RawPeer.connect(scene.port)));
  }

  /** Of these peers, those that the victim is still connected with. */
  async function staying(peers: readonly RawPeer[]): Promise<RawPeer[]> {
    // Who does not read cannot be asked, and learns nothing until it does.
    for (const { socket } of peers) socket.resume();
    // Only when all that they have sent was read it is clear who stays.
    await Promise.allSettled(peers.map((peer) => peer.synced()));
    const answers = await Promise.allSettled(peers.map((peer) => peer.synced()));
    gone = peers.filter((_, index) => answers[index]!.status === 'rejected');
    return peers.filter((peer) => !gone.includes(peer));
  }

  test('who began the largest message goes first, with a goodbye that says so; the others go on', async () => {
    const { victim, port } = scene;
    const { handled } = await victim.call('stats');
    const peers = await connect(20);
    for (const peer of peers) {
      for (const frame of beginning(mebibyte, mebibyte - 1)) await peer.writeAll(frame);
      await peer.synced();
    }
    const greedy = await RawPeer.connect(port);
    for (const frame of beginning(16 * mebibyte, 9 * mebibyte)) await greedy.writeAll(frame);
    const { code, message: reason } = await greedy.goodbye();
    assert.equal(code, 'overload');
    assert.match(reason, /keep too much, this one most of all/);

    for (const peer of peers) {
      peer.write(rawFrame(part, 'x'));
      await peer.synced();
    }
    assert.equal((await victim.call('stats')).handled - handled, 20, 'nothing of the others is lost');
  });

  test('of many that begin messages as many stay as the budget allows', async () => {
    const usedBefore = await usedMiB();
    const peers = await connect(60);
    for (const peer of peers) {
      for (const frame of beginning(2 * mebibyte, mebibyte)) await peer.writeAll(frame);
    }
    const left = await staying(peers);
    assert.ok(left.length >= budgetMiB / 2 - 1 && left.length <= budgetMiB, `${left.length} of 60 stay`);
    const grown = (await usedMiB()) - usedBefore;
    assert.ok(grown < budgetMiB + 8, `${grown} MiB are held`);
  });

  test('the same for messages that wait for a slow handler', async () => {
    const { victim } = scene;
    const usedBefore = await usedMiB();
    await victim.call('handlers', 'hold');
    const peers = await connect(16);
    const kibibytes = Buffer.concat(
      Array.from({ length: 256 }, () => rawFrame(message, Buffer.alloc(1024), { format: bytesFormat })),
    );
    for (const peer of peers) for (let sent = 0; sent < 12; sent++) await peer.writeAll(kibibytes);
    const left = await staying(peers);
    assert.ok(left.length >= 4 && left.length < 12, `${left.length} of 16 stay`);
    const grown = (await usedMiB()) - usedBefore;
    assert.ok(grown < budgetMiB + 12, `${grown} MiB are held`);

    const { handled } = await victim.call('stats');
    await victim.call('handlers', 'prompt');
    const question = rawFrame(deliver, Buffer.concat([uint32(1), Buffer.alloc(1)]), { format: bytesFormat });
    for (const peer of left) peer.write(question);
    for (const peer of left) await peer.next(delivered);
    // The first of each had been handed over before.
    const expected = left.length * (12 * 256 - 1 + 1);
    assert.equal((await victim.call('stats')).handled - handled, expected, 'nothing of theirs is lost');
  });

  test('the same for answers that nobody reads', async () => {
    const usedBefore = await usedMiB();
    const peers = await connect(8);
    const question = rawFrame(request, Buffer.alloc(100_000), { format: bytesFormat });
    let mostMiB = 0;
    for (const peer of peers) {
      peer.turnDeaf();
      for (let asked = 0; asked < 250 && !peer.socket.destroyed; asked++) await peer.writeAll(question);
      mostMiB = Math.max(mostMiB, await usedMiB());
    }
    const left = await staying(peers);
    assert.ok(left.length >= 1 && left.length < 8, `${left.length} of 8 stay`);
    assert.ok(mostMiB - usedBefore < budgetMiB + 16, `${mostMiB - usedBefore} MiB were held`);
  });

  test('what was for peers that have left counts while a handler of theirs runs', async () => {
    const { victim, port } = scene;
    const usedBefore = await usedMiB();
    await victim.call('handlers', 'hold messages');
    for (let count = 0; count < 10; count++) {
      const session = { id: 'a session', receivedBytes: 0, resumed: false };
      const peer = await RawPeer.connect(port, { session });
      peer.turnDeaf();
      const question = rawFrame(request, Buffer.alloc(10_000), { format: bytesFormat });
      for (let asked = 0; asked < 1_500; asked++) await peer.writeAll(question);
      await peer.writeAll(rawFrame(message, 'takes long', { format: bytesFormat }));
      await peer.writeAll(rawFrame(FrameKind.goodbye, '{"code":"stopped","message":""}'));
      peer.socket.end();
      const sendOne = { id: peer.id, bytes: 1 };
      await victim.until((outcome) => outcome !== 'sent', 'sendOne', sendOne);
      peer.reset();
    }
    const grown = (await usedMiB()) - usedBefore;
    assert.ok(grown < budgetMiB + 8, `${grown} MiB are held`);
  });

  test('what streams of peers that have left received counts until it is read', async () => {
    const { victim, port } = scene;
    const usedBefore = await usedMiB();
    await victim.call('handlers', 'hold');
    const window = 256 * 1024;
    for (let count = 0; count < 20; count++) {
      const peer = await RawPeer.connect(port);
      for (let id = 1; id < 30; id += 2) {
        peer.write(
          rawFrame(streamOpen, Buffer.concat([uint32(id), uint32(window)]), { format: bytesFormat }),
        );
        await peer.next(streamCredit);
        await peer.writeAll(rawFrame(streamData, Buffer.concat([uint32(id), Buffer.alloc(window - 100)])));
      }
      await peer.synced();
      peer.reset();
      await victim.event('disconnected', peer.id);
    }
    const grown = (await usedMiB()) - usedBefore;
    assert.ok(grown < budgetMiB + 8, `${grown} MiB are held`);
  });

  test('the same for streams that nobody reads', async () => {
    const { victim } = scene;
    const usedBefore = await usedMiB();
    await victim.call('handlers', 'hold');
    const window = 256 * 1024;
    const peers = await connect(12);
    for (const peer of peers) {
      for (let id = 1; id < 40 && !peer.socket.destroyed; id += 2) {
        peer.write(
          rawFrame(streamOpen, Buffer.concat([uint32(id), uint32(window)]), { format: bytesFormat }),
        );
        const bytes = Buffer.concat([uint32(id), Buffer.alloc(window - 100)]);
        await Promise.race([peer.next(streamCredit), peer.closed]).catch(() => {});
        await peer.writeAll(rawFrame(streamData, bytes));
      }
    }
    const left = await staying(peers);
    assert.ok(left.length >= 4 && left.length < 12, `${left.length} of 12 stay`);
    const grown = (await usedMiB()) - usedBefore;
    assert.ok(grown < budgetMiB + 12, `${grown} MiB are held`);
  });
});
