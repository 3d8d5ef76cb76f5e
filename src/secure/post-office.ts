import type { Data } from '../base/data.ts';
import { PeerloomError } from '../base/errors.ts';
import type { Runtime } from '../base/runtime.ts';
import type { ChannelStream } from '../channel/streams/stream.ts';
import { canonicalJson } from './canonical-json.ts';
import { dataFromBytes, dataToBytes } from './data-bytes.ts';
import { type Envelope, readEnvelope, verifySteps } from './envelope.ts';
import { type Errand, largeBytes } from './errand.ts';
import type { ErrandPlaces, Place } from './errand-places.ts';
import { Errands } from './errands.ts';
import { fieldsOf } from './fields.ts';
import { encryptionKeyOf, type HpkeContext, type HpkeOpener, hpkeSeal } from './hpke.ts';
import type { Notary } from './notary.ts';
import type { PeerTurns } from './peer-turns.ts';
import type { RelayAnswer, RelayRequest } from './relay-messages.ts';
import type { SecureChannel } from './secure-channel.ts';
import { runPaced, type Steps } from './steps.ts';
import { type Origin, Surveys } from './surveys.ts';

/** A question from one node to another, and what it is about. */
export type Mail = { readonly topic: string; readonly data: Data };

export interface PostOfficeOptions {
  readonly ownId: string;
  readonly notary: Notary;
  readonly runtime: Runtime;
  /** In which large letters are looked at. */
  readonly turns: PeerTurns;
  /** Bytes of a message. */
  readonly maxMessageBytes: number;
  /** Room for what is passed on for neighbours. */
  readonly places: ErrandPlaces;
  readonly opener: HpkeOpener;
  /** Answers what another node asks. What it rejects with, that node is not told. */
  readonly respond: (mail: Mail, letter: Envelope, channel: SecureChannel) => Promise<Data>;
}

/** Bytes of a letter, or of an answer: what is longer goes to a neighbour, through a stream, or into a vault. */
const maxLetterBytes = 4 * 1024 * 1024;

/** HPKE adds a key and a tag. */
const maxSealedBytes = maxLetterBytes + 48;

/**
 * Carries letters beyond the neighbours: from node to node by flooding, each node once, as requests whose answers
 * come back the same way. A letter to one node is encrypted to it, and so is its answer; a relay sees who writes
 * to whom, and how much. An answer that its addressee did not sign is passed over at every hop.
 */
export class PostOffice {
  readonly #options: PostOfficeOptions;
  readonly #channels = new Map<string, SecureChannel>();
  readonly #errands = new Errands();
  readonly #surveys: Surveys;

