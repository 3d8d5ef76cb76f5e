import type { Data } from '../base/data.ts';
import { PeerloomError } from '../base/errors.ts';
import type { Runtime } from '../base/runtime.ts';
import { runPaced, type Steps } from '../base/steps.ts';
import { TurnShare } from '../base/turn-share.ts';
import type { RemoteNode } from '../channel/channel.ts';
import { sourceOfNode } from '../overlay/seen/source-of-node.ts';
import type { Envelope } from './envelope.ts';
import { type Bringer, DuplicateMessage, type Notary } from './notary.ts';
import type { Asker, PeerTurns } from './peer-turns.ts';

export interface HearingOptions {
  readonly ownId: string;
  readonly bringer: Bringer;
  readonly notary: Notary;
  readonly runtime: Runtime;
  /** Those of all neighbours of the node. */
  readonly turns: PeerTurns;
  /** Tells the user of what was not let through. */
  readonly onRefused: (error: Error) => void;
  /** A message for all nodes came that this node has seen, and is dropped. */
  readonly onDuplicate: () => void;
}

/**
 * Proves what one neighbour says: most messages at once, a few milliseconds of them in each turn of the event loop, and
 * large ones in turns with those of other neighbours.
 */
export class Hearing implements Asker {
  readonly #options: HearingOptions;
  readonly #share: TurnShare;
  #isClosed = false;

  constructor(options: HearingOptions) {
    this.#options = options;
    this.#share = new TurnShare(options.runtime);
  }

  /** Nothing is waited for: two nodes that send each other much would wait until the other one reads. */
  drained(): Promise<void> {
    return Promise.resolve();
  }

  /** Nothing more comes of the neighbour, and what is being proven is not wanted any more. */
  close(): void {
    this.#isClosed = true;
    this.#share.leave();
    this.#options.turns.leave(this);
  }

  /**
   * What was said, once it is proven that the neighbour may say it to us.
   *
   * @throws PeerloomError for what is refused, or rejects with it; the user has been told.
   */
  examine(data: Data, kinds: readonly string[]): Envelope | Promise<Envelope> {
    return this.begin(this.#proof(data, kinds));
  }

  /**
   * Does work for the neighbour: at once where one step is enough and the neighbour has not used up its share of this
   * turn of the event loop. What has to wait for another turn begins in order. Errors are as those of
   * {@link Hearing.examine}.
   */
  begin<Result>(work: Steps<Result>): Result | Promise<Result> {
    try {
      const begun = this.compute(work);
      return begun instanceof Promise ? this.#finished(begun) : begun;
    } catch (error) {
      return this.#refuse(error);
    }
  }

  /** The same for work that takes long: all of it, the first step too, is done in turns with other neighbours. */
  beginInTurn<Result>(work: Steps<Result>): Promise<Result> {
    return this.#finished(this.computeInTurn(work));
  }

  /** {@link Hearing.begin}, for what the user is not told of. */
  compute<Result>(work: Steps<Result>): Result | Promise<Result> {
    return this.#share.take(() => this.#options.turns.begin(this, work));
  }

  /** {@link Hearing.beginInTurn}, for what the user is not told of. */
  computeInTurn<Result>(work: Steps<Result>): Promise<Result> {
    return this.#options.turns.run(this, (pace) => runPaced(work, pace));
  }

  #finished<Result>(work: Promise<Result>): Promise<Result> {
    return work.then(
      (result) => (this.#isClosed ? this.#refuse(closed()) : result),
      // Closing stops what is under way, with an error that says nothing to users.
      (error) => this.#refuse(this.#isClosed ? closed() : error),
    );
  }

  *#proof(data: Data, kinds: readonly string[]): Steps<Envelope> {
    const { ownId, bringer } = this.#options;
    const envelope = yield* this.#examined(data, kinds);
    const { author, id, kind, to } = envelope;
    if (!kinds.includes(kind)) {
      throw new PeerloomError('ERR_ENVELOPE_INVALID', `a message of the kind ${kind} is not allowed here`);
    }
    if (to !== undefined && to !== ownId) {
      throw new PeerloomError('ERR_NOT_ADDRESSEE', `the message ${id} is meant for ${to}, not for this node`);
    }
    if (kind !== 'message' && author !== bringer.id) {
      const message = `${bringer.id} can send requests and responses only for itself, not for ${author}`;
      throw new PeerloomError('ERR_SIGNATURE_INVALID', message);
    }
    return envelope;
  }

  *#examined(data: Data, kinds: readonly string[]): Steps<Envelope> {
    const { bringer, notary } = this.#options;
    try {
      return yield* notary.examineSteps(data, bringer);
    } catch (error) {
      // A message where none belongs is no copy that somebody passes on.
      const isMisplaced = error instanceof DuplicateMessage && !kinds.includes('message');
      throw isMisplaced ? new PeerloomError('ERR_REPLAYED', error.message) : error;
    }
  }

  /** After the end nothing is told: what had arrived went with the connection. */
  #refuse(error: unknown): never {
    if (!this.#isClosed) {
      if (error instanceof DuplicateMessage) this.#options.onDuplicate();
      else this.#options.onRefused(error as Error);
    }
    throw error;
  }
}

export function bringerOf(remote: RemoteNode): Bringer {
  return { id: remote.id, source: sourceOfNode(remote), isEncrypted: remote.security.encrypted };
}

function closed(): PeerloomError {
  return new PeerloomError('ERR_CONNECTION_CLOSED', 'the connection closed before a message was proven');
}
