import type { Data } from '../base/data.ts';
import type { Runtime } from '../base/runtime.ts';
import { Departures } from './departures.ts';
import { type Carriers, Errand, type ErrandOptions } from './errand.ts';
import type { Place } from './errand-places.ts';
import type { Neighbour } from './neighbour.ts';

/** The letters that are under way, by their hashes. Each letter goes through this node once. */
export class Errands {
  readonly #runtime: Runtime;
  readonly #departures: Departures;
  readonly #underWay = new Map<string, Errand>();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#departures = new Departures(runtime);
  }

  /**
   * Gives a letter to neighbours, and handles their answers.
   *
   * @param place the letter's place, which is freed when all neighbours have it. Left out if this node wrote the
   * letter.
   * @returns a promise that resolves when there are no more answers to wait for.
   */
  run(
    options: Omit<ErrandOptions, 'runtime' | 'departures'>,
    carriers: Carriers,
    place?: Place,
  ): Promise<void> {
    // Not an async function, because that would keep the letter in memory while it waits.
    const errand = new Errand({ ...options, runtime: this.#runtime, departures: this.#departures });
    return this.#carryOut(errand, carriers, place);
  }

  /** Called when a neighbour answers a letter that it was given. */
  async answered(hash: string, answer: Data, neighbour: Neighbour): Promise<void> {
    await this.#underWay.get(hash)?.answered(answer, neighbour);
  }

  /** Called when a neighbour has left and so will answer nothing more. */
  left(neighbour: Neighbour): void {
    for (const errand of this.#underWay.values()) errand.left(neighbour);
  }

  async #carryOut(errand: Errand, carriers: Carriers, place?: Place): Promise<void> {
    this.#underWay.set(errand.hash, errand);
    void errand.giveTo(carriers).then(() => place?.given());
    await errand.ended;
    this.#underWay.delete(errand.hash);
  }
}
