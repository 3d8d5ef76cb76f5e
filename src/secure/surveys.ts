import type { Data } from '../base/data.ts';
import { PeerloomError } from '../base/errors.ts';
import type { Steps } from '../base/steps.ts';
import { isPeerId } from '../identity/identity.ts';
import { type Envelope, type PendingEnvelope, readEnvelope, verifySteps, whenReady } from './envelope.ts';
import type { Errand } from './errand.ts';
import type { Place } from './errand-places.ts';
import type { Errands } from './errands.ts';
import { fieldsOf } from './fields.ts';
import type { Neighbour } from './neighbour.ts';
import type { Notary } from './notary.ts';
import { frameOfLetter } from './secure-frames.ts';
import { Statements } from './statements.ts';

export interface SurveysOptions {
  readonly notary: Notary;
  readonly errands: Errands;
  /** Ids of all neighbours. */
  readonly neighbours: () => readonly string[];
  /** Returns the neighbours that can be asked, except for one. */
  readonly carriers: (except: Neighbour | undefined) => readonly Neighbour[];
  /** The most bytes that one survey gathers, and so the most of an answer to it. */
  readonly maxBytes: number;
}

/** A letter or survey that this node passes on. */
export interface Carriage {
  readonly letter: Envelope;
  /** The frame in which the letter came or was written. */
  readonly frame: Uint8Array;
  readonly budgetMs: number;
  /** Left out if this node wrote the letter. */
  readonly origin?: Origin;
}

/** The neighbour that brought a letter, and the letter's place. */
export interface Origin {
  readonly neighbour: Neighbour;
  readonly place: Place;
}

/** The answer of a neighbour for itself and for the nodes that it has asked. */
interface SurveyAnswer {
  readonly answer: readonly Data[];
  readonly survey: Envelope;
  readonly neighbour: Neighbour;
  readonly errand: Errand;
}

/** The most statements that are read in one answer. */
const maxStatements = 10_000;
/** The most neighbours that a node may name. */
const maxNeighbours = 1_024;
/** The most surveys whose own statement the node remembers. */
const maxAnswered = 256;

/**
 * Asks the whole network which nodes are connected. The request goes from node to node, each passes it on once, and the
 * answers come back the same way. Each node answers for itself, with its signature, and each hop checks every
 * statement. So an invented statement goes no further, and replaces no other one.
 */
export class Surveys {
  readonly #options: SurveysOptions;
  /** Own statements by the hash of the survey that they answer. */
  readonly #answered = new Map<string, Envelope | PendingEnvelope>();

  constructor(options: SurveysOptions) {
    this.#options = options;
  }

  /** @returns one statement of each node that answers. */
  ask(timeoutMs: number): Promise<Envelope[]> {
    return whenReady(this.#options.notary.sign('survey', null), (letter) =>
      this.#askOthers({ letter, frame: frameOfLetter(letter as unknown as Data), budgetMs: timeoutMs }),
    ) as Promise<Envelope[]>;
  }

  /** Answers a survey that a neighbour brings, for this node and for the nodes that it asks. */
  async answer(survey: Carriage): Promise<Data> {
    const own = this.#stateFor(survey.letter);
    const others = await this.#askOthers(survey);
    return whenReady<Data>(own, (statement) => [
      statement as unknown as Data,
      ...(others as unknown as Data[]),
    ]);
  }

  /**
   * Returns this node's own statement for a survey that has come before. It is sent to further neighbours, because the
   * neighbour that brought the survey first may withhold the answer.
   */
  ownAnswerTo(hash: string): Envelope | PendingEnvelope | undefined {
    return this.#answered.get(hash);
  }

  #stateFor(survey: Envelope): Envelope | PendingEnvelope {
    const { notary, neighbours } = this.#options;
    const data = { request: survey.id, neighbours: neighbours().slice(0, maxNeighbours) };
    const own = notary.sign('neighbours', data, survey.author);
    this.#answered.set(survey.hash, own);
    if (this.#answered.size > maxAnswered) this.#answered.delete(this.#answered.keys().next().value!);
    return own;
  }

  async #askOthers({ letter: survey, frame, budgetMs, origin }: Carriage): Promise<Envelope[]> {
    const { errands, carriers, maxBytes } = this.#options;
    const statements = new Statements(maxBytes);
    const onAnswer = (answer: Data, neighbour: Neighbour, errand: Errand): void | Promise<void> => {
      if (Array.isArray(answer)) return this.#gather(statements, { answer, survey, neighbour, errand });
    };
    const options = { hash: survey.hash, frame, budgetMs, onAnswer };
    await errands.run(options, { first: carriers(origin?.neighbour), others: [] }, origin?.place);
    return statements.all;
  }

  /**
   * Gathers the statements of an answer. The rest of the answer is ignored after the first false statement, which the
   * neighbour should have found.
   */
  async #gather(statements: Statements, { answer, survey, neighbour, errand }: SurveyAnswer): Promise<void> {
    try {
      await neighbour.hearing.begin(this.#gatherSteps(statements, { answer, survey, neighbour, errand }));
    } catch {
      // The refusal has been reported to the user.
    }
  }

  *#gatherSteps(statements: Statements, { answer, survey, neighbour, errand }: SurveyAnswer): Steps<void> {
    const { ownId } = this.#options.notary;
    const { id } = neighbour.remote;
    for (const [index, data] of answer.slice(0, maxStatements).entries()) {
      if (index > 0) yield;
      if (errand.isOver) return;
      const statement = readEnvelope(data);
      if (statement.author === ownId || statements.has(statement, id)) continue;
      const neighbours = yield* checkStatement(statement, survey);
      // Meanwhile another neighbour may have brought the statement.
      if (!statements.has(statement, id)) statements.add(statement, neighbours, id);
    }
  }
}

/**
 * Proves that a node made this statement about its neighbours in answer to a survey.
 *
 * @returns the number of neighbours that it names.
 * @throws PeerloomError `ERR_ENVELOPE_INVALID`, `ERR_HASH_MISMATCH`, `ERR_SIGNATURE_INVALID`.
 */
function* checkStatement(statement: Envelope, survey: Envelope): Steps<number> {
  const { kind, to, data } = statement;
  const { request, neighbours, ...rest } = fieldsOf(data);
  const isAnswer = kind === 'neighbours' && to === survey.author && request === survey.id;
  const isPlain = Array.isArray(neighbours) && Object.keys(rest).length === 0;
  if (!isAnswer || !isPlain || neighbours.length > maxNeighbours || !neighbours.every(isId)) {
    throw new PeerloomError('ERR_ENVELOPE_INVALID', 'the answer to a survey is not a list of neighbours');
  }
  yield* verifySteps(statement);
  return neighbours.length;
}

function isId(id: Data): boolean {
  return typeof id === 'string' && isPeerId(id);
}
