import { PeerloomError } from '../base/errors.ts';
import { didYouMean } from '../base/nearest-name.ts';
import { peerLabel } from '../base/peer-label.ts';
import { printable } from '../base/printable.ts';
import type { NodeConnection } from './node-connection.ts';

/** How many kinds a node reports for one peer, and for all peers together. */
const maxKindsOfPeer = 8;
const maxKinds = 256;

/** Longer kinds are cut. */
const maxKindLength = 64;

/** A kind of message or request that arrived and has no handler. */
export interface Unhandled {
  readonly peer: NodeConnection;
  /** `undefined` if the data has no kind. */
  readonly kind: string | undefined;
  /** The kinds that have a handler. */
  readonly known: readonly string[];
}

/** The kinds of messages and requests that arrived and have no handler. Each is reported once for each peer. */
export class UnknownKinds {
  readonly #reported = new Map<string, Set<string>>();
  #count = 0;

  /** @returns the error to report. `undefined` if it was reported before, or if too many kinds were reported. */
  report(
    event: 'node_message' | 'node_request',
    { peer, kind, known }: Unhandled,
  ): PeerloomError | undefined {
    const name = kind?.slice(0, maxKindLength);
    const what = event === 'node_message' ? 'messages' : 'requests';
    const key = name === undefined ? what : `${what} ${name}`;
    const ofPeer = this.#reported.get(peer.id) ?? new Set();
    if (ofPeer.has(key) || ofPeer.size >= maxKindsOfPeer || this.#count >= maxKinds) return undefined;
    this.#reported.set(peer.id, ofPeer.add(key));
    this.#count += 1;
    const handle = `handle that kind, or ${event}`;
    const remedy = name === undefined ? `handle ${event}` : `${handle}${didYouMean(name, known)}`;
    const kinds = name === undefined ? 'without a kind' : `of the kind '${printable(name)}'`;
    const message = `${peerLabel(peer)} sends ${what} ${kinds}, and nobody here handles them: ${remedy}`;
    return new PeerloomError('ERR_KIND_UNKNOWN', message);
  }
}
