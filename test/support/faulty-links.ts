import type { Link, Transport } from '../../src/index.ts';
import type { VirtualRuntime } from '../../src/simulator/virtual-runtime.ts';

export type Side = 'a' | 'b';

/**
 * What may befall a link: it breaks, in the middle of a piece or not; it goes quiet, one way or both; it is slow; there is a
 * better one to move to.
 */
export const linkFaults = ['cut', 'half', 'deaf', 'mute a', 'mute b', 'slow', 'move'] as const;

/** What its nodes may do at that moment: connect, be it a second time, disconnect, stop. */
export const nodeActs = ['connect a', 'connect b', 'leave a', 'leave b', 'stop a', 'stop b'] as const;

export type LinkFault = (typeof linkFaults)[number];
export type NodeAct = (typeof nodeActs)[number];

export interface Fault {
  /** The piece at which it happens: all that the two sides hand to their links, in that order, from 1 on. */
  readonly at: number;
  readonly what: LinkFault | NodeAct;
}

export interface FaultyLinksOptions {
  readonly runtime: VirtualRuntime;
  readonly plan: readonly Fault[];
  readonly onAct: (act: NodeAct) => void;
}

/** The longest that a slow link holds a piece up. */
const maxDelayMs = 3_000;

/** What has befallen a link, for both of its ends. */
class Condition {
  readonly quiet = new Set<Side>();
  isSlow = false;
  /** When the last piece of a side arrives. */
  readonly arrivesAt = { a: 0, b: 0 };
  /** Pieces of a side that are held up, in their order. */
  readonly underWay: Record<Side, (() => void)[]> = { a: [], b: [] };
}

/** Links between two nodes, in memory, to which something happens at given moments. */
export class FaultyLinks {
  /** Pieces that were sent so far. */
  pieces = 0;
  /** Nothing happens any more; what has befallen a link stays. */
  isOver = false;
  /** Pieces that are held up. */
  heldUp = 0;
  readonly #options: FaultyLinksOptions;
  /** Of the link that is being made. */
  #condition = new Condition();
  /** Where links wait for better ones. */
  readonly #improvable: (() => void)[] = [];
  readonly #made: { readonly link: Link; readonly side: Side }[] = [];

  constructor(options: FaultyLinksOptions) {
    this.#options = options;
  }

  /** @param inner memory(), on a hub of the two nodes. */
  transport(inner: Transport, side: Side): Transport {
    return {
      schemes: inner.schemes,
      attach: (context) => inner.attach(context),
      listen: (address, onLink) =>
        inner.listen(address, (link) => onLink(this.#spoil(link, side, this.#condition))),
      dial: async (address, signal, id) => {
        const dial = async (): Promise<Link> => {
          const condition = new Condition();
          this.#condition = condition;
          const link = this.#spoil(await inner.dial(address, signal, id), side, condition);
          return Object.assign(link, { improve: (until: AbortSignal) => this.#improve(dial, until) });
        };
        return dial();
      },
      close: () => inner.close(),
    };
  }

  /** All links that there are break. */
  breakAll(): void {
    for (const { link } of this.#made.splice(0)) link.destroy();
  }

  /** A side learns nothing more over the links that there are, their ends included. */
  deafen(side: Side): void {
    for (const made of this.#made) if (made.side === side) made.link.pause();
  }

  #improve(dial: () => Promise<Link>, signal: AbortSignal): Promise<Link> {
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason));
      this.#improvable.push(() => {
        if (!signal.aborted) dial().then(resolve, reject);
      });
    });
  }

  #spoil(link: Link, side: Side, condition: Condition): Link {
    this.#made.push({ link, side });
    const send = link.send.bind(link);
    link.send = (bytes, sent) => {
      const piece = bytes.slice();
      sent?.();
      this.pieces += 1;
      const due = this.#due();
      for (const quiet of ['a', 'b'] as const) {
        if (due.has('deaf') || due.has(`mute ${quiet}`)) condition.quiet.add(quiet);
      }
      if (due.has('slow')) condition.isSlow = true;
      if (due.has('move')) for (const move of this.#improvable.splice(0)) move();
      // No user's code runs while a link takes a piece.
      for (const act of nodeActs) if (due.has(act)) queueMicrotask(() => this.#options.onAct(act));
      let hasRoom = true;
      if (!due.has('cut') && !condition.quiet.has(side)) {
        const part = due.has('half') ? piece.subarray(0, piece.length >> 1) : piece;
        hasRoom = condition.isSlow ? this.#holdUp(() => send(part), side, condition) : send(part);
      }
      if (due.has('cut')) link.destroy();
      if (due.has('half')) link.close(maxDelayMs);
      return hasRoom;
    };
    return link;
  }

  #due(): Set<Fault['what']> {
    const faults = this.isOver ? [] : this.#options.plan.filter(({ at }) => at === this.pieces);
    return new Set(faults.map(({ what }) => what));
  }

  #holdUp(send: () => void, side: Side, { arrivesAt, underWay }: Condition): true {
    const { runtime } = this.#options;
    arrivesAt[side] = Math.max(arrivesAt[side], runtime.now() + maxDelayMs * runtime.random());
    this.heldUp += 1;
    underWay[side].push(send);
    // Whichever timer comes first: two of the same moment may be a rounding error apart.
    runtime.setTimeout(() => {
      this.heldUp -= 1;
      underWay[side].shift()!();
    }, arrivesAt[side] - runtime.now());
    return true;
  }
}
