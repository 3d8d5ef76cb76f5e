import { hashOfData, RunningHash } from './data-hash.ts';

/** Something that a node reported, or that happened to the world. */
export interface TraceEntry {
  /** Milliseconds since the world began. */
  readonly at: number;
  /** The number of the node. */
  readonly node: number;
  /** The name of the event, such as `'node_message'`. */
  readonly event: string;
  /** The number of the peer that it is about, if there is one. */
  readonly peer: number | undefined;
  /** The hash of the data that came with it, if any. */
  readonly hash: string | undefined;
}

/** An entry, with the hash as a number. */
interface NewEntry {
  at: number;
  node: number;
  event: string;
  peer: number | undefined;
  hash: number | undefined;
}

/** How many entries are kept. */
const keptEntries = 4_096;

/** All events of a world: the last of them, and a digest of all. */
export class Trace {
  /** How many there were. */
  count = 0;
  readonly #hash = new RunningHash();
  readonly #hashesOfNames = new Map<string, number>();
  /** The last ones; the oldest is overwritten. */
  readonly #kept: NewEntry[] = [];

  add({ at, node, event, peer, hash }: Readonly<NewEntry>): void {
    const oldest = this.#kept[this.count % keptEntries];
    if (oldest === undefined) {
      this.#kept.push({ at, node, event, peer, hash });
    } else {
      oldest.at = at;
      oldest.node = node;
      oldest.event = event;
      oldest.peer = peer;
      oldest.hash = hash;
    }
    this.count += 1;
    this.#hash.number(at).whole(node).number(this.#hashOfName(event));
    this.#hash.whole(peer ?? -1).number(hash ?? -1);
  }

  /** The same for the same events, on every engine. */
  get digest(): string {
    return this.#hash.digest;
  }

  /** There are few names of events, and many events. */
  #hashOfName(event: string): number {
    let hash = this.#hashesOfNames.get(event);
    if (hash === undefined) {
      hash = hashOfData(event);
      this.#hashesOfNames.set(event, hash);
    }
    return hash;
  }

  /** The last entries, of certain nodes or of all, the oldest first. */
  last(count: number, nodes?: ReadonlySet<number>): TraceEntry[] {
    const start = this.count % keptEntries;
    const inOrder = [...this.#kept.slice(start), ...this.#kept.slice(0, start)];
    const wanted =
      nodes === undefined
        ? inOrder
        : inOrder.filter(({ node, peer }) => nodes.has(node) || (peer !== undefined && nodes.has(peer)));
    return wanted.slice(-count).map(({ hash, ...entry }) => ({ ...entry, hash: hash?.toString(16) }));
  }
}

/** An event of a trace as text. */
export function describeEntry({ at, node, event, peer, hash }: TraceEntry): string {
  const about = peer === undefined ? '' : ` (node ${peer})`;
  return `${at.toFixed(3)} ms, node ${node}: ${event}${about}${hash === undefined ? '' : ` ${hash}`}`;
}
