import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { FrameFlag, FrameKind } from '../../../src/wire/frames/frame.ts';
import { pause } from '../../support/turns.ts';
import { RawPeer, rawFrame, uint32 } from './support/raw-peer.ts';
import { attackScene, type Scene } from './support/scene.ts';

const mebibyte = 2 ** 20;
const bytesFormat = 3;
/** Long enough that the victim reads the rest straight into the frame's own memory. */
const frameBytes = 60_000;
const { message, part, request, streamData } = FrameKind;
const { more } = FrameFlag;

/** What the victim is in the middle of: the bytes that it has read, and the rest of the frame. */
const states: Record<string, [begun: Buffer, rest: Buffer]> = {
  'the header of a frame': cutAt(5, rawFrame(message, Buffer.alloc(frameBytes))),
  'the body of a message': cutAt(100, rawFrame(message, Buffer.alloc(frameBytes))),
  'data of a stream': cutAt(100, rawFrame(streamData, Buffer.alloc(frameBytes))),
  'the first frame of a cut message': cutAt(100, cutMessage(mebibyte, Buffer.alloc(frameBytes))),
  'a cut message, between two of its frames': [
    cutMessage(mebibyte, Buffer.alloc(100)),
    rawFrame(part, Buffer.alloc(frameBytes), { flags: more }),
  ],
  'a part of a cut message': cutAt(
    200,
    Buffer.concat([
      cutMessage(mebibyte, Buffer.alloc(100)),
      rawFrame(part, Buffer.alloc(frameBytes), { flags: more }),
    ]),
  ),
};

function cutMessage(totalBytes: number, content: Uint8Array): Buffer {
  const body = Buffer.concat([uint32(totalBytes), content]);
  return rawFrame(message, body, { format: bytesFormat, flags: more });
}

function cutAt(at: number, bytes: Buffer): [Buffer, Buffer] {
  return [bytes.subarray(0, at), bytes.subarray(at)];
}

const session = { id: 'abc', receivedBytes: 0, resumed: false };

/** Peers that read nothing. */
class DeafPeers {
  readonly #scene: Scene;
  readonly #peers: { readonly peer: RawPeer; rest: Buffer }[] = [];

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  /** Connects a peer for which the victim has more to send than the system takes. */
  async add(hello: { session?: unknown }, begun: Buffer, rest: Buffer): Promise<RawPeer> {
    // With windows as wide as that, messages wait for the link alone.
    const windows = { messages: 2 ** 40, requests: 2 ** 40, protocols: 2 ** 40 };
    const peer = await RawPeer.connect(this.#scene.port, { windows, ...hello });
    await this.#scene.victim.event('connected', peer.id);
    peer.turnDeaf();
    const { victim } = this.#scene;
    // The link is full once the queue has no room again and again.
    for (let unchanged = 0; unchanged < 20; ) {
      const { accepted } = await victim.call('sendUntilRefused', { id: peer.id, bytes: 64 * 1024 });
      unchanged = accepted === 0 ? unchanged + 1 : 0;
    }
    await peer.writeAll(begun);
    this.#peers.push({ peer, rest });
    return peer;
  }

  /** Has the peers send the rest little by little, until the victim has ended so many connections. */
  async sendUntilEnded(count: number): Promise<string[]> {
    const ends: string[] = [];
    for (const { peer } of this.#peers) {
      void this.#scene.victim.event('disconnected', peer.id).then(({ code }) => ends.push(code));
    }
    while (ends.length < count) {
      for (const one of this.#peers) {
        one.peer.write(one.rest.subarray(0, 20));
        one.rest = one.rest.subarray(20);
      }
      await pause(5);
    }
    for (const { peer } of this.#peers) peer.reset();
    return ends;
  }
}

/** More than the buffers of the system hold: only then is a link full, also under a session, which keeps what it has sent. */
const queueMaxBytes = 16 * mebibyte;

const questionCount = 40;
const question = rawFrame(request, Buffer.concat([uint32(1), Buffer.alloc(64 * 1024)]), {
  format: bytesFormat,
});
/** Their answers are more than the system may take in the meantime. */
const questions = Array.from({ length: questionCount }, () => question);
const greeting = rawFrame(message, 'x', { format: bytesFormat });

suite('a node that ends a connection whose peer reads nothing goes on, also in the middle of', () => {
  const scene = attackScene({ limits: { queueMaxBytes } });

  for (const [name, [begun, rest]] of Object.entries(states)) {
    test(`${name}, where an answer does not fit into the queue`, async () => {
      const { victim } = scene;
      await victim.call('handlers', 'hold');
      const peers = new DeafPeers(scene);
      for (const hello of [{}, { session }])
        await peers.add(hello, Buffer.concat([...questions, begun]), rest);
      await victim.until(({ held }) => held === 2 * questionCount, 'stats');
      await victim.call('handlers', 'prompt');
      assert.deepEqual(await peers.sendUntilEnded(2), ['overload by us', 'overload by us']);
    });
  }

  test('any of them, where it leaves', async () => {
    await scene.victim.call('handlers', 'leave');
    const peers = new DeafPeers(scene);
    for (const [begun, rest] of Object.values(states)) {
      await peers.add({ session }, Buffer.concat([greeting, begun]), rest);
    }
    const { length } = Object.keys(states);
    assert.deepEqual(await peers.sendUntilEnded(length), new Array(length).fill('disconnected by us'));
  });
});

suite('a node that is made to keep too much goes on', () => {
  const scene = attackScene({ limits: { queueMaxBytes, memoryBudgetBytes: 24 * mebibyte } });

  test('when it ends connections in the middle of large messages, whose peers read nothing', async () => {
    const peers = new DeafPeers(scene);
    const piece = rawFrame(part, Buffer.alloc(128 * 1024), { flags: more });
    const parts = Array.from({ length: 40 }, () => piece);
    const begun = Buffer.concat([
      cutMessage(16 * mebibyte, Buffer.alloc(1)),
      ...parts,
      piece.subarray(0, 100),
    ]);
    for (const hello of [{}, { session }, {}, { session }]) {
      await peers.add(hello, begun, piece.subarray(100));
    }
    assert.deepEqual(await peers.sendUntilEnded(4), new Array(4).fill('overload by us'));
  });
});
