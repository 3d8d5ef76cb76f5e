import type { CollectionName } from './collection-state.ts';
import type { VaultNetwork } from './replicator.ts';
import { vaultTopics } from './vault-protocol.ts';
import type { Watchers } from './watchers.ts';

/**
 * The most notices under way to nodes that are not neighbours. Each of these is a letter that the whole network
 * carries.
 */
const maxLettersUnderWay = 16;
const noticeTimeoutMs = 10_000;

interface Notice {
  readonly id: string;
  readonly name: CollectionName;
}

/** Tells the nodes that watch a collection to fetch again. While a notice waits, further changes are part of it. */
export class ChangeNotices {
  readonly #network: VaultNetwork;
  readonly #watchers: Watchers;
  readonly #waiting = new Map<string, Notice>();
  #lettersUnderWay = 0;

  constructor(network: VaultNetwork, watchers: Watchers) {
    this.#network = network;
    this.#watchers = watchers;
  }

  send(name: CollectionName): void {
    const neighbours = new Set(this.#network.neighbours());
    for (const id of this.#watchers.of(name)) {
      const notice = { id, name };
      if (neighbours.has(id)) void this.#tell(notice);
      else this.#waiting.set(`${id} ${name.owner} ${name.collection}`, notice);
    }
    this.#sendLetters();
  }

  #sendLetters(): void {
    for (const [key, notice] of this.#waiting) {
      if (this.#lettersUnderWay === maxLettersUnderWay) return;
      this.#waiting.delete(key);
      this.#lettersUnderWay += 1;
      void this.#tell(notice).then(() => {
        this.#lettersUnderWay -= 1;
        this.#sendLetters();
      });
    }
  }

  /** Sends a notice. A node that cannot be reached asks again when it is back, without a notice. */
  async #tell({ id, name: { owner, collection } }: Notice): Promise<void> {
    try {
      await this.#network.ask(id, vaultTopics.changed, { owner, collection }, noticeTimeoutMs);
    } catch {
      this.#watchers.remove({ owner, collection }, id);
    }
  }
}
