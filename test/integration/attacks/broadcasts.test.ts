import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { suite, test } from 'node:test';
import { Identity } from '../../../src/index.ts';
import { type Draft, draftBroadcast, setSignature, signedBytes } from '../../../src/overlay/broadcast.ts';
import {
  announcementFrame,
  graftFrame,
  maxAnnouncements,
  type OverlayFrame,
  probeFrame,
  pruneFrame,
  pushFrame,
  readOverlayFrame,
} from '../../../src/overlay/overlay-frames.ts';
import { announcementPayload, presenceTopic } from '../../../src/overlay/presence/announcement.ts';
import { FrameKind } from '../../../src/wire/frames/frame.ts';
import { RawPeer, rawFrame, rawFrames } from './support/raw-peer.ts';
import { attackScene } from './support/scene.ts';

const network = '';
let latestUs = Date.now() * 1_000;

/** A broadcast, of a new origin each time where none is given. */
function broadcast(bodyBytes: number, identity?: Identity) {
  return signed('', { format: 3, body: new Uint8Array(bodyBytes) }, identity);
}

/** A new origin says that it is there, and remains so for long. */
function announcement() {
  return signed(presenceTopic, announcementPayload(600_000));
}

function signed(topic: string, payload: Draft['payload'], identity = Identity.generate()) {
  const timeUs = ++latestUs;
  const draft = draftBroadcast({ network, origin: identity.id, topic, timeUs, payload });
  setSignature(draft, identity.sign(signedBytes(draft.bytes, network)));
  return draft;
}

const framesOf = (overlayFrame: Uint8Array): Buffer[] => rawFrames(FrameKind.protocol, overlayFrame);
const randomId = (): string => randomBytes(32).toString('hex');

/** Waits until the node is done with all that the peer sent. @returns what it sent meanwhile. */
async function echoOf(peer: RawPeer, nonce: number): Promise<OverlayFrame[]> {
  peer.write(rawFrame(FrameKind.protocol, probeFrame('probe', nonce)));
  const frames: OverlayFrame[] = [];
  for (;;) {
    const frame = readOverlayFrame((await peer.next(FrameKind.protocol)).body);
    if (frame.kind === 'echo' && frame.nonce === nonce) return frames;
    frames.push(frame);
  }
}

suite('a node that passes broadcasts on', () => {
  // It announces itself once, before the attacks.
  const scene = attackScene({ presence: { everyMs: 600_000 } });
  const neighbour = (): Promise<RawPeer> => RawPeer.connect(scene.port, { protocols: ['overlay/1'] });

  test('and gets thousands of ever new origins, hears others meanwhile', async () => {
    const peers = [await neighbour(), await neighbour()];
    const ofNewOrigin = (at: number) => (at % 2 === 0 ? broadcast(10) : announcement());
    const floods = peers.map(() =>
      Buffer.concat(
        Array.from({ length: 3_000 }, (_, at) => framesOf(pushFrame(0, ofNewOrigin(at).bytes))).flat(),
      ),
    );
    await scene.attackBegins();
    await Promise.all(peers.map((peer, at) => peer.writeAll(floods[at]!)));
    for (const peer of peers) await peer.synced();
  });

  test('and gets 32 MiB of one origin, keeps a part of it', async () => {
    const peer = await neighbour();
    const identity = Identity.generate();
    for (let sent = 0; sent < 32; sent++) {
      await peer.writeAll(Buffer.concat(framesOf(pushFrame(0, broadcast(2 ** 20, identity).bytes))));
      await echoOf(peer, sent);
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
    const answers = await echoOf(to, 77);
    assert.equal(answers.filter(({ kind }) => kind === 'push').length, 1);
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
    const rounds = Array.from({ length: 1_000 }, () =>
      [pruneFrame(), graftFrame(), graftFrame(randomId()), probeFrame('probe', 1), probeFrame('echo', 9)].map(
        (one) => rawFrame(FrameKind.protocol, one),
      ),
    );
    // Not more than the window of the node: it would end the connection.
    await peer.writeAll(Buffer.concat(rounds.flat()));
    await peer.synced();
  });

  test('ends the connection with a peer that passes on what nobody has signed, and with no other one', async () => {
    const [liar, honest] = [await neighbour(), await neighbour()];
    const { bytes } = broadcast(10);
    bytes[1]! ^= 1;
    liar.write(...framesOf(pushFrame(0, bytes)));
    assert.equal((await liar.goodbye()).code, 'protocol');
    await honest.synced();
  });
});
