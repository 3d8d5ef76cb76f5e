import { checkOptions, checkType, shown } from '../../base/arguments.ts';
import type { RuntimeTimer } from '../../base/runtime.ts';
import { type Duration, millisecondsIn } from '../duration.ts';
import type { ChanceStream } from '../seeded-chance.ts';
import type { VirtualRuntime } from '../virtual-runtime.ts';
import type { Fault } from './fault.ts';

/** How nodes come and go, see {@link Simulation.churn}. */
export interface ChurnOptions {
  /** How many nodes leave in a minute, on average. */
  readonly perMinute: number;
  /** How nodes leave: they crash, or they stop and say goodbye. Default `'crash'`. */
  readonly leave?: 'crash' | 'stop';
  /** How long each node stays away. The seed picks a time from this range. Default 5 to 60 seconds. */
  readonly away?: AwayRange;
  /** `'new'`: nodes come back with another identity. By default they keep their identity. */
  readonly identity?: 'new';
}

/** The shortest and the longest time for which a node stays away. */
export interface AwayRange {
  /** The shortest time. */
  readonly from: Duration;
  /** The longest time. */
  readonly to: Duration;
}

interface ChurnWorld {
  readonly runtime: VirtualRuntime;
  readonly chance: ChanceStream;
  /** Returns the numbers of the nodes that run. */
  readonly running: () => readonly number[];
  readonly apply: (fault: Fault) => void;
}

/** Makes nodes leave and come back at random. */
export class Churn {
  readonly #world: ChurnWorld;
  readonly #meanGapMs: number;
  readonly #away: { readonly fromMs: number; readonly toMs: number };
  readonly #leave: 'crash' | 'stop';
  readonly #identity: { readonly identity?: 'new' };
  #timer: RuntimeTimer | undefined;

  /** @throws TypeError or RangeError with the option, the rule and the value. */
  constructor(options: ChurnOptions, world: ChurnWorld) {
    checkOptions(options, ['perMinute', 'leave', 'away', 'identity']);
    const { perMinute, leave = 'crash', away = { from: 5_000, to: 60_000 }, identity } = options;
    checkType('perMinute', perMinute, 'number');
    if (!(perMinute > 0)) throw new RangeError(`perMinute must be above 0, not ${shown(perMinute)}`);
    this.#world = world;
    this.#meanGapMs = 60_000 / perMinute;
    this.#away = { fromMs: millisecondsIn(away.from, 'away.from'), toMs: millisecondsIn(away.to, 'away.to') };
    this.#leave = leave;
    this.#identity = identity === undefined ? {} : { identity };
  }

  start(): void {
    // Gaps are uniform from 0 to twice the mean. Other distributions need functions that engines compute differently.
    const gapMs = 2 * this.#meanGapMs * this.#world.chance.random();
    this.#timer = this.#world.runtime.setTimeout(() => {
      this.#leaveOne();
      this.start();
    }, gapMs);
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #leaveOne(): void {
    const { chance, running, apply, runtime } = this.#world;
    const candidates = running();
    const [place, length] = [chance.random(), chance.random()];
    const node = candidates[Math.floor(place * candidates.length)];
    if (node === undefined) return;
    apply({ kind: this.#leave, nodes: [node] });
    const { fromMs, toMs } = this.#away;
    runtime.setTimeout(
      () => apply({ kind: 'restart', nodes: [node], ...this.#identity }),
      fromMs + (toMs - fromMs) * length,
    );
  }
}