  constructor(options: PostOfficeOptions) {
    const { ownId, notary, runtime, maxMessageBytes } = options;
    this.#options = options;
    this.#surveys = new Surveys({
      ownId,
      notary,
      runtime,
      errands: this.#errands,
      neighbours: () => [...this.#channels.keys()],
      carriers: (except) => this.#allBut(except),
      maxBytes: Math.min(maxLetterBytes, maxMessageBytes / 2),
    });
  }

  /** Open connections by the id of the node on the other side. */
  get channels(): ReadonlyMap<string, SecureChannel> {
    return this.#channels;
  }

  opened(channel: SecureChannel): void {
    this.#channels.set(channel.remote.id, channel);
  }

  closed(channel: SecureChannel): void {
    const { id } = channel.remote;
    if (this.#channels.get(id) === channel) this.#channels.delete(id);
    this.#errands.left(channel);
  }

  /**
   * Asks a node of the network, a neighbour or not.
   *
   * @throws PeerloomError `ERR_NOT_CONNECTED`, `ERR_NO_ROUTE`, and those of {@link Channel.request}.
   */
  async ask(to: string, mail: Mail, timeoutMs: number): Promise<Data> {
    const neighbour = this.#channels.get(to);
    if (neighbour?.remote.security.encrypted) return neighbour.exchange('ask', mail, { timeoutMs });
    return this.askSealed(to, mail, timeoutMs);
  }

  /** The same, encrypted end to end to a neighbour as well. */
  async askSealed(to: string, mail: Mail, timeoutMs: number): Promise<Data> {
    const { ownId, notary, opener } = this.#options;
    if (this.#channels.size === 0) {
      throw new PeerloomError(
        'ERR_NOT_CONNECTED',
        'this node has no connection, so it cannot send the message: call connectWithNode first',
      );
    }
    const bytes = dataToBytes(mail);
    checkLength(bytes, maxLetterBytes);
    const text = await hpkeSeal(encryptionKeyOf(to), bytes, contextOf(ownId, to));
    const letter = notary.sign('letter', text, to);
    const answer = await this.#forward(letter, timeoutMs);
    if (answer === undefined) {
      const message = `no path to ${to} was found within ${timeoutMs} ms: connect with it, or with a node that leads to it`;
      throw new PeerloomError('ERR_NO_ROUTE', message);
    }
    const { sealed } = fieldsOf(answer.data);
    return dataFromBytes(await opener.open(sealed as Uint8Array, contextOf(to, ownId)));
  }

  /** Opens a stream to the first of some nodes that is a neighbour over an encrypted link; `undefined` when none is. */
  async openStream(to: readonly string[], data: Data, timeoutMs: number): Promise<ChannelStream | undefined> {
    const channels = to.map((id) => this.#channels.get(id));
    const neighbour = channels.find((channel) => channel?.remote.security.encrypted);
    return neighbour?.fetchStream(data, { timeoutMs });
  }

  /** Asks every node of the network who its neighbours are; each answers for itself, signed. */
  survey(timeoutMs: number): Promise<Envelope[]> {
    return this.#surveys.ask(timeoutMs);
  }

  /** Answers what a neighbour asks this node itself. */
  answer(question: Envelope, channel: SecureChannel): Promise<Data> {
    return this.#options.respond(mailOf(question.data), question, channel);
  }

  /**
   * Takes what a neighbour brings for this node, or for another.
   *
   * @returns whether it is taken: an answer follows then.
   */
  async relay({ letter: data, budgetMs }: RelayRequest, channel: SecureChannel): Promise<boolean> {
    const place = this.#options.places.take(channel.remote.id, fieldsOf(data));
    if (place === undefined) return false;
    try {
      const letter = await this.#examineInTurn(data, channel);
      this.#fulfil(letter, budgetMs, { channel, place });
      return true;
    } catch (error) {
      place.leave();
      if ((error as PeerloomError).code === 'ERR_REPLAYED')
        return this.#answerAgain(readEnvelope(data), channel);
      channel.refuse(error as Error);
      return false;
    }
  }

  /** A neighbour answers what it was given to pass on. */
  answered({ hash, answer }: RelayAnswer, channel: SecureChannel): Promise<void> {
    return this.#errands.answered(hash, answer, channel);
  }

  /** Not an async function, which would keep the letter for as long as it waits for the answer. */
  #fulfil(
    letter: Envelope,
    budgetMs: number,
    { channel, place }: { readonly channel: SecureChannel; readonly place: Place },
  ): void {
    const { hash } = letter;
    const bringBack = (answer: Data): void => {
      channel.answerRelay(hash, answer);
      place.leave();
    };
    this.#answerTo(letter, budgetMs, { channel, place }).then(bringBack, () => bringBack(null));
  }

  #answerTo(
    letter: Envelope,
    budgetMs: number,
    { channel, place }: { readonly channel: SecureChannel; readonly place: Place },
  ): Promise<Data> {
    const { kind, to } = letter;
    const origin = { id: channel.remote.id, place };
    if (kind === 'survey') return this.#surveys.answer(letter, budgetMs, origin);
    if (to === this.#options.ownId) return this.#open(letter, channel);
    return this.#forward(letter, budgetMs, origin).then((found) => (found as unknown as Data) ?? null);
  }

  #answerAgain(letter: Envelope, channel: SecureChannel): boolean {
    const own = letter.kind === 'survey' ? this.#surveys.ownAnswerTo(letter) : undefined;
    if (own === undefined) return false;
    channel.answerRelay(letter.hash, [own as unknown as Data]);
    return true;
  }

  /** To hash a large one takes some milliseconds, and to give it to all neighbours takes as long again. */
  async #examineInTurn(data: Data, channel: SecureChannel): Promise<Envelope> {
    const content = fieldsOf(data).data;
    const isLarge = content instanceof Uint8Array && content.length > largeBytes;
    if (!isLarge) return channel.hearing.compute(this.#examine(data, channel));
    return this.#options.turns.run(channel.hearing, (pace) => runPaced(this.#examine(data, channel), pace));
  }

  #examine(data: Data, channel: SecureChannel): Steps<Envelope> {
    const { kind, to, data: content } = fieldsOf(data);
    const isLetter = kind === 'letter' && to !== undefined && content instanceof Uint8Array;
    const isSurvey = kind === 'survey' && to === undefined && content === null;
    if (!isLetter && !isSurvey)
      throw invalid('a neighbour asked to pass on something that is neither a letter nor a survey');
    if (isLetter) checkLength(content, maxSealedBytes);
    return this.#options.notary.examineSteps(data, channel.bringer);
  }

  async #open(letter: Envelope, channel: SecureChannel): Promise<Data> {
    const { ownId, notary, opener, respond } = this.#options;
    const { author } = letter;
    let mail: Mail;
    try {
      mail = mailOf(dataFromBytes(await opener.open(letter.data as Uint8Array, contextOf(author, ownId))));
    } catch (error) {
      channel.refuse(error as Error);
      throw error;
    }
    const answer = dataToBytes(await respond(mail, letter, channel));
    checkLength(answer, maxLetterBytes);
    const sealed = await hpkeSeal(encryptionKeyOf(author), answer, contextOf(ownId, author));
    return notary.sign('answer', { question: letter.id, sealed }, author) as unknown as Data;
  }

  /**
   * Like {@link PostOffice.#fulfil}, it keeps of the letter only what tells its answer.
   *
   * @param origin who brought the letter; left out: this node wrote it.
   * @returns the first answer of the addressee's, `undefined` when no neighbour leads there.
   */
  #forward(letter: Envelope, budgetMs: number, origin?: Origin): Promise<Envelope | undefined> {
    const { author, id, to } = letter;
    const addressee = this.#channels.get(to!);
    const carriers = addressee === undefined ? this.#allBut(origin?.id) : [addressee];
    let found: Envelope | undefined;
    const onAnswer = async (answer: Data, { hearing }: SecureChannel, errand: Errand): Promise<void> => {
      const isTrue = await hearing.begin(isAnswer(answer, { author, id, to }));
      if (!isTrue || errand.isOver) return;
      found = answer as unknown as Envelope;
      errand.end();
    };
    const { runtime } = this.#options;
    const carried = this.#errands.run({ letter, budgetMs, runtime, onAnswer }, carriers, origin?.place);
    return carried.then(() => found);
  }

  #allBut(id: string | undefined): SecureChannel[] {
    return [...this.#channels.values()].filter((channel) => channel.remote.id !== id);
  }
}

