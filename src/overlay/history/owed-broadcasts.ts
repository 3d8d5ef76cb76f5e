import type { NodeConnection } from '../../api/node-connection.ts';
import { readBroadcast } from '../broadcast.ts';
import type { Delivery } from '../deliveries.ts';
import type { KeptBroadcasts } from './kept-broadcasts.ts';

interface Owed {
  readonly id: string;
  readonly via: NodeConnection;
}

/**
 * Broadcasts of a topic that arrived while handlers were too slow. The history keeps their content, so they need no
 * further memory. Handlers receive them later.
 */
export class OwedBroadcasts {
  readonly #kept: KeptBroadcasts;
  readonly #owed: Owed[] = [];
  #lost = 0;

  constructor(kept: KeptBroadcasts) {
    this.#kept = kept;
  }

  /** The number of broadcasts that the history evicted before handlers received them. */
  get lost(): number {
    return this.#lost;
  }

  get size(): number {
    return this.#owed.length;
  }

  /** @param id the id of a kept broadcast. */
  add(id: string, via: NodeConnection): void {
    this.#owed.push({ id, via });
    // The history cannot keep more than this many.
    if (this.size > this.#kept.capacity.maxMessages) {
      this.#owed.shift();
      this.#lost += 1;
    }
  }

  /** @returns the broadcast that has waited longest, or `undefined` if none waits. @throws what the store throws. */
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
