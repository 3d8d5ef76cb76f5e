import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { ProtocolPeer } from '../../../src/api/protocol.ts';
import { MemoryBudget } from '../../../src/base/memory-budget.ts';
import { Identity } from '../../../src/index.ts';
import { type Broadcast, draftBroadcast, setSignature, signedBytes } from '../../../src/overlay/broadcast.ts';
import { Overlay, type OverlayPart } from '../../../src/overlay/overlay.ts';
import {
  announcementFrame,
  pruneFrame,
  pushFrame,
  readOverlayFrame,
} from '../../../src/overlay/overlay-frames.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';

const network = 'net';

/** An overlay with neighbours that a test plays. */
function overlay(parts: readonly OverlayPart[] = []) {
  const runtime = new VirtualRuntime();
  const identity = Identity.generate();
  const heard: string[] = [];
  const own = new Overlay({
    identity,
    network,
    runtime,
    budget: new MemoryBudget(2 ** 28),
    maxSeen: 100,
    parts,
    onBroadcast: ({ id }) => heard.push(id),
    onFailure: (error) => assert.ifError(error),
  });
  const peers = new Set<ProtocolPeer>();
  own.attach({ id: identity.id, runtime, peers, log: () => {} });

  /** A neighbour with an address, and the kinds of the frames that it was sent. */
  function neighbour(host: string) {
    const { id } = Identity.generate();
    const sent: string[] = [];
    const peer = {
      id,
      connection: { isSuspended: false },
      channel: { remote: { id, address: { host, port: 1 }, limitsByAddress: true } },
      send: (bytes: Uint8Array) => sent.push(readOverlayFrame(bytes).kind) > 0,
      drained: () => Promise.resolve(),
    } as unknown as ProtocolPeer;
    peers.add(peer);
    own.opened(peer);
    const says = (frame: Uint8Array): void => void own.received(peer, frame);
    return { peer, says, pushes: ({ bytes }: Broadcast) => says(pushFrame(0, bytes)), sent };
  }

  let timeUs = runtime.wallNow() * 1_000;
  function broadcastOf(origin = Identity.generate(), length = 1): Broadcast {
    const payload = { format: 2, body: new Uint8Array(length).fill(1) };
    const broadcast = draftBroadcast({ network, origin: origin.id, topic: '', timeUs: timeUs++, payload });
    setSignature(broadcast, origin.sign(signedBytes(broadcast.bytes, network)));
    return broadcast;
  }
  return { overlay: own, runtime, identity, heard, neighbour, broadcastOf };
}

test('a part of the overlay gets the frames of its kinds, and every neighbour; other kinds are a breach', () => {
  const story: unknown[] = [];
  const part: OverlayPart = {
    kinds: { first: 32, last: 47 },
    attach: ({ id }) => story.push(['attach', id]),
    opened: ({ id }) => story.push(['opened', id]),
    received: ({ id }, bytes) => void story.push(['received', id, ...bytes]),
    closed: ({ id }) => story.push(['closed', id]),
  };
  const { identity, neighbour, overlay: own } = overlay([part]);
  const { says, peer } = neighbour('10.0.0.1');
  says(Uint8Array.of(32));
  says(Uint8Array.of(47, 1));
  for (const kind of [16, 31, 48, 255])
    assert.throws(() => says(Uint8Array.of(kind)), { code: 'ERR_PROTOCOL' });
  own.closed(peer);
  const { id } = peer;
  assert.deepEqual(story, [
    ['attach', identity.id],
    ['opened', id],
    ['received', id, 32],
    ['received', id, 47, 1],
    ['closed', id],
  ]);
});

suite('the protocol of broadcasts', () => {
  test('takes nothing from a neighbour whose address has used up its share, but the same from another one', async () => {
    const { runtime, heard, neighbour, broadcastOf } = overlay();
    const [flooder, accomplice, honest] = ['10.0.0.1', '10.0.0.1', '10.0.0.2'].map(neighbour);
    const origin = Identity.generate();
    while (true) {
      const before = heard.length;
      flooder!.pushes(broadcastOf());
      if (heard.length === before) break;
    }
    const { length } = heard;
    const broadcast = broadcastOf(origin);
    honest!.says(announcementFrame('announce', [{ id: broadcast.id, hops: 1 }]));
    accomplice!.pushes(broadcast);
    assert.equal(heard.length, length);
    await runtime.advance(1_000);
    assert.ok(honest!.sent.includes('graft'), 'what one could not bring is asked of another');
    honest!.pushes(broadcast);
    assert.equal(heard.at(-1), broadcast.id);
  });

  test('hands on nothing that the node itself broadcast, not even before it started again', () => {
    const { identity, heard, neighbour, broadcastOf } = overlay();
    const [one, other] = ['10.0.0.1', '10.0.0.2'].map(neighbour);
    const own = broadcastOf(identity);
    one!.says(announcementFrame('offer', [{ id: own.id, hops: 1 }]));
    one!.pushes(own);
    assert.deepEqual(heard, []);
    assert.ok(!other!.sent.includes('push'));
    other!.pushes(broadcastOf());
    assert.equal(heard.length, 1);
  });

  test('announces nothing to a neighbour that brings it meanwhile', async () => {
    for (const isBrought of [false, true]) {
      const { runtime, neighbour, broadcastOf } = overlay();
      const [one, other] = ['10.0.0.1', '10.0.0.2'].map(neighbour);
      other!.says(pruneFrame());
      const broadcast = broadcastOf();
      one!.pushes(broadcast);
      if (isBrought) other!.pushes(broadcast);
      await runtime.advance(10_000);
      assert.equal(other!.sent.includes('announce'), !isBrought);
    }
  });

  test('counts all that it keeps: broadcasts, their ids and paths, announcements, and what waits', () => {
    const count = 20;
    const origin = Identity.generate();
    /** What is kept of so many broadcasts. */
    const heldOf = (by?: Identity, length?: number) => {
      const { overlay: own, neighbour, broadcastOf } = overlay();
      const one = neighbour('10.0.0.1');
      const empty = own.heldBytes;
      for (let made = 0; made < count; made++) one.pushes(broadcastOf(by, length));
      const full = own.heldBytes;
      neighbour('10.0.0.2');
      const waiting = own.heldBytes;
      const ids = Array.from({ length: count }, () => ({ id: broadcastOf(origin).id, hops: 1 }));
      one.says(announcementFrame('announce', ids));
      return { kept: full - empty, waiting: waiting - full, announced: own.heldBytes - waiting };
    };
    const { kept, waiting, announced } = heldOf(origin);
    assert.ok(kept > count * 512, `${kept}`);
    assert.equal(waiting, count * 64);
    assert.equal(announced, count * 256);
    assert.equal(heldOf(origin, 1_001).kept - kept, count * 1_000);
    // The paths to their origins, and what is remembered of each of these.
    assert.ok(heldOf().kept - kept >= (count - 1) * 200);
  });
});
