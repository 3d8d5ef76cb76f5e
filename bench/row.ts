import type { System } from './system.ts';

/** How long and how often to measure. */
export interface Scale {
  readonly name: 'quick' | 'full';
  /** Samples of each system and row; the systems take turns within a round. */
  readonly rounds: number;
  readonly sampleMs: number;
  /** The first, discarded sample. */
  readonly warmUpMs: number;
  /** The same processes do all rows: quicker, but what the compiler learned in one row it takes into the next. */
  readonly keepsProcesses: boolean;
  readonly neighbours: number;
  /** Endpoints on each side of the idle links: each is linked with each of the other side. */
  readonly idleEndpoints: number;
  readonly idleMs: number;
  readonly simulatedNodes: number;
}

export const scales = {
  quick: {
    name: 'quick',
    rounds: 3,
    sampleMs: 80,
    warmUpMs: 50,
    keepsProcesses: true,
    neighbours: 50,
    idleEndpoints: 10,
    idleMs: 200,
    simulatedNodes: 100,
  },
  full: {
    name: 'full',
    rounds: 7,
    sampleMs: 1_000,
    warmUpMs: 500,
    keepsProcesses: false,
    neighbours: 200,
    idleEndpoints: 45,
    idleMs: 30_000,
    simulatedNodes: 1_000,
  },
} as const satisfies Record<string, Scale>;

/** One figure of a row. */
export interface Metric {
  readonly name: string;
  /** What the table calls it. */
  readonly title: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  /** Too noisy on a shared machine for a comparison of two checkouts to depend on it. */
  readonly isTail?: boolean;
}

/** One process's part in a row. Inputs and results travel between processes as JSON. */
export interface Side {
  /** Of the server: where the client dials. */
  readonly address?: string;
  readonly actions: Readonly<Record<string, (input: never) => Promise<unknown>>>;
  stop(): Promise<unknown>;
}

/** Runs an action of a side in its process. */
export type Call = <Result = undefined>(action: string, input?: unknown) => Promise<Result>;

/** Both sides, as the process that measures sees them. */
export interface Sides {
  readonly client: Call;
  readonly server: Call;
}

/** A row of the table: what the two processes do, and what figures come of it. */
export interface Row {
  readonly name: string;
  readonly metrics: readonly Metric[];
  /** Each sample gets processes of its own, without warm-up and once only. */
  readonly freshProcesses?: boolean;
  /** Only for systems that prove who the other side is. */
  readonly needsAuthentication?: boolean;
  server(system: System, scale: Scale): Promise<Side>;
  client(system: System, address: string, scale: Scale): Promise<Side>;
  /**
   * @returns a value for each metric.
   * @throws Error when what arrived is not what was sent.
   */
  sample(sides: Sides, sampleMs: number, scale: Scale): Promise<Record<string, number>>;
}
