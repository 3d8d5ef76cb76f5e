// Random conversations of the second implementation with Python nodes, over every kind of link: messages, deliveries,
// requests and streams, cut into frames and pieces at random places, and then a damaged frame.
// PEERLOOM_PYTHON_TALKS: how many conversations; npm run test:long -- python has 2,000. PEERLOOM_SEED: the first one.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import {
  frame,
  kinds,
  LinkEnded,
  type SecondFrame,
  type SecondPeer,
  uint32,
} from '../../../compliance/protocol/second-peer.ts';
import { randomFrom } from '../../../support/random-from.ts';
import { linkKinds, PythonNode } from './python-node.ts';

const { PEERLOOM_PYTHON_TALKS = '12', PEERLOOM_SEED = '1' } = process.env;
const [talks, firstSeed] = [Number(PEERLOOM_PYTHON_TALKS), Number(PEERLOOM_SEED)];

type Random = () => number;

const below = (random: Random, limit: number): number => Math.floor(random() * limit);
const textOf = (random: Random, longest: number): string =>
  String.fromCharCode(97 + below(random, 26)).repeat(Math.floor(longest ** random()));

/** A message as one frame, or cut at random places (3.7), with pings between the parts. */
function cut(random: Random, kind: number, body: Buffer): Buffer[] {
  if (body.length < 2 || random() < 0.5) return [frame(kind, body, { format: 2 })];
  const frames: Buffer[] = [];
  let at = 0;
  while (at < body.length) {
    const size = Math.min(
      body.length - (at === 0 ? 1 : at),
      1 + below(random, Math.min(body.length, 100_000)),
    );
    const piece = body.subarray(at, at + size);
    at += piece.length;
    const flags = at < body.length ? 1 : 0;
    if (frames.length > 0) frames.push(frame(kinds.part, piece, { flags }));
    else frames.push(frame(kind, Buffer.concat([uint32(body.length), piece]), { format: 2, flags: 1 }));
    if (flags === 1 && random() < 0.2) frames.push(frame(kinds.ping, uint32(below(random, 1_000))));
  }
  return frames;
}

/** Puts the parts of cut answers together, and collects what the node answers. */
class Answers {
  readonly streams = new Map<number, { text: string; ended: boolean; opened: boolean }>();
  readonly settled = new Map<number, string>();
  #cut: { kind: number; pieces: Buffer[] } | undefined;

  take({ kind, flags, body }: SecondFrame): void {
    if (kind === kinds.part) {
      this.#cut!.pieces.push(body);
      if (flags === 0) {
        this.#whole(this.#cut!.kind, Buffer.concat(this.#cut!.pieces));
        this.#cut = undefined;
      }
    } else if (flags === 1) this.#cut = { kind, pieces: [body.subarray(4)] };
    else this.#whole(kind, body);
  }

  #whole(kind: number, body: Buffer): void {
    const number = body.length >= 4 ? body.readUInt32BE(0) : 0;
    if (kind === kinds.response || kind === kinds.delivered)
      this.settled.set(number, body.subarray(4).toString());
    const stream = this.streams.get(number);
    if (kind === kinds.streamCredit) stream!.opened = true;
    if (kind === kinds.streamData) stream!.text += body.subarray(4).toString();
    if (kind === kinds.streamEnd) stream!.ended = true;
    assert.notEqual(kind, kinds.goodbye, body.toString());
  }
}

async function talk(node: PythonNode, peer: SecondPeer, random: Random): Promise<void> {
  await peer.shakeHands();
  node.clear();
  const answers = new Answers();
  const until = async (isDone: () => boolean): Promise<void> => {
    while (!isDone()) answers.take(await peer.next());
  };
  const write = (frames: Buffer[]): void => {
    const bytes = Buffer.concat(frames);
    for (let at = 0; at < bytes.length; ) {
      const size = 1 + below(random, random() < 0.3 ? 20 : 200_000);
      peer.write(bytes.subarray(at, at + size));
      at += size;
    }
  };
  const steps = 4 + below(random, 12);
  const messages: string[] = [];
  for (let number = 1; number <= steps; number++) {
    const text = textOf(random, 250_000);
    const numbered = Buffer.concat([uint32(number), Buffer.from(text)]);
    const choice = below(random, 4);
    if (choice === 0) {
      write(cut(random, kinds.message, Buffer.from(text)));
      messages.push(text);
    } else if (choice === 1) {
      write(cut(random, kinds.deliver, numbered));
      messages.push(text);
      await until(() => answers.settled.has(number));
    } else if (choice === 2) {
      write(cut(random, kinds.request, numbered));
      await until(() => answers.settled.has(number));
      assert.equal(answers.settled.get(number), text);
    } else {
      const id = 2 * number + 1;
      const stream = { text: '', ended: false, opened: false };
      answers.streams.set(id, stream);
      write([
        frame(kinds.streamOpen, Buffer.concat([uint32(id), uint32(2 ** 20), Buffer.from('echo')]), {
          format: 2,
        }),
      ]);
      await until(() => stream.opened);
      const sent = text.slice(0, 200_000);
      const frames: Buffer[] = [];
      for (let at = 0; at < sent.length; ) {
        const size = 1 + below(random, 50_000);
        frames.push(
          frame(kinds.streamData, Buffer.concat([uint32(id), Buffer.from(sent.slice(at, at + size))])),
        );
        at += size;
      }
      write([...frames, frame(kinds.streamEnd, uint32(id))]);
      await until(() => stream.ended);
      assert.equal(stream.text, sent);
    }
  }
  for (const text of messages) assert.equal(await node.said('message'), text);
  // A frame with damage: the link ends, or the node passes over it; nothing else happens.
  const damaged = Buffer.concat(cut(random, 1 + below(random, 24), Buffer.from(textOf(random, 2_000))));
  for (let count = below(random, 4); count >= 0; count--)
    damaged[below(random, Math.min(damaged.length, 16))] = below(random, 256);
  peer.write(damaged);
  peer.socket.end();
  await until(() => false).catch((error: unknown) => {
    const isGoodbye = error instanceof assert.AssertionError && /protocol|disconnected/.test(error.message);
    if (!(error instanceof LinkEnded || isGoodbye)) throw error;
  });
}

for (const { name, options, dial } of linkKinds) {
  suite(`random conversations with a Python node over ${name}`, () => {
    let node: PythonNode;

    before(async () => {
      node = await PythonNode.start(options);
    });

    after(() => node.stop());

    for (let index = 0; index < Math.ceil(talks / linkKinds.length); index++) {
      const seed = firstSeed + index;
      test(`seed ${seed}`, async () => {
        const peer = await dial(node);
        await talk(node, peer, randomFrom(seed));
        await peer.close();
      });
    }
  });
}
