import { type SystemEntry, whyNot } from './catalogue.ts';
import { Pair } from './pair.ts';
import type { Row, Scale } from './row.ts';

/** All samples of one metric, or why there are none. */
export type Outcome = { readonly samples: number[] } | { readonly notAvailable: string };

/** Outcomes by metric, then by system. */
export type Outcomes = Record<string, Record<string, Outcome>>;

export interface SessionOptions {
  readonly systems: readonly SystemEntry[];
  readonly rows: readonly Row[];
  readonly scale: Scale;
  readonly python: string;
  /** Called before each piece of work; `share` of all is done. */
  readonly onProgress: (text: string, share: number) => void;
}

/**
 * Measures row by row. Within a row the systems take turns, round after round, so that what the machine does
 * meanwhile meets all of them alike. A system that fails leaves the row, not the run.
 */
export class Session {
  readonly #options: SessionOptions;
  readonly #pairs = new Map<string, Pair>();
  readonly #outcomes: Outcomes = {};
  #stepsDone = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  async run(): Promise<Outcomes> {
    try {
      for (const row of this.#options.rows) await this.#measure(row);
    } finally {
      await Promise.all([...this.#pairs.values()].map((pair) => pair.stop()));
    }
    return this.#outcomes;
  }

  async #measure(row: Row): Promise<void> {
    for (const { name } of row.metrics) this.#outcomes[name] = {};
    const able = this.#options.systems.filter((system) => {
      const reason = whyNot(system, row);
      if (reason !== undefined) this.#leaveOut(row, system, reason);
      return reason === undefined;
    });
    if (row.freshProcesses) await this.#measureApart(row, able);
    else await this.#measureInTurns(row, able);
  }

  async #measureInTurns(row: Row, able: readonly SystemEntry[]): Promise<void> {
    const { scale } = this.#options;
    const active = new Set(able);
    const attempt = async (system: SystemEntry, work: (pair: Pair) => Promise<void>): Promise<void> => {
      try {
        await work(this.#pairOf(system));
      } catch (error) {
        active.delete(system);
        this.#leaveOut(row, system, `failed: ${(error as Error).message}`);
        await this.#discardPair(system);
      }
    };
    for (const system of active) {
      this.#progress(row, system, 'connects');
      await attempt(system, async (pair) => {
        await pair.open(row.name, system.name, scale);
        await row.sample(pair, scale.warmUpMs, scale);
      });
    }
    for (let round = 1; round <= scale.rounds; round++) {
      for (const system of active) {
        this.#progress(row, system, `round ${round} of ${scale.rounds}`);
        await attempt(system, async (pair) =>
          this.#record(row, system, await row.sample(pair, scale.sampleMs, scale)),
        );
      }
    }
    for (const system of active) {
      await attempt(system, (pair) => pair.close());
      if (!scale.keepsProcesses) await this.#discardPair(system);
    }
  }

  async #measureApart(row: Row, able: readonly SystemEntry[]): Promise<void> {
    const { scale } = this.#options;
    for (const system of able) {
      this.#progress(row, system, 'with processes of its own', scale.rounds + 1);
      const pair = new Pair(system, this.#options);
      try {
        await pair.open(row.name, system.name, scale);
        this.#record(row, system, await row.sample(pair, scale.sampleMs, scale));
      } catch (error) {
        this.#leaveOut(row, system, `failed: ${(error as Error).message}`);
      } finally {
        await pair.stop();
      }
    }
  }

  #pairOf(system: SystemEntry): Pair {
    let pair = this.#pairs.get(system.name);
    if (pair === undefined) {
      pair = new Pair(system, this.#options);
      this.#pairs.set(system.name, pair);
    }
    return pair;
  }

  async #discardPair(system: SystemEntry): Promise<void> {
    await this.#pairs.get(system.name)?.stop();
    this.#pairs.delete(system.name);
  }

  #record(row: Row, system: SystemEntry, figures: Record<string, number>): void {
    for (const { name } of row.metrics) {
      const outcomes = this.#outcomes[name]!;
      const before = outcomes[system.name];
      const samples = before !== undefined && 'samples' in before ? before.samples : [];
      outcomes[system.name] = { samples: [...samples, figures[name]!] };
    }
  }

  #leaveOut(row: Row, system: SystemEntry, reason: string): void {
    for (const { name } of row.metrics) this.#outcomes[name]![system.name] = { notAvailable: reason };
  }

  #progress(row: Row, system: SystemEntry, doing: string, steps = 1): void {
    const { rows, systems, scale, onProgress } = this.#options;
    const total = rows.length * systems.length * (scale.rounds + 1);
    onProgress(`${row.name}: ${system.title} ${doing}`, this.#stepsDone / total);
    this.#stepsDone += steps;
  }
}
