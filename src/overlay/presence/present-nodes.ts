import type { Announcement } from './announcement.ts';

/** A node is gone when it has announced nothing for so many of its periods: broadcasts may be lost now and then. */
export const periodsOfSilence = 3;

/**
 * So long after a node has left, an earlier announcement of it may still arrive, in milliseconds: nodes drop broadcasts
 * that are older than 2 minutes, and their clocks may differ by as much.
 */
const lateMs = 240_000;

/** What this node knows of another one takes about so much. */
const nodeBytes = 256;

interface Known {
  /** False once it has said that it leaves: an earlier announcement may still arrive. */
  isPresent: boolean;
  timeUs: number;
  forgottenAtMs: number;
  /** See {@link PresentNodes.heard}. */
  readonly source: string;
}

export interface PresentNodesOptions {
  /** The most nodes that are remembered. */
  readonly maxNodes: number;
  /** Receives what is kept anew, in bytes. */
  readonly onGrowth: (bytes: number) => void;
}

/**
 * Which nodes of the network are there, by their announcements. Ids are free to make, so each source may bring as many
 * new nodes as there are places left: half of all at first. What is beyond that is passed over, and no node that is
 * known makes way for a new one.
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
   * Takes an announcement.
   *
   * @param source whose share of the places its origin takes: the neighbour through which it came first, or all neighbours
   * of one address.
   * @returns what it is news of.
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

  /** Forgets the nodes that have been silent for too long. @returns those of them that were still there. */
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

  /** This node heard nothing for so long, because it did not run itself. */
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
