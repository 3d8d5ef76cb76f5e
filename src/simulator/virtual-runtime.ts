import type { Runtime, RuntimeTimer } from '../base/runtime.ts';
import { SeededChance } from './seeded-chance.ts';
import { type Surroundings, stepThrough } from './step-through.ts';
import { type Task, TimerQueue } from './timer-queue.ts';

/** The options of a {@link VirtualRuntime}. */
export interface VirtualRuntimeOptions {
  /** Decides all chance. A whole number. Default 0. */
  readonly seed?: number;
  /** What the wall clock shows at the beginning: milliseconds since 1970. Default 2001-01-01, 00:00 UTC. */
  readonly wallStartMs?: number;
}

const wallStart2001 = 978_307_200_000;

/** How far {@link VirtualRuntime.settle} moves the clock at most, by default. */
const maxSettleMs = 24 * 3_600_000;

/** The entity whose chance the runtime itself draws. */
const world = '';

/**
 * A clock that stands still until somebody moves it, and chance that a seed decides. Any number of nodes may share it;
 * {@link VirtualRuntime.of} gives a node chance and a wall clock of its own. The nodes need transports that stay within
 * the process, such as `memory()`: real links take real time, and the seed decides the keys of the nodes too.
 *
 * Before each timer, all work runs that the timers before it left behind. Timers due at the same moment run in the order
 * in which they were set.
 */
export class VirtualRuntime implements Runtime {
  readonly isVirtual: boolean = true;
  /** The chance of everything in this world. */
  readonly chance: SeededChance;
  readonly #timers = new TimerQueue();
  readonly #own: EntityRuntime;
  /** What the wall clock shows at the beginning. */
  readonly wallStartMs: number;
  #now = 0;
  #steps = 0;

  constructor({ seed = 0, wallStartMs = wallStart2001 }: VirtualRuntimeOptions = {}) {
    this.chance = new SeededChance(seed);
    this.wallStartMs = wallStartMs;
    this.#own = new EntityRuntime(this, world);
  }

  /** A runtime for one node, by its name: the same time and timers, but chance and a wall clock of its own. */
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

  /** Runs a task at a moment; no earlier than now. */
  put(at: number, task: Task): void {
    this.#timers.put(this.#now + Math.max(0, at - this.#now), task);
  }

  cancel(task: Task): void {
    this.#timers.cancel(task);
  }

  /** Calls back at a moment, after all timers that are due then. */
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

  /** Grows with each timer that runs, and each time that the clock stops. */
  get steps(): number {
    return this.#steps;
  }

  /** When each timer is due, in milliseconds from now, the next one first. */
  get pending(): number[] {
    return this.#timers.dueTimes.map((at) => at - this.#now);
  }

  /** Whether a timer waits that does more than watch. */
  get hasWork(): boolean {
    return this.#timers.work > 0;
  }

  /** Moves the clock on without running timers, as a long computation would: those that fall due run late. */
  compute(milliseconds: number): void {
    this.#now += milliseconds;
  }

  /** Moves the clock on, and runs what falls due with all that follows from it. */
  async advance(milliseconds: number): Promise<void> {
    const endMs = this.#now + milliseconds;
    await this.runUntil(endMs);
    this.#now = Math.max(this.#now, endMs);
  }

  /**
   * Moves the clock on until a promise settles.
   *
   * @param withinMs how far the clock may move. Default: a day.
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

  /** Runs the timers that fall due until a moment, and moves the clock to the last of them. */
  runUntil(endMs: number, { mayGoOn, surroundings }: RunOptions = {}): Promise<void> {
    const step = (): boolean => {
      this.#steps += 1;
      return mayGoOn?.() !== false && this.#runNext(endMs);
    };
    return stepThrough(step, surroundings);
  }

  /**
   * Moves the clock on until a condition holds. It is asked at the beginning, and after each timer.
   *
   * @returns false: it does not hold within that time, or no timer is left after which it could.
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
   * Moves the clock on until no timer is left but those for `'watching'`.
   *
   * @returns false: others are left after that time.
   */
  idle(withinMs = maxSettleMs): Promise<boolean> {
    return this.until(() => !this.hasWork, withinMs);
  }

  /** @returns false: nothing is due until then. */
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
  /** Asked before each timer, when all work is done that the timers before it left. Returns false to stop there. */
  readonly mayGoOn?: () => boolean;
  readonly surroundings?: Surroundings | undefined;
}

/** What one node of a {@link VirtualRuntime} takes as its runtime. */
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
