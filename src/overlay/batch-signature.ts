import { verifyById } from '../identity/verify-by-id.ts';
import { encodeText } from '../wire/payloads/text.ts';
import { hashBytes, parentOf } from './batch-tree.ts';

/** The same key signs handshakes and more. This prefix makes a signature invalid for any other purpose. */
const purpose = encodeText('peerloom batch 1\0');

/** The most batches whose checked signature is remembered. Each broadcast of a batch brings the same signature. */
const maxKnown = 1_024;

/** The batches with a checked signature, by the first eight bytes of the signature. */
const known = new Map<bigint, SignedBatch>();

/** Returns what the origin of a batch signs. @param root the root of the tree over the ids of its broadcasts. */
export function signedForBatch(root: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(purpose.length + root.length);
  bytes.set(purpose);
  bytes.set(root, purpose.length);
  return bytes;
}

/** The place in a batch that a broadcast claims. */
export interface BatchMember {
  /** The id of the broadcast. The bytes must not change later. */
  readonly leaf: Uint8Array;
  /** A place from 2 to `maxPlace`. `path` holds one hash for each level between this place and the root. */
  readonly place: number;
  readonly path: Uint8Array;
}

/**
 * Whether the node `origin` has signed a batch with this member. The signature is checked once for each batch, and each
 * node of the tree is computed once.
 */
export function isInSignedBatch(origin: string, member: BatchMember, signature: Uint8Array): boolean {
  const key = new DataView(signature.buffer, signature.byteOffset).getBigUint64(0);
  const batch = known.get(key);
  if (batch?.isSignedLike(origin, signature) === true) return batch.holds(member);
  const made = new SignedBatch(origin, signature);
  const root = made.add(member);
  if (!verifyById(origin, signedForBatch(root), signature)) return false;
  if (known.size >= maxKnown) known.delete(known.keys().next().value!);
  known.set(key, made);
  return true;
}

/** The tree of a signed batch: the nodes that members have shown so far. */
class SignedBatch {
  readonly #origin: string;
  readonly #signature: Uint8Array;
  /** The hashes of the nodes, by the number of the node. */
  readonly #nodes: Uint8Array[] = [];

  constructor(origin: string, signature: Uint8Array) {
    this.#origin = origin;
    this.#signature = Uint8Array.from(signature);
  }

  isSignedLike(origin: string, signature: Uint8Array): boolean {
    return origin === this.#origin && isEqual(signature, this.#signature);
  }

  /** Adds the first member. @returns the root to which its path leads. */
  add(member: BatchMember): Uint8Array {
    const hashes = this.#climb(member);
    const root = hashes.at(-1)!;
    this.#nodes[1] = root;
    this.#keep(member, hashes);
    return root;
  }

  /** Whether a member belongs to the batch. The whole path is checked, because nodes that receive it check it too. */
  holds(member: BatchMember): boolean {
    const hashes = this.#climb(member);
    let at = hashes.length - 1;
    let node = member.place >> at;
    if (!isEqual(hashes[at]!, this.#nodes[node]!)) return false;
    for (; node > 1; node >>= 1, at++) {
      if (!isEqual(siblingIn(member.path, at), this.#nodes[node ^ 1]!)) return false;
    }
    this.#keep(member, hashes);
    return true;
  }

  /** Returns the hashes of the nodes from the member up to the first known node, or to the root. */
  #climb({ leaf, place, path }: BatchMember): Uint8Array[] {
    const hashes = [leaf];
    for (let node = place; node > 1 && this.#nodes[node] === undefined; node >>= 1) {
      const at = hashes.length - 1;
      hashes.push(parentOf(node, hashes[at]!, siblingIn(path, at)));
    }
    return hashes;
  }

  /** Keeps the hashes of a path. They are copied, so that the bytes of the broadcast can be released earlier. */
  #keep({ place, path }: BatchMember, hashes: readonly Uint8Array[]): void {
    for (let at = 0; at < hashes.length - 1; at++) {
      this.#nodes[place >> at] = hashes[at]!;
      this.#nodes[(place >> at) ^ 1] = Uint8Array.from(siblingIn(path, at));
    }
  }
}

function siblingIn(path: Uint8Array, at: number): Uint8Array {
  return path.subarray(at * hashBytes, (at + 1) * hashBytes);
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return one.length === other.length;
}
