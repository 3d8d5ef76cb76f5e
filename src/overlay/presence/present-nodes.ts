import type { Announcement } from './announcement.ts';

/** A node is gone if it has announced nothing for this many of its periods, because some broadcasts may be lost. */
export const periodsOfSilence = 3;

/**
 * How long after a node has left an earlier announcement of it may still arrive, in milliseconds. Nodes drop broadcasts
 * that are older than 2 minutes, and their clocks may differ by 2 minutes.
 */
const lateMs = 240_000;

/** The approximate memory of a remembered node. */
const nodeBytes = 256;

interface Known {
  /** False once the node has announced that it leaves. It is remembered, because an earlier announcement may arrive. */
  isPresent: boolean;
  timeUs: number;
  forgottenAtMs: number;
  /** See {@link PresentNodes.heard}. */
  readonly source: string;
}

export interface PresentNodesOptions {
  /** The most nodes that are remembered. */
  readonly maxNodes: number;
  /** Called with the number of bytes that are newly kept. */
  readonly onGrowth: (bytes: number) => void;
}

/**
 * Knows from announcements which nodes of the network are present. Ids cost nothing, so each source may bring at most
 * the number of new nodes for which places are left: half of all places at first. Further new nodes are ignored. A
 * known node is never evicted for a new one.
 */
export class PresentNodes {
  readonly #options: PresentNodesOptions;
  readonly #nodes = new Map<string, Known>();
  readonly #countBySource = new Map<string, number>();

  constructor(options: PresentNodesOptions) {
    this.#options = options;
  }

  get ids(): string[] {
    return [...this.#nodes].filter(([, { isPresent }]) => isPresent).map(([id]) => id);
  }

  has(id: string): boolean {
    return this.#nodes.get(id)?.isPresent === true;
  }

  get heldBytes(): number {
    return this.#nodes.size * nodeBytes;
  }

  /**
   * Processes an announcement.
   *
   * @param source the source whose share of the places the origin uses: the neighbour that first delivered it, or all
   * neighbours with one address.
   * @returns what has changed, if anything.
   */
  heard(announcement: Announcement, source: string, nowMs: number): 'joined' | 'left' | undefined {
    const { origin, timeUs, everyMs } = announcement;
    const known = this.#nodes.get(origin);
    if (known === undefined && (everyMs === undefined || !this.#hasRoomFor(source))) return undefined;
    if (known !== undefined && timeUs <= known.timeUs) return undefined;
    const node = known ?? this.#add(origin, source);
    const wasPresent = node.isPresent;
    node.timeUs = timeUs;
    node.isPresent = everyMs !== undefined;
    node.forgottenAtMs = nowMs + (everyMs === undefined ? lateMs : periodsOfSilence * everyMs);
    if (node.isPresent === wasPresent) return undefined;
    return node.isPresent ? 'joined' : 'left';
  }

  /** Forgets the nodes that have been silent for too long. @returns the ids of those that were present. */
  forgetSilent(nowMs: number): string[] {
    const silent: string[] = [];
    for (const [id, { isPresent, forgottenAtMs, source }] of this.#nodes) {
      if (forgottenAtMs > nowMs) continue;
      this.#nodes.delete(id);
      this.#count(source, -1);
      if (isPresent) silent.push(id);
    }
    return silent;
  }

  /** This node heard nothing for this many milliseconds, because it did not run itself. */
  excuse(ms: number): void {
    for (const node of this.#nodes.values()) node.forgottenAtMs += ms;
  }

  #hasRoomFor(source: string): boolean {
    const places = this.#options.maxNodes - this.#nodes.size;
    return (this.#countBySource.get(source) ?? 0) < places;
  }

  #add(origin: string, source: string): Known {
    const node = { isPresent: false, timeUs: 0, forgottenAtMs: 0, source };
    this.#nodes.set(origin, node);
    this.#count(source, 1);
    this.#options.onGrowth(nodeBytes);
    return node;
  }

  #count(source: string, by: 1 | -1): void {
    const count = (this.#countBySource.get(source) ?? 0) + by;
    if (count === 0) this.#countBySource.delete(source);
    else this.#countBySource.set(source, count);
  }
}
