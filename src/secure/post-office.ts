import type { Data } from '../base/data.ts';
import { PeerloomError } from '../base/errors.ts';
import type { Runtime } from '../base/runtime.ts';
import { runPaced, type Steps } from '../base/steps.ts';
import type { ChannelStream } from '../channel/streams/stream.ts';
import { isHash } from './digest.ts';
import { type Envelope, whenReady } from './envelope.ts';
import type { Carriers, Errand } from './errand.ts';
import type { ErrandPlaces, Place } from './errand-places.ts';
import { Errands } from './errands.ts';
import { fieldsOf } from './fields.ts';
import { encryptionKeyOf, type HpkeOpener, hpkeSeal } from './hpke.ts';
import {
  cannotDecrypt,
  checkLength,
  contextOf,
  invalid,
  isAnswer,
  letterBytesOf,
  type Mail,
  mailOf,
  maxLetterBytes,
  maxSealedBytes,
  openedSteps,
} from './letter-content.ts';
import type { Neighbour } from './neighbour.ts';
import type { Notary } from './notary.ts';
import { frameOfLetter, largeBytes, type RelayAnswer, type RelayRequest } from './secure-frames.ts';
import { type Carriage, type Origin, Surveys } from './surveys.ts';
import { turnPace } from './vault/turn.ts';

export interface PostOfficeOptions {
  readonly notary: Notary;
  readonly runtime: Runtime;
  /** The most bytes of a message. */
  readonly maxMessageBytes: number;
  /** Returns the id of the peer over which the latest broadcast of a node came, if that peer is connected. */
  readonly viaOf: (id: string) => string | undefined;
  /** The places for letters that are passed on for neighbours. */
  readonly places: ErrandPlaces;
  /** `undefined` if the node has no private key itself, so that it cannot decrypt letters. */
  readonly opener: HpkeOpener | undefined;
  /** Responds to a request of another node, which does not learn the reason of a rejection. */
  readonly respond: (mail: Mail, letter: Envelope, neighbour: Neighbour) => Promise<Data>;
}

/**
 * A peer becomes a neighbour just after its connect handler was called. So a request of that handler waits for this
 * promise.
 */
const connectHandlers = Promise.resolve();

/**
 * The most bytes of a frame in addition to the data of its letter: signature, hash, ids and names. Honest frames have
 * half of that.
 */
const maxFramingBytes = 1_024;

/** The answer to a letter that its addressee cannot decrypt. */
const refusal = { error: 'ERR_NOT_SUPPORTED' } as const;

/** What the node has found out about a letter that a neighbour brings. */
interface Visit {
  data?: Data;
  place?: Place | undefined;
}

/**
 * Carries letters beyond the neighbours, through each node once. A letter follows the path over which the latest
 * broadcast of the addressee came. It goes over all links if no path is known, or if the path does not lead on. Answers
 * come back the same way. A letter to one node is encrypted to that node, and so is its answer. A relay sees who writes
 * to whom, and how much. Every hop ignores answers that the addressee did not sign.
 */
export class PostOffice {
  readonly #options: PostOfficeOptions;
  readonly #neighbours = new Map<string, Neighbour>();
  readonly #errands: Errands;
  readonly #surveys: Surveys;

