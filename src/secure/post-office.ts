import type { ChannelStream } from '../channel/stream.ts';
import type { Data } from '../data.ts';
import { PeerloomError } from '../errors.ts';
import { canonicalJson } from './canonical-json.ts';
import { dataFromBytes, dataToBytes } from './data-bytes.ts';
import { type Envelope, readEnvelope, verify } from './envelope.ts';
import { fieldsOf } from './fields.ts';
import { encryptionKeyOf, type HpkeContext, type HpkeOpener, hpkeSeal } from './hpke.ts';
import type { Notary } from './notary.ts';
import type { SecureChannel } from './secure-channel.ts';

/** A question from one node to another, and what it is about. */
export type Mail = { readonly topic: string; readonly data: Data };

export interface PostOfficeOptions {
  readonly ownId: string;
  readonly notary: Notary;
  readonly opener: HpkeOpener;
  /** Answers what another node asks. What it rejects with, that node is not told. */
  readonly respond: (mail: Mail, letter: Envelope, channel: SecureChannel) => Promise<Data>;
}

/** What each hop leaves to the next one of the time that it was given. */
const budgetShare = 0.9;
const minBudgetMs = 20;
const maxBudgetMs = 60_000;
/** Node ids that one question about the network may bring back. */
const maxStatements = 10_000;

/**
 * Carries letters beyond the neighbours: from node to node by flooding, each node once, as requests whose answers
 * come back the same way. A letter to one node is encrypted to it, and so is its answer; a relay sees who writes
 * to whom, and how much. An answer that its addressee did not sign is passed over at every hop.
 */
export class PostOffice {
  readonly #options: PostOfficeOptions;
  readonly #channels = new Map<string, SecureChannel>();

  constructor(options: PostOfficeOptions) {
    this.#options = options;
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
      throw new PeerloomError('ERR_NOT_CONNECTED', 'this node has no connection that could carry a letter');
    }
    const text = await hpkeSeal(encryptionKeyOf(to), dataToBytes(mail), contextOf(ownId, to));
    const letter = notary.sign('letter', text, to);
    const answer = await this.#forward(letter, timeoutMs);
    if (answer === null) {
      const message = `no node that was reached within ${timeoutMs} ms leads to ${to}`;
      throw new PeerloomError('ERR_NO_ROUTE', message);
    }
    const { sealed } = fieldsOf(answer.data);
    if (!(sealed instanceof Uint8Array)) throw invalid('an answer holds nothing encrypted');
    return dataFromBytes(await opener.open(sealed, contextOf(to, ownId)));
  }

  /** Opens a stream to the first of some nodes that is a neighbour over an encrypted link; `undefined` when none is. */
  async openStream(to: readonly string[], data: Data, timeoutMs: number): Promise<ChannelStream | undefined> {
    const channels = to.map((id) => this.#channels.get(id));
    const neighbour = channels.find((channel) => channel?.remote.security.encrypted);
    return neighbour?.fetchStream(data, { timeoutMs });
  }

  /** Asks every node of the network who its neighbours are; each answers for itself, signed. */
  async survey(timeoutMs: number): Promise<Envelope[]> {
    const { ownId, notary } = this.#options;
    const question = notary.sign('survey', null);
    const statements = await this.#surveyOthers(question, timeoutMs, ownId);
    return statements.filter((statement) => isAnswer(statement, question, 'neighbours'));
  }

  /** Takes what a neighbour asks of this node, or passes on for another. */
  async answer(question: Envelope, channel: SecureChannel): Promise<Data> {
    if (question.kind === 'ask') return this.#options.respond(mailOf(question.data), question, channel);
    const { letter: data, budgetMs } = fieldsOf(question.data);
    if (data === undefined || typeof budgetMs !== 'number') throw invalid('nothing is to be relayed');
    const letter = this.#examine(data, channel);
    if (letter === undefined) return null;
    const budget = Math.min(budgetMs, maxBudgetMs) * budgetShare;
    if (letter.kind === 'survey') return this.#answerSurvey(letter, budget, channel);
    if (letter.to === this.#options.ownId) return this.#open(letter, channel);
    return this.#forward(letter, budget, channel.remote.id);
  }

  /** `undefined` for a letter that has come before. */
  #examine(data: Data, channel: SecureChannel): Envelope | undefined {
    try {
      const letter = this.#options.notary.examine(data, channel.bringer);
      const isLetter =
        letter.kind === 'letter' && letter.to !== undefined && letter.data instanceof Uint8Array;
      if (isLetter || letter.kind === 'survey') return letter;
      throw invalid(`what is relayed is no letter but a ${letter.kind}`);
    } catch (error) {
      if ((error as PeerloomError).code === 'ERR_REPLAYED') return undefined;
      channel.refuse(error as Error);
      throw error;
    }
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
    const sealed = await hpkeSeal(encryptionKeyOf(author), answer, contextOf(ownId, author));
    return notary.sign('answer', { question: letter.id, sealed }, author);
  }

  /** The first answer of the addressee's, `null` when nobody leads there. */
  async #forward(letter: Envelope, budgetMs: number, cameFrom?: string): Promise<Envelope | null> {
    const addressee = this.#channels.get(letter.to!);
    const carriers = addressee === undefined ? this.#allBut(cameFrom) : [addressee];
    const answers = carriers.map(async (channel) => {
      const answer = await relay(channel, letter, budgetMs);
      if (isAnswer(answer, letter, 'answer')) return answer;
      throw invalid('this way leads nowhere');
    });
    return Promise.any(answers).catch(() => null);
  }

  async #answerSurvey(question: Envelope, budgetMs: number, channel: SecureChannel): Promise<Data> {
    const neighbours = [...this.#channels.keys()];
    const own = this.#options.notary.sign(
      'neighbours',
      { question: question.id, neighbours },
      question.author,
    );
    return [own, ...(await this.#surveyOthers(question, budgetMs, channel.remote.id))];
  }

  async #surveyOthers(question: Envelope, budgetMs: number, cameFrom: string): Promise<Envelope[]> {
    const byAuthor = new Map<string, Envelope>();
    const asked = this.#allBut(cameFrom).map(async (channel) => {
      const answer = await relay(channel, question, budgetMs).catch(() => null);
      for (const statement of Array.isArray(answer) ? (answer as Envelope[]) : []) {
        if (byAuthor.size < maxStatements) byAuthor.set(String(statement?.author), statement);
      }
    });
    await Promise.all(asked);
    return [...byAuthor.values()];
  }

  #allBut(id: string | undefined): SecureChannel[] {
    return [...this.#channels.values()].filter((channel) => channel.remote.id !== id);
  }
}

function relay(channel: SecureChannel, letter: Envelope, budgetMs: number): Promise<Data> {
  const timeoutMs = Math.max(budgetMs, minBudgetMs);
  return channel.exchange('relay', { letter, budgetMs: timeoutMs }, { timeoutMs });
}

/** HPKE's context: a ciphertext that another author signs as its own does not open. */
function contextOf(author: string, to: string): HpkeContext {
  return { info: 'peerloom-letter-1', associated: canonicalJson([author, to]) };
}

/** Whether this is what the addressee of a letter, or anybody asked by a survey, signed in answer to it. */
function isAnswer(data: Data, letter: Envelope, kind: 'answer' | 'neighbours'): data is Envelope {
  try {
    const answer = readEnvelope(data);
    verify(answer);
    const { question } = fieldsOf(answer.data);
    const isTheirs = letter.to === undefined || answer.author === letter.to;
    return isTheirs && answer.kind === kind && answer.to === letter.author && question === letter.id;
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
