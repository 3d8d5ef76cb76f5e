import { shown } from '../base/arguments.ts';
import { Listeners } from '../base/listeners.ts';
import type { SimulationEvents } from './simulation-options.ts';

/** The listeners of a world. */
export class WorldListeners {
  readonly #byName = { event: new Listeners(), fault: new Listeners() };

  /** @throws TypeError if no event has this name. */
  of(name: keyof SimulationEvents): Listeners {
    const listeners = this.#byName[name];
    if (listeners !== undefined) return listeners;
    const known = Object.keys(this.#byName).join(', ');
    throw new TypeError(`${shown(name)} is not an event of a Simulation. The events are ${known}`);
  }

  emit<Name extends keyof SimulationEvents>(name: Name, ...args: Parameters<SimulationEvents[Name]>): void {
    const listeners = this.#byName[name];
    if (listeners.size === 0) return;
    for (const { listener } of listeners.list) (listener as (...given: unknown[]) => void)(...args);
  }
}
