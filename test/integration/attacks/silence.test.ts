import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { FrameKind } from '../../../src/wire/frames/frame.ts';
import { RawPeer, rawFrame, uint32 } from './support/raw-peer.ts';
import { attackScene } from './support/scene.ts';

const pingAfterMs = 150;
const deadAfterMs = 1_500;
const { ping, pong, message } = FrameKind;

suite('peers that fall silent', () => {
  const scene = attackScene({ limits: { pingAfterMs, deadAfterMs } });

  test('one that answers no ping is pinged, and given up', async () => {
    const startedAt = performance.now();
    const peer = await RawPeer.connect(scene.port);
    await peer.next(ping);
    await peer.next(ping);
    await peer.closed;
    assert.ok(performance.now() - startedAt >= deadAfterMs - 5, 'not before its time');
    assert.equal((await scene.victim.event('disconnected', peer.id)).code, 'timeout by us');
  });

  test('one that reads nothing either is given up as well', async () => {
    const peer = await RawPeer.connect(scene.port);
    peer.turnDeaf();
    assert.equal((await scene.victim.event('disconnected', peer.id)).code, 'timeout by us');
  });

  test('half a frame now and then is a sign of life, but only as long as it comes', async () => {
    const peer = await RawPeer.connect(scene.port);
    const frame = rawFrame(message, 'x'.repeat(1_000), { format: 2 });
    for (let sent = 0; sent < 10; sent++) {
      peer.write(frame.subarray(sent * 10, (sent + 1) * 10));
      await peer.next(ping);
    }
    await peer.closed;
    assert.equal((await scene.victim.event('disconnected', peer.id)).code, 'timeout by us');
  });

  test('one that answers lives on', async () => {
    const peer = await RawPeer.connect(scene.port);
    const startedAt = performance.now();
    while (performance.now() - startedAt < 2 * deadAfterMs) {
      const { body } = await peer.next(ping);
      assert.deepEqual(body, new Uint8Array(uint32(0)));
      peer.write(rawFrame(pong, body));
    }
    await peer.synced();
  });
});
