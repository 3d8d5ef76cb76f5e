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
  /** The turns that all neighbours of the node share. */
  readonly turns: PeerTurns;
  /** Reports a message that was refused to the user. */
  readonly onRefused: (error: Error) => void;
  /** Called when a message for all nodes has arrived again and is dropped. */
  readonly onDuplicate: () => void;
}

/**
 * Proves what one neighbour sends. Most messages are proven immediately, up to a few milliseconds in each turn of the
 * event loop. Large messages are proven in turns with those of other neighbours.
 */
export class Hearing implements Asker {
  readonly #options: HearingOptions;
  readonly #share: TurnShare;
  #isClosed = false;

  constructor(options: HearingOptions) {
    this.#options = options;
    this.#share = new TurnShare(options.runtime);
  }

  /** Resolves immediately. Otherwise two nodes that send each other much data would wait for each other. */
  drained(): Promise<void> {
    return Promise.resolve();
  }

  /** Called when the connection has closed. Drops what is being proven. */
  close(): void {
    this.#isClosed = true;
    this.#share.cancel();
    this.#options.turns.cancel(this);
  }

  /**
   * Returns the envelope when it is proven that the neighbour may send it to this node.
   *
   * @throws PeerloomError if the envelope is refused; a promise rejects with it. The refusal has then been reported to
   * the user.
   */
  examine(data: Data, kinds: readonly string[]): Envelope | Promise<Envelope> {
    return this.begin(this.#proof(data, kinds));
  }

  /**
   * Runs work for the neighbour: immediately if one step is enough and the neighbour has not used up its share of this
   * turn of the event loop. Work that waits for another turn begins in order. Errors are reported as in
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

  /** {@link Hearing.begin} for long work: every step, including the first, runs in turns with other neighbours. */
  beginInTurn<Result>(work: Steps<Result>): Promise<Result> {
    return this.#finished(this.computeInTurn(work));
  }

  /** {@link Hearing.begin} without reports to the user. */
  compute<Result>(work: Steps<Result>): Result | Promise<Result> {
    return this.#share.run(() => this.#options.turns.begin(this, work));
  }

  /** {@link Hearing.beginInTurn} without reports to the user. */
  computeInTurn<Result>(work: Steps<Result>): Promise<Result> {
    return this.#options.turns.run(this, (pace) => runPaced(work, pace));
  }

  #finished<Result>(work: Promise<Result>): Promise<Result> {
    return work.then(
      (result) => (this.#isClosed ? this.#refuse(closed()) : result),
      // Closing stops the work under way with an error that is of no use to users.
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
      // If messages are not allowed here, this is not a copy that a neighbour passes on.
      const isMisplaced = error instanceof DuplicateMessage && !kinds.includes('message');
      throw isMisplaced ? new PeerloomError('ERR_REPLAYED', error.message) : error;
    }
  }

  /** Nothing is reported after the connection has closed, because everything that had arrived was dropped with it. */
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
