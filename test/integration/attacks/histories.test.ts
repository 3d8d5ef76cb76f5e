import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { suite, test } from 'node:test';
import { Identity } from '../../../src/index.ts';
import {
  digestOf,
  type HistoryFrame,
  maxIds,
  maxKeptTopics,
  maxReconciliationBytes,
  type OfKind,
  readHistoryFrame,
  writeHistoryFrame,
} from '../../../src/overlay/history/history-frames.ts';
import { pushFrame } from '../../../src/overlay/overlay-frames.ts';
import { FrameKind } from '../../../src/wire/frames/frame.ts';
import { signedBroadcast } from '../../support/signed-broadcast.ts';
import { RawPeer, rawFrames } from './support/raw-peer.ts';
import { attackScene } from './support/scene.ts';

const digest = digestOf('', 'chat');
const minuteUs = 60_000_000;

const framesOf = (frame: HistoryFrame): Buffer =>
  Buffer.concat(rawFrames(FrameKind.protocol, writeHistoryFrame(frame)));
const randomIds = (count: number): string[] =>
  Array.from({ length: count }, () => randomBytes(32).toString('hex'));

/** As many ranges as fit, each of which ends behind the one before, with a fingerprint that is wrong. */
function wrongRanges(): Uint8Array {
  const range = [3, 0, 1, ...Array<number>(16).fill(7)];
  const count = Math.floor((maxReconciliationBytes - 1) / range.length);
  return Uint8Array.from([0x61, ...Array.from({ length: count }, () => range).flat()]);
}

/** A message that lists ids up to infinity. */
function listOf(ids: readonly string[]): Uint8Array {
  const count = [128 + (ids.length >>> 7), ids.length & 127];
  return Buffer.concat([Uint8Array.of(0x61, 0, 0, 2, ...count), ...ids.map((id) => Buffer.from(id, 'hex'))]);
}

function comparing(run: number, message: Uint8Array): HistoryFrame {
  return { kind: 'compare', digest, run, isFirst: false, floorUs: 0, untilUs: Date.now() * 1_000, message };
}

/** The next frame of this kind that the node sends. */
async function next<Kind extends HistoryFrame['kind']>(peer: RawPeer, kind: Kind): Promise<OfKind<Kind>> {
  for (;;) {
    const { body } = await peer.next(FrameKind.protocol);
    if (body[0]! < 32) continue;
    const frame = readHistoryFrame(Uint8Array.from(body));
    if (frame.kind === kind) return frame as OfKind<Kind>;
  }
}

