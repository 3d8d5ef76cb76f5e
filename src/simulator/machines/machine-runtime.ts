import { trustedRuntime } from '../../base/checked-runtime.ts';
import type { Runtime, RuntimeTimer } from '../../base/runtime.ts';
import type { VirtualRuntime } from '../virtual-runtime.ts';
import type { MachineClock } from './machine-clock.ts';

export interface RunParts {
  /** Names the node's random streams. */
  readonly entity: string;
  /** Runs the callback of a timer as soon as the machine can, or never if the node has crashed. */
  readonly perform: (work: () => void) => void;
  /** Opens a file on the disk of the machine. */
  readonly openDatabase: (path: string) => unknown;
}

/** The runtime of a simulated node: its own random numbers, and the clock and the timers of its machine. */
export class MachineRuntime implements Runtime {
  readonly isVirtual = true;
  readonly [trustedRuntime] = true;
  readonly #world: VirtualRuntime;
  readonly #clock: MachineClock;
  readonly #entity: string;
  readonly #perform: (work: () => void) => void;
  readonly #openDatabase: (path: string) => unknown;
  readonly #timers = new Set<MachineTimer>();

  /** @param parts the node's own parts. */
  constructor(world: VirtualRuntime, clock: MachineClock, { entity, perform, openDatabase }: RunParts) {
    this.#world = world;
    this.#clock = clock;
    this.#entity = entity;
    this.#perform = perform;
    this.#openDatabase = openDatabase;
  }

  /** How many timers of the node wait. */
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

  /** Cancels all timers of the node. */
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
  /** The timer of the world that runs this one. */
  wait: RuntimeTimer | undefined;
  /** All waiting timers of the node. */
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
