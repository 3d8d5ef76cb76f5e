import { isDeepStrictEqual } from 'node:util';
import type { Data, NodeConnection, PeerStream } from '../../src/index.ts';
import { heldBytes } from './memory.ts';
import { randomFrom } from './random-from.ts';

/** How much two nodes say to each other, at least: they go on until they are told to finish. */
export interface TalkOptions {
  /** The same on both sides. */
  readonly seed: number;
  readonly messages: number;
  /** The longest message; one in eighty is drawn from all sizes up to it, the others are below 1 KiB. */
  readonly maxMessageBytes: number;
  readonly requests: number;
  readonly streams: number;
  readonly streamBytes: number;
  /** Waits for a confirmation after so many messages, for links that must not be filled. Default: never. */
  readonly confirmEvery?: number;
}

/** What came of numbered things that were to arrive once each, in order. */
export interface Arrivals {
  /** The number that is next. */
  count: number;
  /** Numbers that did not come when it was their turn. */
  skipped: number;
  /** Numbers that came after their turn: late, or again. */
  outOfTurn: number;
  /** Those with other contents than were sent. */
  damaged: number;
}

export interface TalkReport {
  /** How many messages the other side says it has sent, and how many have come. */
  readonly announced: number;
  readonly messages: Arrivals;
  /** Questions of the other side. */
  readonly asked: Arrivals;
  /** Own questions, by their answers. */
  readonly answered: Arrivals;
  /** Own streams, all that was written to them having come back. */
  readonly streams: number;
  readonly damagedStreams: number;
  /** Bytes held at each progress report. */
  readonly heldBytes: readonly number[];
}

const none = (): Arrivals => ({ count: 0, skipped: 0, outOfTurn: 0, damaged: 0 });
const blockBytes = 512 * 1024;
const askers = 4;
const forever = Number.POSITIVE_INFINITY;
const pieceBytes = 50_000;

/** One side of a conversation: sends numbered messages, questions and streams, and checks those of the other. */
export class Talk {
  readonly #options: TalkOptions;
  readonly #block: Uint8Array;
  readonly #messages = none();
  readonly #asked = none();
  readonly #answered = none();
  readonly #heldBytes: number[] = [];
  readonly #announced = Promise.withResolvers<number>();
  #questions = 0;
  #streams = 0;
  #damagedStreams = 0;
  #isFinishing = false;

  constructor(options: TalkOptions) {
    const random = randomFrom(options.seed);
    this.#options = options;
    this.#block = Uint8Array.from({ length: blockBytes }, () => random() * 256);
  }

  get received(): number {
    return this.#messages.count;
  }