/** HPKE's context: a ciphertext that another author signs as its own does not open. */
function contextOf(author: string, to: string): HpkeContext {
  return { info: 'peerloom-letter-1', associated: canonicalJson([author, to]) };
}

/** Whether this is what the addressee of a letter signed in answer to it, and nothing else beside it. */
function* isAnswer(
  data: Data,
  letter: { readonly author: string; readonly id: string; readonly to: string | undefined },
): Steps<boolean> {
  try {
    const answer = readEnvelope(data);
    const { question, sealed, ...rest } = fieldsOf(answer.data);
    const isOfAddressee = answer.author === letter.to && answer.to === letter.author;
    const isToThis = answer.kind === 'answer' && question === letter.id && sealed instanceof Uint8Array;
    if (!isOfAddressee || !isToThis || Object.keys(rest).length > 0) return false;
    checkLength(sealed, maxSealedBytes);
    yield* verifySteps(answer);
    return true;
  } catch {
    return false;
  }
}

function mailOf(data: Data): Mail {
  const { topic, data: content } = fieldsOf(data);
  if (typeof topic !== 'string' || content === undefined) throw invalid('it has no topic');
  return { topic, data: content };
}

function invalid(message: string): PeerloomError {
  return new PeerloomError('ERR_ENVELOPE_INVALID', message);
}

function checkLength({ length }: Uint8Array, maxBytes: number): void {
  if (length <= maxBytes) return;
  const message = `the message or its answer has ${length} bytes, but at most ${maxBytes} are allowed: use a stream or the vault`;
  throw new PeerloomError('ERR_MESSAGE_TOO_LARGE', message);
}
