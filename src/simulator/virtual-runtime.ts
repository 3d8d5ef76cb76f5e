import type { Runtime, RuntimeTimer } from '../base/runtime.ts';
import { SeededChance } from './seeded-chance.ts';
import { type Surroundings, stepThrough } from './step-through.ts';
import { type Task, TimerQueue } from './timer-queue.ts';

/** The options of a {@link VirtualRuntime}. */
export interface VirtualRuntimeOptions {
  /** Decides all random numbers. A whole number. Default 0. */
  readonly seed?: number;
  /** The wall-clock time at the beginning, in milliseconds since 1970. Default 2001-01-01, 00:00 UTC. */
  readonly wallStartMs?: number;
}

const wallStart2001 = 978_307_200_000;

/** How far {@link VirtualRuntime.settle} advances the clock at most, by default. */
const maxSettleMs = 24 * 3_600_000;

/** The entity for the random numbers of the runtime itself. */
const world = '';

/**
 * A clock that advances only when a method advances it, and random numbers that a seed decides. Any number of nodes may
 * share it. {@link VirtualRuntime.of} gives a node its own random numbers and wall clock. The nodes need transports
 * that stay within the process, such as `memory()`: real links take real time, and the seed also decides the nodes'
 * keys.
 *
 * Before each timer, all promises and microtasks of earlier timers are done. Timers due at the same moment run in the
 * order in which they were set.
 */
export class VirtualRuntime implements Runtime {
  readonly isVirtual: boolean = true;
  /** All random numbers of this world. */
  readonly chance: SeededChance;
  readonly #timers = new TimerQueue();
  readonly #own: EntityRuntime;
  /** The wall-clock time at the beginning, in milliseconds since 1970. */
  readonly wallStartMs: number;
  #now = 0;
  #steps = 0;

  constructor({ seed = 0, wallStartMs = wallStart2001 }: VirtualRuntimeOptions = {}) {
    this.chance = new SeededChance(seed);
    this.wallStartMs = wallStartMs;
    this.#own = new EntityRuntime(this, world);
  }

  /** Returns the runtime of a named node: the same time and timers, but its own random numbers and wall clock. */
  of(entity: string): EntityRuntime {
    return new EntityRuntime(this, entity);
  }

  now(): number {
    return this.#now;
  }

  wallNow(): number {
    return this.wallStartMs + this.#now;
  }

  setTimeout(callback: () => void, delayMs: number, purpose?: 'watching'): RuntimeTimer {
    if (!(delayMs >= 0)) throw new RangeError(`a delay must be at least 0 ms, not ${delayMs}`);
    return this.#timers.add(this.#now + delayMs, callback, purpose);
  }

  /** Runs a task at this time, or now if the time has passed. */
  put(at: number, task: Task): void {
    this.#timers.put(this.#now + Math.max(0, at - this.#now), task);
  }

  cancel(task: Task): void {
    this.#timers.cancel(task);
  }

  /** Calls back at this time, after all timers that are due then. */
  atEndOf(at: number, callback: () => void): void {
    this.#timers.add(at, callback, 'last');
  }

  random(purpose?: string): number {
    return this.#own.random(purpose);
  }

  randomBytes(length: number, purpose?: string): Uint8Array {
    return this.#own.randomBytes(length, purpose);
  }

  secretBytes(length: number, purpose?: string): Uint8Array {
    return this.#own.secretBytes(length, purpose);
  }

  /** The number of steps so far. Each timer that runs is a step, and so is each stop of the clock. */
  get steps(): number {
    return this.#steps;
  }

  /** When each timer is due, in milliseconds from now, in ascending order. */
  get pending(): number[] {
    return this.#timers.dueTimes.map((at) => at - this.#now);
  }

  /** Whether a timer waits that counts as work and does not only watch. */
  get hasWork(): boolean {
    return this.#timers.work > 0;
  }

  /** Advances the clock without running timers, as a long computation does. Timers that become due run late. */
  compute(milliseconds: number): void {
    this.#now += milliseconds;
  }

