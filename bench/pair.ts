import type { SystemEntry } from './catalogue.ts';
import type { Call, Scale, Sides } from './row.ts';
import { type Request, WorkerProcess } from './worker-process.ts';

export interface PairOptions {
  readonly scale: Scale;
  /** The command that runs systems written in Python. */
  readonly python: string;
  /** The checkout whose built package is measured. Default: the one that this file is in. */
  readonly checkout?: string;
}

/** A system that has lost something never answers: a quick run waits less. */
const orderTimeoutsMs = { quick: 15_000, full: 60_000 };

/** The server and the client of one system, each in its process. */
export class Pair implements Sides {
  readonly #server: WorkerProcess;
  readonly #client: WorkerProcess;
  readonly #timeoutMs: number;

  constructor(system: SystemEntry, { python, scale, checkout }: PairOptions) {
    this.#server = new WorkerProcess(system, { python, checkout });
    this.#client = new WorkerProcess(system, { python, checkout });
    this.#timeoutMs = orderTimeoutsMs[scale.name] + scale.idleMs;
  }

  async open(row: string, system: string, scale: Scale): Promise<void> {
    const order = { do: 'open', row, system, scale } as const;
    const dial = await this.#order<string>(this.#server, order);
    await this.#order(this.#client, { ...order, dial });
  }

  readonly client: Call = (action, input) => this.#order(this.#client, { do: 'act', action, input });
  readonly server: Call = (action, input) => this.#order(this.#server, { do: 'act', action, input });

  async close(): Promise<void> {
    await this.#order(this.#client, { do: 'close' });
    await this.#order(this.#server, { do: 'close' });
  }

  /** One side alone would wait for ever after the other has died. */
  #order<Result>(worker: WorkerProcess, request: Request): Promise<Result> {
    const answer = worker.order<Result>(request, this.#timeoutMs);
    return Promise.race([answer, this.#client.died, this.#server.died]);
  }

  async stop(): Promise<void> {
    await Promise.all([this.#client.stop(), this.#server.stop()]);
  }
}
