import { sha256Bytes } from '../base/sha256.ts';
import { encodeText } from '../wire/payloads/text.ts';

/**
 * A hash tree over the ids of broadcasts that their origin signs together (docs/protocol.md, clause 14.13). The nodes
 * of the tree have numbers: the root is 1, and node k has the children 2k and 2k + 1. So the leaves of a batch of five
 * are 5 to 9.
 *
 *            1
 *        2       3
 *      4   5   6   7
 *     8 9
 */

/** The place of a broadcast that was signed alone. */
export const alone = 1;

/** The most broadcasts in a batch. */
export const maxBatch = 64;

/** The highest place. */
export const maxPlace = 2 * maxBatch - 1;

export const hashBytes = 32;

/** Distinguishes the hash of an inner node from an id, which is a hash too. */
const purpose = encodeText('peerloom node 1\0');

/** The number of levels between a place and the root, which is the number of hashes in its path. */
export function depthOf(place: number): number {
  return 31 - Math.clz32(place);
}

/** Returns the hash of the parent of a node. @param node the number of the node. */
export function parentOf(node: number, hash: Uint8Array, sibling: Uint8Array): Uint8Array {
  return node % 2 === 0 ? hashOf(hash, sibling) : hashOf(sibling, hash);
}

/** The tree over the given leaves. */
export class BatchTree {
  /** The hashes of the nodes, by the number of the node. */
  readonly #nodes: Uint8Array[];
  readonly #count: number;

  constructor(leaves: readonly Uint8Array[]) {
    this.#count = leaves.length;
    this.#nodes = [...leaves, ...leaves];
    for (let node = leaves.length - 1; node >= 1; node--) {
      this.#nodes[node] = hashOf(this.#nodes[2 * node]!, this.#nodes[2 * node + 1]!);
    }
  }

  get root(): Uint8Array {
    return this.#nodes[1]!;
  }

  /** Returns the place of a leaf and its path: the siblings of all nodes from the leaf up to just below the root. */
  proofOf(index: number): { readonly place: number; readonly path: Uint8Array } {
    const place = this.#count + index;
    const path = new Uint8Array(depthOf(place) * hashBytes);
    for (let at = 0, node = place; node > 1; node >>= 1, at += hashBytes)
      path.set(this.#nodes[node ^ 1]!, at);
    return { place, path };
  }
}

function hashOf(left: Uint8Array, right: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(purpose.length + 2 * hashBytes);
  bytes.set(purpose);
  bytes.set(left, purpose.length);
  bytes.set(right, purpose.length + hashBytes);
  return sha256Bytes(bytes);
}