  /** Advances the clock, and runs all timers that become due and everything that follows from them. */
  async advance(milliseconds: number): Promise<void> {
    const endMs = this.#now + milliseconds;
    await this.runUntil(endMs);
    this.#now = Math.max(this.#now, endMs);
  }

  /**
   * Advances the clock until a promise settles.
   *
   * @param withinMs how far the clock may advance. Default: a day.
   * @throws Error if the promise has not settled by then, or no timer is left that could settle it.
   */
  async settle<Value>(value: Promise<Value>, withinMs = maxSettleMs): Promise<Value> {
    let isSettled = false;
    const settled = (): void => {
      isSettled = true;
    };
    value.then(settled, settled);
    if (await this.until(() => isSettled, withinMs)) return value;
    const why = this.#timers.size === 0 ? 'no timer is left' : `it takes more than ${withinMs} ms`;
    throw new Error(`the promise does not settle in virtual time: ${why}`);
  }

  /** Runs all timers that are due up to a time, and advances the clock to the last of them. */
  runUntil(endMs: number, { mayGoOn, surroundings }: RunOptions = {}): Promise<void> {
    const step = (): boolean => {
      this.#steps += 1;
      return mayGoOn?.() !== false && this.#runNext(endMs);
    };
    return stepThrough(step, surroundings);
  }

  /**
   * Advances the clock until a condition holds. The condition is checked at the beginning and after each timer.
   *
   * @returns whether the condition holds. False if it does not hold in time, or does not hold when no timer is left.
   */
  async until(condition: () => boolean, withinMs = maxSettleMs): Promise<boolean> {
    let holds = false;
    const mayGoOn = (): boolean => {
      holds = condition();
      return !holds;
    };
    await this.runUntil(this.#now + withinMs, { mayGoOn });
    return holds;
  }

  /**
   * Advances the clock until only timers for `'watching'` are left.
   *
   * @returns false if other timers are left after that time.
   */
  idle(withinMs = maxSettleMs): Promise<boolean> {
    return this.until(() => !this.hasWork, withinMs);
  }

  /** @returns false if nothing is due until then. */
  #runNext(endMs: number): boolean {
    const at = this.#timers.nextAt;
    if (at > endMs || at === Number.POSITIVE_INFINITY) return false;
    this.#now = Math.max(this.#now, at);
    this.#timers.take()!.run();
    return true;
  }
}

/** How {@link VirtualRuntime.runUntil} runs timers. */
export interface RunOptions {
  /** Called before each timer, when all work of earlier timers is done. Returns false to stop the run. */
  readonly mayGoOn?: () => boolean;
  readonly surroundings?: Surroundings | undefined;
}

/** The runtime of one node of a {@link VirtualRuntime}. */
export class EntityRuntime implements Runtime {
  readonly isVirtual = true;
  readonly entity: string;
  /** How far the wall clock of this entity is ahead of the world's, in milliseconds. May change at any time. */
  wallOffsetMs = 0;
  readonly #world: VirtualRuntime;

  constructor(world: VirtualRuntime, entity: string) {
    this.entity = entity;
    this.#world = world;
  }

  now(): number {
    return this.#world.now();
  }

  wallNow(): number {
    return this.#world.wallNow() + this.wallOffsetMs;
  }

  setTimeout(callback: () => void, delayMs: number, purpose?: 'watching'): RuntimeTimer {
    return this.#world.setTimeout(callback, delayMs, purpose);
  }

  random(purpose = 'random'): number {
    return this.#world.chance.stream(this.entity, purpose).random();
  }

  randomBytes(length: number, purpose = 'random bytes'): Uint8Array {
    return this.#world.chance.stream(this.entity, purpose).bytes(length);
  }

  secretBytes(length: number, purpose = ''): Uint8Array {
    return this.#world.chance.stream(this.entity, `secret ${purpose}`).bytes(length);
  }
}
