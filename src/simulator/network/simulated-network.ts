import type { Address } from '../../base/address.ts';
import type { Runtime } from '../../base/runtime.ts';
import type { LinkConditions } from '../faults/fault.ts';
import type { SeededChance } from '../seeded-chance.ts';
import type { Task } from '../timer-queue.ts';
import { Blocks } from './blocks.ts';
import { Freight } from './freight.ts';
import { isRegional, type Latency, latencyBetween, type Place } from './latency.ts';
import type { Listener, Process } from './process.ts';

/** The latencies and the link quality of a network. */
export interface LinkQuality extends LinkConditions {
  readonly latencyMs: Latency;
}

/** The clock of a network. */
export interface Clock extends Pick<Runtime, 'now'> {
  /** The number of the present step. It grows before each task. */
  readonly steps: number;
  /** Runs a task at this time, or now if the time has passed. */
  put(at: number, task: Task): void;
  cancel(task: Task): void;
}

/** The network between simulated nodes. It knows which process listens where, and how long data takes. */
export class SimulatedNetwork {
  readonly chance: SeededChance;
  readonly blocks = new Blocks();
  readonly freight = new Freight();
  readonly listeners = new Map<string, Listener>();
  /** The latest process of each host. */
  readonly hosts = new Map<string, Process>();
  /** How many bytes have been sent over links. */
  bytes = 0;
  /** How often something has been sent over a link. Data that is sent in one step counts once. */
  transmissions = 0;
  /** How many pieces of work are in transit. Pieces that a partition holds back do not count. */
  underWay = 0;
  quality: LinkQuality;
  /** The process that works now, or worked last. */
  working: Process | undefined;
  /** Whether every process does its work immediately, because no process was ever paused or slow. */
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

  /** The number of the world's present or latest step. */
  get step(): number {
    return this.#clock.steps;
  }

  /** Whether links carry data without encoding it. Not with limited bandwidth: delays then depend on encoded bytes. */
  get carriesData(): boolean {
    return this.#isFast && this.quality.bytesPerSecond === Number.POSITIVE_INFINITY;
  }

  /** Runs a task at this time. It counts as work only through {@link SimulatedNetwork.underWay}. */
  expect(at: number, task: Task): void {
    this.#clock.put(at, task);
  }

  cancel(task: Task): void {
    this.#clock.cancel(task);
  }

  /** The latencies from one place to another and back, in milliseconds. */
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

/** The key of an address in {@link SimulatedNetwork.listeners}. */
export function placeOf({ host, port }: Pick<Address, 'host' | 'port'>): string {
  return `${host}:${port}`;
}
