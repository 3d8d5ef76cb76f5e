import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LinkEnd } from '../../src/channel/link-end.ts';
import { FrameKind, frameHeaderBytes, positionBody, smallFrame } from '../../src/wire/frames/frame.ts';
import { streamCreditBody } from '../../src/wire/frames/stream-frames.ts';
import { HoldingLink } from '../support/holding-link.ts';
import { turn } from '../support/turns.ts';
import { hello, openChannel } from '../unit/channel/open-channel.ts';
import { fuzzLive } from './fuzz.ts';

/** How long the test may take. */
const timeLimitMs = 4_000;

const session = { id: 'name', receivedBytes: 0, breaks: 0, resumed: false };
const anyAcknowledgement = smallFrame(FrameKind.acknowledge, positionBody(0));

/** A share of what could be. */
const anyShare = fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 1, noNaN: true }));

const anyBytes = fc.oneof(fc.integer({ min: 1, max: 3_000 }), fc.integer({ min: 1, max: 150_000 }));

const anyStep = fc.oneof(
  { weight: 4, arbitrary: fc.record({ what: fc.constantFrom('message', 'write'), bytes: anyBytes }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('transmit'), pieces: fc.nat(4) }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constant('acknowledge'), share: anyShare }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('resume'), share: anyShare }) },
);

type Step = {
  readonly what: string;
  readonly bytes?: number;
  readonly pieces?: number;
  readonly share?: number;
};

/** A session whose other side acknowledges whatever it likes, and has read nothing, or something, or all. */
class Liar {
  readonly #channel;
  readonly #link: HoldingLink[] = [];
  /** What the session was given to send, in its order. */
  readonly #flow: Uint8Array[] = [];
  #flowBytes = 0;
  /** Where the flow over the present link begins. */
  #begin = 0;
  /** The highest position that was acknowledged. */
  #claimed = 0;

  constructor() {
    const link = new HoldingLink();
    this.#link.push(link);
    const { channel } = openChannel({ hello: { ...hello, session }, link });
    this.#channel = channel;
    const { session: ours } = channel;
    const send = ours!.send.bind(ours);
    ours!.send = (bytes, sent, shared) => {
      this.#flow.push(bytes.slice());
      this.#flowBytes += bytes.length;
      return send(bytes, sent, shared);
    };
  }

  async play(steps: readonly Step[]): Promise<void> {
    const opening = this.#channel.openStream('a stream');
    await turn();
    this.#present.onMessage(smallFrame(FrameKind.streamCredit, streamCreditBody(1, 2 ** 24)));
    const stream = await opening;
    for (const [index, { what, bytes = 0, pieces = 0, share = 0 }] of steps.entries()) {
      const data = new Uint8Array(bytes).fill(100 + (index % 100));
      if (what === 'message') this.#channel.send(data);
      if (what === 'write') stream.write(data);
      await turn();
      if (what === 'transmit') this.#present.transmit(pieces);
      if (what === 'acknowledge') this.#acknowledge(share);
      if (what === 'resume') this.#resume(share);
      for (const link of this.#link) link.assertIntact();
    }
    this.#present.transmit();
    assert.ok(this.#channel.isOpen);
    this.#checkFlow();
  }

  get #present(): HoldingLink {
    return this.#link.at(-1)!;
  }

  /** All that was sent was handed to the link, which is never full. */
  #acknowledge(share: number): void {
    this.#claimed += Math.floor(share * (this.#flowBytes - this.#claimed));
    this.#present.onMessage(smallFrame(FrameKind.acknowledge, positionBody(this.#claimed)));
  }

  #resume(share: number): void {
    this.#checkFlow();
    this.#begin = this.#claimed + Math.floor(share * (this.#flowBytes - this.#claimed));
    const link = new HoldingLink();
    this.#link.push(link);
    const ours = this.#channel.session!;
    ours.resumeOver(new LinkEnd(link), ours.freeze(), this.#begin, []);
  }

  /** What went out is the flow, from where it began on this link. */
  #checkFlow(): void {
    const pieces = this.#present.pieces.splice(0).filter((piece) => !isAcknowledgement(piece));
    const sent = Buffer.concat(pieces);
    const expected = Buffer.concat(this.#flow).subarray(this.#begin, this.#begin + sent.length);
    assert.ok(sent.equals(expected), 'something else was sent than was to be');
    this.#begin += sent.length;
  }
}

/** They are not of the flow. A link may begin in the middle of a frame, so the whole header counts. */
function isAcknowledgement(piece: Uint8Array): boolean {
  if (piece.length !== anyAcknowledgement.length) return false;
  return anyAcknowledgement.subarray(0, frameHeaderBytes).every((byte, at) => piece[at] === byte);
}

test('a session goes on where what is left looks almost like an acknowledgement', () =>
  new Liar().play([
    { what: 'acknowledge', share: 0.96 },
    { what: 'message', bytes: 7 },
    { what: 'resume', share: 0 },
    { what: 'message', bytes: 1 },
  ]));

test('whatever the other side acknowledges, memory stays as it is for as long as a link holds it', async () => {
  const property = fc.asyncProperty(fc.array(anyStep, { maxLength: 40 }), async (steps) => {
    await new Liar().play(steps as Step[]);
  });
  await fuzzLive('acknowledgements', property, timeLimitMs);
});
