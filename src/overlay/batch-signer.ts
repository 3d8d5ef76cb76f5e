import { hexToBytes } from '@noble/hashes/utils.js';
import type { Runtime } from '../base/runtime.ts';
import { type NodeIdentity, whenSigned } from '../identity/signer.ts';
import { signedForBatch } from './batch-signature.ts';
import { BatchTree, maxBatch } from './batch-tree.ts';
import { type Broadcast, inBatch, setSignature, signedBytes } from './broadcast.ts';

export interface BatchSignerOptions {
  readonly identity: NodeIdentity;
  readonly network: string;
  readonly runtime: Runtime;
  /** Called when a broadcast is signed. */
  onSigned(broadcast: Broadcast): void;
  /** Called when a signer failed. */
  onFailure(error: unknown): void;
}

/**
 * Signs the broadcasts of a node. In each turn of the event loop, the first broadcast is signed immediately. The others
 * of that turn are signed together when it ends, because checking a signature costs a receiver more time than
 * everything else about a small broadcast.
 */
export class BatchSigner {
  readonly #options: BatchSignerOptions;
  #waiting: Broadcast[] = [];
  #waitingBytes = 0;
  #isInTurn = false;

  constructor(options: BatchSignerOptions) {
    this.#options = options;
  }

  /** The bytes of the broadcasts that wait for the end of the turn. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** @param draft a broadcast without its signature. */
  add(draft: Broadcast): void {
    if (this.#isInTurn) {
      this.#waiting.push(draft);
      this.#waitingBytes += draft.bytes.length;
      if (this.#waiting.length >= maxBatch) this.flush();
      return;
    }
    this.#isInTurn = true;
    this.#options.runtime.setTimeout(() => {
      this.#isInTurn = false;
      this.flush();
    }, 0);
    this.#sign([draft]);
  }

  /** Signs the waiting broadcasts. */
  flush(): void {
    const drafts = this.#waiting;
    if (drafts.length === 0) return;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#sign(drafts);
  }

  #sign(drafts: readonly Broadcast[]): void {
    const { identity, network, onFailure } = this.#options;
    const [first] = drafts;
    const tree = drafts.length === 1 ? undefined : new BatchTree(drafts.map(({ id }) => hexToBytes(id)));
    const statement = tree === undefined ? signedBytes(first!.bytes, network) : signedForBatch(tree.root);
    const signed = whenSigned(identity.sign(statement), (signature) => {
      for (const [index, draft] of drafts.entries()) {
        if (tree === undefined) setSignature(draft, signature);
        this.#options.onSigned(
          tree === undefined ? draft : inBatch(draft, { ...tree.proofOf(index), signature }),
        );
      }
    });
    if (signed instanceof Promise) signed.catch(onFailure);
  }
}
