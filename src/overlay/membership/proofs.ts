import type { Runtime, RuntimeTimer } from '../../base/runtime.ts';
import type { Contact } from './contacts.ts';

/** The most nodes that wait to be proven. Further nodes are ignored until they are reported again. */
const maxWaiting = 64;

/** How often the waiting nodes are checked, in milliseconds. */
const lookEveryMs = 1_000;

export interface ProofsOptions {
  readonly runtime: Runtime;
  /** Whether the rate of dials allows another dial, to this node. */
  readonly mayDial: (node: Contact) => boolean;
  readonly probe: (node: Contact) => Promise<void>;
}

/** Checks whether nodes can be dialled, one after the other and within a rate. */
export class Proofs {
  readonly #options: ProofsOptions;
  readonly #waiting = new Set<Contact>();
  #timer: RuntimeTimer | undefined;
  #isStopped = false;

  constructor(options: ProofsOptions) {
    this.#options = options;
  }

  /** Queues a node to be proven, unless this was tried before. */
  want(node: Contact): void {
    if (this.#isStopped || node.hasFailed || node.addresses.length === 0 || this.#waiting.size >= maxWaiting)
      return;
    this.#waiting.add(node);
    this.#timer ??= this.#options.runtime.setTimeout(() => this.#look(), 0);
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#waiting.clear();
  }

  #look(): void {
    this.#timer = undefined;
    const { mayDial, probe, runtime } = this.#options;
    for (const node of this.#waiting) {
      if (!mayDial(node)) continue;
      this.#waiting.delete(node);
      void probe(node);
    }
    if (this.#waiting.size > 0) this.#timer = runtime.setTimeout(() => this.#look(), lookEveryMs);
  }
}
