import type { Runtime, RuntimeTimer } from '../../base/runtime.ts';
import type { VirtualRuntime } from '../virtual-runtime.ts';
import type { MachineClock } from './machine-clock.ts';

export interface RunParts {
  /** Names the chance of the node. */
  readonly entity: string;
  /** Does what a timer does, at the pace of the machine, unless the node has gone. */
  readonly perform: (work: () => void) => void;
  /** Opens a file on the disk of the machine. */
  readonly openDatabase: (path: string) => unknown;
}

/** What a simulated node takes as its runtime: chance of its own, and the clock and the timers of its machine. */
export class MachineRuntime implements Runtime {
  readonly isVirtual = true;
  readonly #world: VirtualRuntime;
  readonly #clock: MachineClock;
  readonly #entity: string;
  readonly #perform: (work: () => void) => void;
  readonly #openDatabase: (path: string) => unknown;
  readonly #timers = new Set<RuntimeTimer>();

  /**
   * @param parts what is the node's own.
   */
  constructor(world: VirtualRuntime, clock: MachineClock, { entity, perform, openDatabase }: RunParts) {
    this.#world = world;
    this.#clock = clock;
    this.#entity = entity;
    this.#perform = perform;
    this.#openDatabase = openDatabase;
  }

  /** Timers that wait. */
  get timers(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#clock.now();
  }

  wallNow(): number {
    return this.#clock.wallNow();
  }

  setTimeout(callback: () => void, delayMs: number, purpose?: 'watching'): RuntimeTimer {
    const run = (): void => {
      if (this.#timers.delete(timer)) callback();
    };
    const wait = this.#world.setTimeout(() => this.#perform(run), this.#clock.worldMs(delayMs), purpose);
    const timer = {
      cancel: () => {
        if (this.#timers.delete(timer)) wait.cancel();
      },
    };
    this.#timers.add(timer);
    return timer;
  }

  openDatabase(path: string): unknown {
    return this.#openDatabase(path);
  }

  /** The node has gone: none of its timers runs any more. */
  cancelAll(): void {
    for (const timer of this.#timers) timer.cancel();
  }

  random(purpose = 'random'): number {
    return this.#world.chance.stream(this.#entity, purpose).random();
  }

  randomBytes(length: number, purpose = 'random bytes'): Uint8Array {
    return this.#world.chance.stream(this.#entity, purpose).bytes(length);
  }

  secretBytes(length: number, purpose = ''): Uint8Array {
    return this.#world.chance.stream(this.#entity, `secret ${purpose}`).bytes(length);
  }
}
