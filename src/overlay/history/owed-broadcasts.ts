import type { NodeConnection } from '../../api/node-connection.ts';
import { readBroadcast } from '../broadcast.ts';
import type { Delivery } from '../deliveries.ts';
import type { KeptBroadcasts } from './kept-broadcasts.ts';

interface Owed {
  readonly id: string;
  readonly via: NodeConnection;
}

/**
 * Broadcasts of a topic that handlers were too slow for. The history keeps them, so they need no memory of their own,
 * and handlers receive them later.
 */
export class OwedBroadcasts {
  readonly #kept: KeptBroadcasts;
  readonly #owed: Owed[] = [];
  #lost = 0;

  constructor(kept: KeptBroadcasts) {
    this.#kept = kept;
  }

  /** Broadcasts that the history gave up before handlers had time for them. */
  get lost(): number {
    return this.#lost;
  }

  get size(): number {
    return this.#owed.length;
  }

  /** @param id of a broadcast that is kept. */
  add(id: string, via: NodeConnection): void {
    this.#owed.push({ id, via });
    // Not all of them can be kept.
    if (this.size > this.#kept.capacity.maxMessages) {
      this.#owed.shift();
      this.#lost += 1;
    }
  }

  /** @returns the one that has waited longest; undefined: none is owed. @throws what the store does. */
  next(): Delivery | undefined {
    for (let owed = this.#owed.shift(); owed !== undefined; owed = this.#owed.shift()) {
      const bytes = this.#kept.read(owed.id);
      if (bytes === undefined) this.#lost += 1;
      else
        return {
          broadcast: readBroadcast(bytes, owed.id),
          arrival: { via: owed.via, hops: 0, isHistory: true },
        };
    }
    return undefined;
  }
}
