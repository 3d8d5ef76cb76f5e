import type { Address } from '../../base/address.ts';
import type { Runtime } from '../../base/runtime.ts';
import type { LinkConditions } from '../faults/fault.ts';
import type { SeededChance } from '../seeded-chance.ts';
import type { Task } from '../timer-queue.ts';
import { Blocks } from './blocks.ts';
import { Freight } from './freight.ts';
import { isRegional, type Latency, latencyBetween, type Place } from './latency.ts';
import type { Listener, Process } from './process.ts';

/** How far apart the places of a network are, and how good its links. */
export interface LinkQuality extends LinkConditions {
  readonly latencyMs: Latency;
}

/** The time of a network. */
export interface Clock extends Pick<Runtime, 'now'> {
  /** Grows whenever something else begins to happen. */
  readonly steps: number;
  /** Runs a task at a moment; no earlier than now. */
  put(at: number, task: Task): void;
  cancel(task: Task): void;
}

/** The network between simulated nodes: which process listens where, and how long data takes. */
export class SimulatedNetwork {
  readonly chance: SeededChance;
  readonly blocks = new Blocks();
  readonly freight = new Freight();
  readonly listeners = new Map<string, Listener>();
  /** The process that has each host, or had it last. */
  readonly hosts = new Map<string, Process>();
  /** Bytes that links have been given to carry. */
  bytes = 0;
  /** How often links were given something to carry. */
  transmissions = 0;
  /** How many pieces of work are on their way. Pieces that a partition holds back do not count. */
  underWay = 0;
  quality: LinkQuality;
  /** The process that does something now, or did last. */
  working: Process | undefined;
  /** Whether every process does everything at once, because none was ever paused or slow. */
  isPrompt = true;
  /** Whether links carry small messages without encoding them. */
  readonly #isFast: boolean;
  readonly #clock: Clock;
  #lastPort = 49_151;

  constructor(clock: Clock, chance: SeededChance, quality: LinkQuality, isFast = false) {
    this.#isFast = isFast;
    this.#clock = clock;
    this.chance = chance;
    this.quality = quality;
  }

  get now(): number {
    return this.#clock.now();
  }

  /** The number of the step that the world takes now, or took last. */
  get step(): number {
    return this.#clock.steps;
  }

  /** False where bandwidth is limited: how long data takes then depends on its encoded bytes. */
  get carriesData(): boolean {
    return this.#isFast && this.quality.bytesPerSecond === Number.POSITIVE_INFINITY;
  }

  /** Runs a task at a moment. {@link SimulatedNetwork.underWay} says whether that is work. */
  expect(at: number, task: Task): void {
    this.#clock.put(at, task);
  }

  cancel(task: Task): void {
    this.#clock.cancel(task);
  }

  /** The milliseconds from one place to another, and back. */
  roundTripOf(from: Place, to: Place): readonly [there: number, back: number] {
    if (from === to) return [0, 0];
    const { latencyMs } = this.quality;
    const there = latencyBetween(latencyMs, this.chance, from, to);
    return [there, isRegional(latencyMs) ? latencyBetween(latencyMs, this.chance, to, from) : there];
  }

  /** A port on which no process listens. */
  freePort(host: string): number {
    do this.#lastPort = this.#lastPort >= 65_535 ? 49_152 : this.#lastPort + 1;
    while (this.listeners.has(placeOf({ host, port: this.#lastPort })));
    return this.#lastPort;
  }
}

/** How {@link SimulatedNetwork.listeners} names an address. */
export function placeOf({ host, port }: Pick<Address, 'host' | 'port'>): string {
  return `${host}:${port}`;
}