  /** Talks until told to finish, and both sides have said and heard everything. */
  async hold(connection: NodeConnection): Promise<TalkReport> {
    const [sent] = await Promise.all([
      this.#sendMessages(connection),
      this.#sendStreams(connection),
      ...Array.from({ length: askers }, () => this.#askQuestions(connection)),
    ]);
    await connection.deliver({ announced: sent }, { timeoutMs: forever });
    return {
      announced: await this.#announced.promise,
      messages: this.#messages,
      asked: this.#asked,
      answered: this.#answered,
      streams: this.#streams,
      damagedStreams: this.#damagedStreams,
      heldBytes: this.#heldBytes,
    };
  }

  finish(): void {
    this.#isFinishing = true;
  }

  onMessage(data: Data): void {
    const { announced } = data as { announced?: number };
    if (announced !== undefined) {
      this.#announced.resolve(announced);
      return;
    }
    const index = data instanceof Uint8Array ? viewOf(data).getUint32(0) : (data as { index: number }).index;
    count(this.#messages, index, () => isDeepStrictEqual(data, this.#messageAt(index)));
  }

  onRequest(data: Data): Data {
    const { question } = data as { question: number };
    count(this.#asked, question, () => true);
    return { answer: this.#messageAt(question) };
  }

  /** Sends everything back. */
  async onStream(stream: PeerStream): Promise<void> {
    for await (const bytes of stream) if (!stream.write(bytes)) await stream.drained();
    stream.end();
  }

  noteHeldBytes(): void {
    this.#heldBytes.push(heldBytes());
  }

  #goesOn(done: number, least: number): boolean {
    return done < least || !this.#isFinishing;
  }

  async #sendMessages(connection: NodeConnection): Promise<number> {
    const { messages, confirmEvery = forever } = this.#options;
    let sent = 0;
    for (; this.#goesOn(sent, messages); sent++) {
      const data = this.#messageAt(sent);
      if (sent % confirmEvery === confirmEvery - 1) await connection.deliver(data, { timeoutMs: forever });
      else if (!sendSomehow(connection, data, sent)) await connection.drained();
    }
    return sent;
  }

  async #askQuestions(connection: NodeConnection): Promise<void> {
    while (this.#goesOn(this.#questions, this.#options.requests)) {
      const question = this.#questions++;
      const expected = { answer: this.#messageAt(question) };
      const answer = await connection.request({ question }, { timeoutMs: forever });
      this.#answered.count += 1;
      if (!isDeepStrictEqual(answer, expected)) this.#answered.damaged += 1;
    }
  }

  async #sendStreams(connection: NodeConnection): Promise<void> {
    while (this.#goesOn(this.#streams, this.#options.streams)) {
      const stream = await connection.openStream(this.#streams, { timeoutMs: forever });
      const [, isIntact] = await Promise.all([this.#writeStream(stream), this.#readStream(stream)]);
      this.#streams += 1;
      if (!isIntact) this.#damagedStreams += 1;
    }
  }

  async #writeStream(stream: PeerStream): Promise<void> {
    const { streamBytes } = this.#options;
    for (let at = 0; at < streamBytes; ) {
      const start = at % blockBytes;
      const piece = this.#block.subarray(start, start + Math.min(pieceBytes, streamBytes - at));
      at += piece.length;
      if (!stream.write(piece)) await stream.drained();
    }
    stream.end();
  }

  async #readStream(stream: PeerStream): Promise<boolean> {
    let at = 0;
    let isIntact = true;
    for await (const bytes of stream) {
      for (let checked = 0; checked < bytes.length; ) {
        const start = (at + checked) % blockBytes;
        const expected = this.#block.subarray(start, start + bytes.length - checked);
        isIntact &&= Buffer.compare(expected, bytes.subarray(checked, checked + expected.length)) === 0;
        checked += expected.length;
      }
      at += bytes.length;
    }
    return isIntact && at === this.#options.streamBytes;
  }

  /** The n-th message, in one of three forms. */
  #messageAt(index: number): Data {
    const random = randomFrom(this.#options.seed + index * 7919);
    const isLarge = random() < 1 / 80;
    const size = 4 + Math.floor(random() * ((isLarge ? this.#options.maxMessageBytes : 1_000) - 4));
    const start = Math.floor(random() * (blockBytes - size));
    const bytes = this.#block.slice(start, start + size);
    if (index % 3 === 0) return { index, bytes };
    if (index % 3 === 1) return { index, text: Buffer.from(bytes).toString('base64').slice(0, size) };
    viewOf(bytes).setUint32(0, index);
    return bytes;
  }
}

/** In one of the ways there are; false: wait. */
function sendSomehow(connection: NodeConnection, data: Data, index: number): boolean {
  const { mainNode, id } = connection;
  if (index % 5 === 0) return mainNode.sendToNode(id, data, { compression: index % 2 ? 'zlib' : 'none' });
  if (index % 5 !== 1) return connection.send(data);
  const { sent, congested, failed } = mainNode.sendToNodes(data);
  if (sent !== 1) throw failed[0]?.error ?? new Error('nobody to send to');
  return congested.length === 0;
}

function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length);
}

function count(arrivals: Arrivals, index: number, isIntact: () => boolean): void {
  if (index < arrivals.count) arrivals.outOfTurn += 1;
  else {
    arrivals.skipped += index - arrivals.count;
    arrivals.count = index + 1;
  }
  if (!isIntact()) arrivals.damaged += 1;
}
