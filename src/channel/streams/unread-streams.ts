import type { MemoryAccount, MemoryBudget } from '../../base/memory-budget.ts';
import type { ChannelStream } from './stream.ts';

export interface UnreadStreamsOptions {
  readonly budget: Pick<MemoryBudget, 'close'>;
  /** The error for reads of dropped data. */
  readonly dropped: () => Error;
}

/** Closes accounts whose streams are all gone. Otherwise they would stay until the budget is next summed up. */
const collected = new FinalizationRegistry<UnreadStreams>((account) => account.closeIfRead());

/**
 * The unread data of streams whose connection has ended. The user can still read it, so it counts against the memory
 * budget.
 *
 * The account holds the streams weakly. A user who drops all references to a stream need not read it to free its
 * memory.
 */
export class UnreadStreams implements MemoryAccount {
  readonly #streams: readonly WeakRef<ChannelStream>[];
  readonly #options: UnreadStreamsOptions;

  constructor(streams: readonly ChannelStream[], options: UnreadStreamsOptions) {
    this.#streams = streams.map((stream) => new WeakRef(stream));
    this.#options = options;
    for (const stream of streams) collected.register(stream, this);
  }

  get heldBytes(): number {
    return this.#streams.reduce((bytes, stream) => bytes + (stream.deref()?.heldBytes ?? 0), 0);
  }

  shed(): void {
    const error = this.#options.dropped();
    for (const stream of this.#streams) stream.deref()?.dropUnread(error);
  }

  closeIfRead(): void {
    if (this.heldBytes === 0) this.#options.budget.close(this);
  }
}
