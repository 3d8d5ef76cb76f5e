import { trustedRuntime } from '../../base/checked-runtime.ts';
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
  readonly [trustedRuntime] = true;
  readonly #world: VirtualRuntime;
  readonly #clock: MachineClock;
  readonly #entity: string;
  readonly #perform: (work: () => void) => void;
  readonly #openDatabase: (path: string) => unknown;
  readonly #timers = new Set<MachineTimer>();

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
    const timer = new MachineTimer(this.#timers, callback);
    const begin = (): void => this.#perform(() => timer.run());
    timer.wait = this.#world.setTimeout(begin, this.#clock.worldMs(delayMs), purpose);
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

class MachineTimer implements RuntimeTimer {
  /** The timer of the world. */
  wait: RuntimeTimer | undefined;
  /** Those of the node that wait. */
  readonly #timers: Set<MachineTimer>;
  readonly #callback: () => void;

  constructor(timers: Set<MachineTimer>, callback: () => void) {
    this.#timers = timers;
    this.#callback = callback;
    timers.add(this);
  }

  run(): void {
    if (this.#timers.delete(this)) this.#callback();
  }

  cancel(): void {
    if (this.#timers.delete(this)) this.wait?.cancel();
  }
}
