import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { suite, test } from 'node:test';
import { Identity } from '../../../src/index.ts';
import { draftBroadcast, setSignature, signedBytes } from '../../../src/overlay/broadcast.ts';
import {
  announcementFrame,
  graftFrame,
  maxAnnouncements,
  probeFrame,
  pruneFrame,
  pushFrame,
  readOverlayFrame,
} from '../../../src/overlay/overlay-frames.ts';
import { FrameKind } from '../../../src/wire/frames/frame.ts';
import { RawPeer, rawFrame, rawFrames } from './support/raw-peer.ts';
import { attackScene } from './support/scene.ts';

const network = '';
let latestUs = Date.now() * 1_000;

/** A broadcast, of a new origin each time where none is given. */
function broadcast(bodyBytes: number, identity = Identity.generate()) {
  const timeUs = ++latestUs;
  const payload = { format: 3, body: new Uint8Array(bodyBytes) };
  const draft = draftBroadcast({ network, origin: identity.id, topic: '', timeUs, payload });
  setSignature(draft, identity.sign(signedBytes(draft.bytes, network)));
  return draft;
}

const framesOf = (overlayFrame: Uint8Array): Buffer[] => rawFrames(FrameKind.protocol, overlayFrame);
const randomId = (): string => randomBytes(32).toString('hex');

suite('a node that passes broadcasts on', () => {
  const scene = attackScene();
  const neighbour = (): Promise<RawPeer> => RawPeer.connect(scene.port, { protocols: ['overlay/1'] });

  test('and gets thousands of ever new origins, hears others meanwhile', async () => {
    const peers = [await neighbour(), await neighbour()];
    const floods = peers.map(() =>
      Buffer.concat(Array.from({ length: 3_000 }, () => framesOf(pushFrame(0, broadcast(10).bytes))).flat()),
    );
    await scene.attackBegins();
    await Promise.all(peers.map((peer, at) => peer.writeAll(floods[at]!)));
    for (const peer of peers) await peer.synced();
  });

  test('and gets a hundred megabytes of one origin, keeps a bounded part of it', async () => {
    const peer = await neighbour();
    const identity = Identity.generate();
    for (let sent = 0; sent < 100; sent++) {
      await peer.writeAll(Buffer.concat(framesOf(pushFrame(0, broadcast(2 ** 20, identity).bytes))));
    }
    await peer.synced();
  });

  test('sends a large one once to a peer that asks for it ten thousand times', async () => {
    const [from, to] = [await neighbour(), await neighbour()];
    const large = broadcast(2 ** 20);
    from.write(...framesOf(pushFrame(0, large.bytes)));
    const isOffer = (body: Uint8Array): boolean => body[0] === 3;
    while (!isOffer((await to.next(FrameKind.protocol)).body));
    const graft = rawFrame(FrameKind.protocol, graftFrame(large.id));
    await to.writeAll(Buffer.concat(Array.from({ length: 10_000 }, () => graft)));
    to.write(rawFrame(FrameKind.protocol, probeFrame('probe', 77)));
    let pushes = 0;
    for (;;) {
      const frame = readOverlayFrame((await to.next(FrameKind.protocol)).body);
      if (frame.kind === 'push') pushes += 1;
      if (frame.kind === 'echo' && frame.nonce === 77) break;
    }
    assert.equal(pushes, 1);
  });

  test('that is announced a hundred thousand broadcasts which never come, waits for few of them', async () => {
    const peer = await neighbour();
    for (let sent = 0; sent < 400; sent++) {
      const announcements = Array.from({ length: maxAnnouncements }, () => ({ id: randomId(), hops: 1 }));
      const kind = sent % 2 === 0 ? 'announce' : 'offer';
      await peer.writeAll(rawFrame(FrameKind.protocol, announcementFrame(kind, announcements)));
    }
    await peer.synced();
  });

  test('that is pruned, grafted and probed in a loop, hears others meanwhile', async () => {
    const peer = await neighbour();
    const round = Buffer.concat(
      [pruneFrame(), graftFrame(), graftFrame(randomId()), probeFrame('probe', 1), probeFrame('echo', 9)].map(
        (one) => rawFrame(FrameKind.protocol, one),
      ),
    );
    for (let sent = 0; sent < 20; sent++) {
      await peer.writeAll(Buffer.concat(Array.from({ length: 1_000 }, () => round)));
    }
    await peer.synced();
  });

  test('ends the connection with a peer that passes on what nobody has signed, and with no other one', async () => {
    const [liar, honest] = [await neighbour(), await neighbour()];
    const { bytes } = broadcast(10);
    bytes[0]! ^= 1;
    liar.write(...framesOf(pushFrame(0, bytes)));
    assert.equal((await liar.goodbye()).code, 'protocol');
    await honest.synced();
  });
});
