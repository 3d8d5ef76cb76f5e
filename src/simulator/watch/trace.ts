import { hashOfData, RunningHash } from './data-hash.ts';

/** Something that a node reported, or that happened to the world. */
export interface TraceEntry {
  /** Milliseconds since the world began. */
  readonly at: number;
  /** The number of the node. */
  readonly node: number;
  /** The name of the event, such as `'node_message'`. */
  readonly event: string;
  /** The number of the peer that the event is about, if there is one. */
  readonly peer: number | undefined;
  /** The hash of the event's data, if it has any. */
  readonly hash: string | undefined;
}

/** How many entries are kept. */
const keptEntries = 4_096;

/** Keeps the last events of a world, and a digest of all events. */
export class Trace {
  /** How many events there were. */
  count = 0;
  readonly #hash = new RunningHash();
  readonly #hashesOfNames = new Map<string, number>();
  /** The last entries, in columns. New entries overwrite the oldest. -1 if an entry does not have a value. */
  readonly #times = new Float64Array(keptEntries);
  readonly #nodes = new Int32Array(keptEntries);
  readonly #events: string[] = [];
  readonly #peers = new Int32Array(keptEntries);
  readonly #hashes = new Float64Array(keptEntries);

  /** @param peer `peer` and `hash` are -1 if there is none. */
  add(at: number, node: number, event: string, peer: number, hash: number): void {
    const place = this.count % keptEntries;
    this.#times[place] = at;
    this.#nodes[place] = node;
    this.#events[place] = event;
    this.#peers[place] = peer;
    this.#hashes[place] = hash;
    this.count += 1;
    this.#hash.number(at).whole(node).number(this.#hashOfName(event));
    this.#hash.whole(peer).number(hash);
  }

  /** A hash of all events. It is the same on every engine. */
  get digest(): string {
    return this.#hash.digest;
  }

  /** The hash of an event's name. Cached, because there are few names and many events. */
  #hashOfName(event: string): number {
    let hash = this.#hashesOfNames.get(event);
    if (hash === undefined) {
      hash = hashOfData(event);
      this.#hashesOfNames.set(event, hash);
    }
    return hash;
  }

  /** The last entries of certain nodes, or of all, the oldest first. */
  last(count: number, nodes?: ReadonlySet<number>): TraceEntry[] {
    const entries: TraceEntry[] = [];
    const first = Math.max(0, this.count - keptEntries);
    for (let number = this.count - 1; number >= first && entries.length < count; number--) {
      const entry = this.#entryAt(number % keptEntries);
      const { node, peer } = entry;
      const isWanted = nodes === undefined || nodes.has(node) || (peer !== undefined && nodes.has(peer));
      if (isWanted) entries.push(entry);
    }
    return entries.reverse();
  }

  #entryAt(place: number): TraceEntry {
    const [peer, hash] = [this.#peers[place]!, this.#hashes[place]!];
    return {
      at: this.#times[place]!,
      node: this.#nodes[place]!,
      event: this.#events[place]!,
      peer: peer === -1 ? undefined : peer,
      hash: hash === -1 ? undefined : hash.toString(16),
    };
  }
}

/** Describes an event of a trace as text. */
export function describeEntry({ at, node, event, peer, hash }: TraceEntry): string {
  const about = peer === undefined ? '' : ` (node ${peer})`;
  return `${at.toFixed(3)} ms, node ${node}: ${event}${about}${hash === undefined ? '' : ` ${hash}`}`;
}