suite('a node that keeps a topic', () => {
  // What it keeps stays in memory: little, so that nothing else can hide behind it.
  const scene = attackScene({ history: { maxMessages: 2_000, maxBytes: 2 ** 21 } });
  const neighbour = (): Promise<RawPeer> => RawPeer.connect(scene.port, { protocols: ['overlay/1'] });

  /** A peer that says that it keeps the topic too. The node compares with it. */
  async function keeper(): Promise<RawPeer> {
    const peer = await neighbour();
    const topics = [{ digest, maxMessages: 2_000, maxBytes: 2 ** 21 }];
    peer.write(framesOf({ kind: 'keep', isQuestion: false, topics }));
    return peer;
  }

  test('and keeps 2,000 broadcasts, answers a flood of comparisons of 800 ranges each', async () => {
    const identity = Identity.generate();
    const nowUs = Date.now() * 1_000;
    const live = await neighbour();
    for (let count = 0; count < 2_000; count++) {
      const { bytes } = signedBroadcast({ identity, timeUs: nowUs - minuteUs + count });
      live.write(...rawFrames(FrameKind.protocol, pushFrame(0, bytes)));
    }
    await live.synced();
    const peers = [await neighbour(), await neighbour()];
    const flood = Buffer.concat(
      Array.from({ length: 50 }, (_, run) => framesOf(comparing(run, wrongRanges()))),
    );
    await scene.attackBegins();
    await Promise.all(peers.map((peer) => peer.writeAll(flood)));
    for (const peer of peers) for (let answers = 0; answers < 50; answers++) await next(peer, 'answer');
  });

  test('compares with a peer that never agrees for a bounded number of messages', async () => {
    const peer = await keeper();
    const first = await next(peer, 'compare');
    let compared = 1;
    for (let { run } = first; run === first.run; compared++) {
      peer.write(framesOf({ kind: 'answer', digest, run, message: wrongRanges() }));
      ({ run } = await next(peer, 'compare'));
    }
    // 16, and what it takes to list 2,000 ids four times.
    assert.equal(compared, 1 + 16 + 16);
  });

  test('asks a peer that lists tens of thousands of ids for no more than it can keep', async () => {
    const peer = await keeper();
    const { run } = await next(peer, 'compare');
    peer.write(framesOf({ kind: 'answer', digest, run, message: listOf(randomIds(500)) }));
    for (let frames = 0; frames < 100; frames++) {
      await peer.writeAll(framesOf({ kind: 'offer', digest, ids: randomIds(maxIds) }));
    }
    let asked = 0;
    while (asked < 2_500) {
      const fetch = await next(peer, 'fetch');
      asked += fetch.ids.length;
      peer.write(framesOf({ kind: 'fetched', digest, run: fetch.run, count: fetch.ids.length }));
    }
    assert.equal(asked, 2_500, 'what was listed, and 2,000 that were offered');
    await peer.synced();
  });

  test('and gets 64 MiB that it has not asked for, keeps nothing of it', async () => {
    const peer = await keeper();
    const { bytes } = signedBroadcast({ length: 2 ** 20 });
    const frame = framesOf({ kind: 'past', broadcast: bytes });
    for (let sent = 0; sent < 64; sent++) await peer.writeAll(frame);
    await peer.synced();
  });

  test('and gets a history of ever new origins, hears others meanwhile', async () => {
    const peer = await keeper();
    const { run } = await next(peer, 'compare');
    const past = Array.from({ length: 500 }, (_, count) =>
      signedBroadcast({ timeUs: Date.now() * 1_000 - minuteUs + count }),
    );
    const byId = new Map(past.map((broadcast) => [broadcast.id, broadcast]));
    await scene.attackBegins();
    peer.write(framesOf({ kind: 'answer', digest, run, message: listOf([...byId.keys()]) }));
    let left = past.length;
    while (left > 0) {
      const fetch = await next(peer, 'fetch');
      const frames = fetch.ids.map((id) => framesOf({ kind: 'past', broadcast: byId.get(id)!.bytes }));
      await peer.writeAll(Buffer.concat(frames));
      await peer.writeAll(framesOf({ kind: 'fetched', digest, run: fetch.run, count: fetch.ids.length }));
      left -= fetch.ids.length;
    }
    await peer.synced();
  });

  test('and gets large ones for all that it asked for, keeps as much as it has room for', async () => {
    const peer = await keeper();
    const { run } = await next(peer, 'compare');
    const identity = Identity.generate();
    const large = Array.from({ length: 60 }, (_, count) =>
      signedBroadcast({ identity, timeUs: Date.now() * 1_000 - minuteUs + count, length: 2 ** 20 }),
    );
    const ids = [...large.map(({ id }) => id), ...randomIds(200)];
    peer.write(framesOf({ kind: 'answer', digest, run, message: listOf(ids) }));
    const fetch = await next(peer, 'fetch');
    for (const { bytes } of large) await peer.writeAll(framesOf({ kind: 'past', broadcast: bytes }));
    peer.write(framesOf({ kind: 'fetched', digest, run: fetch.run, count: fetch.ids.length }));
    await peer.synced();
  });

  test('sends a peer that asks ten thousand times, and does not read, what fits into the queue', async () => {
    const peer = await keeper();
    const { run } = await next(peer, 'compare');
    const large = signedBroadcast({ timeUs: Date.now() * 1_000 - 10_000_000, length: 2 ** 20 });
    peer.write(framesOf({ kind: 'answer', digest, run, message: listOf([large.id, ...randomIds(128)]) }));
    const fetch = await next(peer, 'fetch');
    peer.write(framesOf({ kind: 'past', broadcast: large.bytes }));
    peer.write(framesOf({ kind: 'fetched', digest, run: fetch.run, count: fetch.ids.length }));
    await peer.synced();
    peer.turnDeaf();
    const question = framesOf({ kind: 'fetch', digest, run: 7, ids: [large.id] });
    await peer.writeAll(Buffer.concat(Array.from({ length: 10_000 }, () => question)));
    await (await neighbour()).synced();
  });

  test('answers a bounded number of questions about what it keeps', async () => {
    const peer = await neighbour();
    const topics = Array.from({ length: maxKeptTopics }, () => ({
      digest: randomBytes(16).toString('hex'),
      maxMessages: 1,
      maxBytes: 1,
    }));
    const question = framesOf({ kind: 'keep', isQuestion: true, topics });
    // Not more than the window of the node: it would end the connection.
    for (let sent = 0; sent < 400; sent++) await peer.writeAll(question);
    await peer.synced();
  });
});