  constructor(options: PostOfficeOptions) {
    const { notary, runtime, maxMessageBytes } = options;
    this.#options = options;
    this.#errands = new Errands(runtime);
    this.#surveys = new Surveys({
      notary,
      errands: this.#errands,
      neighbours: () => [...this.#neighbours.keys()],
      carriers: (except) => this.#allBut(except),
      maxBytes: Math.min(maxLetterBytes, maxMessageBytes / 2),
    });
  }

  /** The neighbours by their ids. */
  get neighbours(): ReadonlyMap<string, Neighbour> {
    return this.#neighbours;
  }

  opened(neighbour: Neighbour): void {
    this.#neighbours.set(neighbour.remote.id, neighbour);
  }

  closed(neighbour: Neighbour): void {
    const { id } = neighbour.remote;
    if (this.#neighbours.get(id) === neighbour) this.#neighbours.delete(id);
    this.#errands.left(neighbour);
  }

  /**
   * Asks a node of the network, which need not be a neighbour.
   *
   * @throws PeerloomError `ERR_NOT_CONNECTED`, `ERR_NO_ROUTE`, and the errors of {@link Channel.request}.
   */
  async ask(to: string, mail: Mail, timeoutMs: number): Promise<Data> {
    await connectHandlers;
    const neighbour = this.#neighbours.get(to);
    if (neighbour?.remote.security.encrypted) return neighbour.request(mail, { timeoutMs });
    return this.askEncrypted(to, mail, timeoutMs);
  }

  /** {@link PostOffice.ask}, but encrypted end to end even if the node is a neighbour. */
  async askEncrypted(to: string, mail: Mail, timeoutMs: number): Promise<Data> {
    const { notary, opener, runtime } = this.#options;
    const { ownId } = notary;
    if (opener === undefined) throw cannotDecrypt(`this node cannot decrypt the answer of ${to}`);
    await connectHandlers;
    if (this.#neighbours.size === 0) {
      throw new PeerloomError(
        'ERR_NOT_CONNECTED',
        'this node has no connection with a SecureNode, so it cannot send the message: call connectWithNode first',
      );
    }
    const bytes = letterBytesOf(mail);
    const text = await hpkeSeal(encryptionKeyOf(to), bytes, { ...contextOf(ownId, to), runtime });
    const letter = await whenReady(notary.sign('letter', text, to), (signed) => signed);
    const frame = frameOfLetter(letter as unknown as Data);
    const answer = await this.#forward({ letter, frame, budgetMs: timeoutMs });
    if (answer === undefined) {
      const message = `no path to ${to} was found within ${timeoutMs} ms: connect with it, or with a node that leads to it`;
      throw new PeerloomError('ERR_NO_ROUTE', message);
    }
    const { sealed } = fieldsOf(answer.data);
    const bytesOfAnswer = await opener.open(sealed as Uint8Array, contextOf(to, ownId));
    const opened = await runPaced(openedSteps(bytesOfAnswer), turnPace(runtime));
    if (fieldsOf(opened).error === refusal.error)
      throw cannotDecrypt(`${to} cannot decrypt what is sent to it`);
    return opened;
  }

  /**
   * Opens a stream to the first of some nodes that is a neighbour over an encrypted link. Returns `undefined` if none
   * is.
   */
  async openStream(to: readonly string[], data: Data, timeoutMs: number): Promise<ChannelStream | undefined> {
    const neighbours = to.map((id) => this.#neighbours.get(id));
    const neighbour = neighbours.find((one) => one?.remote.security.encrypted);
    return neighbour?.fetchStream(data, { timeoutMs });
  }

  /** Asks every node of the network for its neighbours. Each node answers for itself, with its signature. */
  async survey(timeoutMs: number): Promise<Envelope[]> {
    await connectHandlers;
    return this.#surveys.ask(timeoutMs);
  }

  /** Responds to a request of a neighbour to this node itself. */
  respond(request: Envelope, neighbour: Neighbour): Promise<Data> {
    return this.#options.respond(mailOf(request.data), request, neighbour);
  }

  /** Handles a letter that a neighbour brings, for this node or another, and answers the neighbour. */
  async relay(request: RelayRequest, neighbour: Neighbour): Promise<void> {
    const { frame, budgetMs } = request;
    const { hearing } = neighbour;
    const visit: Visit = {};
    const examination = this.#examine(request, neighbour, visit);
    try {
      // Of the large letters that arrive together, only one at a time is read and proven, because each takes memory and
      // some milliseconds.
      const isLarge = frame.length > largeBytes;
      const letter = await (isLarge ? hearing.computeInTurn(examination) : hearing.compute(examination));
      this.#fulfil({ letter, frame, budgetMs, origin: { neighbour, place: visit.place! } });
    } catch (error) {
      visit.place?.release();
      this.#turnAway(error as PeerloomError, neighbour, visit);
    }
  }

  /** Called when a neighbour answers a letter that it was asked to pass on. */
  answered({ hash, answer }: RelayAnswer, neighbour: Neighbour): Promise<void> {
    return this.#errands.answered(hash, answer, neighbour);
  }

  /** This is not an async function, because that would keep the letter in memory until the answer comes. */
  #fulfil(carriage: Carriage & { readonly origin: Origin }): void {
    const { hash } = carriage.letter;
    const { neighbour, place } = carriage.origin;
    const bringBack = (answer: Data): void => {
      neighbour.answerRelay(hash, answer);
      place.release();
    };
    this.#answerTo(carriage).then(bringBack, () => bringBack(null));
    neighbour.tellTaken(hash);
  }

  #answerTo(carriage: Carriage & { readonly origin: Origin }): Promise<Data> {
    const { letter, origin } = carriage;
    if (letter.kind === 'survey') return this.#surveys.answer(carriage);
    if (letter.to === this.#options.notary.ownId) return this.#open(letter, origin.neighbour);
    return this.#forward(carriage).then((found) => (found as unknown as Data) ?? null);
  }

  #turnAway(error: PeerloomError, neighbour: Neighbour, { data }: Visit): void {
    const isSeen = error.code === 'ERR_REPLAYED';
    const isHonest = isSeen || error.code === 'ERR_QUEUE_FULL';
    if (!isHonest) neighbour.refuse(error);
    const { hash } = fieldsOf(data ?? null);
    if (!isHash(hash)) return;
    const own = isSeen ? this.#surveys.ownAnswerTo(hash) : undefined;
    const answer = (statement: Envelope | null): void =>
      neighbour.answerRelay(hash, statement && [statement as unknown as Data]);
    const answered = own === undefined ? answer(null) : whenReady(own, answer);
    if (answered instanceof Promise) answered.catch(() => answer(null));
  }

  *#examine({ frame, read, budgetMs }: RelayRequest, neighbour: Neighbour, visit: Visit): Steps<Envelope> {
    const { places, notary } = this.#options;
    const data = yield* read();
    visit.data = data;
    const { kind, to, data: content } = fieldsOf(data);
    const isLetter = kind === 'letter' && to !== undefined && content instanceof Uint8Array;
    const isSurvey = kind === 'survey' && to === undefined && content === null;
    if (!isLetter && !isSurvey)
      throw invalid('a neighbour asked to pass on something that is neither a letter nor a survey');
    if (budgetMs === 0) throw invalid('a neighbour asked to pass on a letter without time for it');
    if (isLetter) checkLength(content, maxSealedBytes);
    // The frame is passed on unchanged, so everything in it counts.
    if (frame.length > (isLetter ? content.length : 0) + maxFramingBytes)
      throw invalid('a neighbour asked to pass on a letter that is padded');
    visit.place = places.reserve(neighbour.remote.id, frame.length);
    if (visit.place === undefined) throw noRoom();
    return yield* notary.examineSteps(data, neighbour.bringer);
  }

  async #open(letter: Envelope, neighbour: Neighbour): Promise<Data> {
    const { opener, respond } = this.#options;
    const { author } = letter;
    if (opener === undefined) return this.#answerLetter(letter, refusal);
    let mail: Mail;
    try {
      const { ownId } = this.#options.notary;
      const bytes = await opener.open(letter.data as Uint8Array, contextOf(author, ownId));
      mail = mailOf(await neighbour.hearing.compute(openedSteps(bytes)));
    } catch (error) {
      neighbour.refuse(error as Error);
      throw error;
    }
    return this.#answerLetter(letter, await respond(mail, letter, neighbour));
  }

  async #answerLetter({ id, author }: Envelope, data: Data): Promise<Data> {
    const { notary, runtime } = this.#options;
    const { ownId } = notary;
    const answer = letterBytesOf(data);
    const sealed = await hpkeSeal(encryptionKeyOf(author), answer, { ...contextOf(ownId, author), runtime });
    return whenReady<Data>(notary.sign('answer', { request: id, sealed }, author), (signed) => signed);
  }

  /**
   * Passes a letter on. Like {@link PostOffice.#fulfil}, it keeps only the part of the letter that is needed to
   * recognise its answer.
   *
   * @returns the first answer of the addressee; `undefined` if no neighbour leads there.
   */
  #forward({ letter, frame, budgetMs, origin }: Carriage): Promise<Envelope | undefined> {
    const { author, hash, id, to } = letter;
    const addressee = this.#neighbours.get(to!);
    const carriers = addressee === undefined ? this.#carriersTo(to!, origin) : onlyTo([addressee]);
    let found: Envelope | undefined;
    const onAnswer = async (answer: Data, { hearing }: Neighbour, errand: Errand): Promise<void> => {
      const isTrue = await hearing.begin(isAnswer(answer, { author, id, to }));
      if (!isTrue || errand.isOver) return;
      found = answer as unknown as Envelope;
      errand.end();
    };
    const options = { hash, frame, budgetMs, onAnswer };
    return this.#errands.run(options, carriers, origin?.place).then(() => found);
  }

  #carriersTo(to: string, origin: Origin | undefined): Carriers {
    const via = this.#options.viaOf(to);
    const all = this.#allBut(origin?.neighbour);
    const first = all.filter(({ remote }) => remote.id === via);
    if (first.length === 0) return onlyTo(all);
    return { first, others: all.filter(({ remote }) => remote.id !== via) };
  }

  #allBut(one: Neighbour | undefined): Neighbour[] {
    return [...this.#neighbours.values()].filter(({ remote }) => remote.id !== one?.remote.id);
  }
}

function onlyTo(first: readonly Neighbour[]): Carriers {
  return { first, others: [] };
}

function noRoom(): PeerloomError {
  return new PeerloomError('ERR_QUEUE_FULL', 'too many letters of a neighbour are under way');
}
