import { shown } from '../../base/arguments.ts';
import type { Node } from '../../node/node.ts';
import { pickSome } from '../faults/pick-nodes.ts';
import { isRegional } from '../network/latency.ts';
import type { ChanceStream } from '../seeded-chance.ts';
import type { SpawnOptions } from '../simulation-options.ts';
import { Machine, type MachineWorld, type Run } from './machine.ts';
import type { NodeFactory } from './node-factory.ts';

export interface MachinesOptions {
  readonly world: MachineWorld;
  /** The numbers of the machines that are created. `undefined` creates all. */
  readonly only: ReadonlySet<number> | undefined;
  /** Called with the run of each new node, which the callee has to start. */
  readonly onMade: (run: Run) => void;
}

/** All machines of a world, and the lists of their nodes that `spawn` has returned. */
export class Machines {
  readonly byNumber = new Map<number, Machine>();
  readonly #options: MachinesOptions;
  /** How many numbers have been given to machines. */
  #taken = 0;
  /** The list of each machine's node, and the node's index in it. */
  readonly #places = new Map<Machine, { readonly list: Node[]; readonly at: number }>();
  /** How many streams {@link Machines.chanceOf} has returned, for each purpose. */
  readonly #picks = new Map<string, number>();

  constructor(options: MachinesOptions) {
    this.#options = options;
  }

  get all(): Machine[] {
    return [...this.byNumber.values()];
  }

  /** The machines whose nodes run. */
  get running(): Machine[] {
    return this.all.filter(({ run }) => run.isRunning);
  }

  /**
   * Creates machines and boots them. @returns their nodes, in a list in which a restarted node replaces the old one.
   */
  spawn<Made extends Node>(count: number, factory: NodeFactory<Made>, options: SpawnOptions): Made[] {
    const { world, only } = this.#options;
    const list: Made[] = [];
    for (let made = 0; made < count; made++) {
      const index = this.#taken++;
      if (only?.has(index) === false) continue;
      const region = this.#regionOf(index, options.region);
      const machine = new Machine(world, { index, region, factory });
      machine.isReachable = options.reachable ?? true;
      this.#places.set(machine, { list, at: list.length });
      this.boot(machine, false);
      this.byNumber.set(index, machine);
    }
    return list;
  }

  /** Creates the node of a machine, unless one runs there already. */
  boot(machine: Machine, hasNewIdentity: boolean): void {
    if (machine.isBusy) return;
    const run = machine.boot(hasNewIdentity);
    const { list, at } = this.#places.get(machine)!;
    list[at] = run.node;
    this.#options.onMade(run);
  }

  /**
   * @returns the numbers of machines that the seed picks. @param running picks from machines whose nodes run, or do
   * not.
   */
  pick(purpose: string, which: number, running: boolean): number[] {
    const candidates = this.all.filter(({ run }) => run.isRunning === running);
    return pickSome(
      candidates.map(({ index }) => index),
      which,
      this.chanceOf(purpose),
    );
  }

  /** A new random stream at each call. */
  chanceOf(purpose: string): ChanceStream {
    const count = (this.#picks.get(purpose) ?? 0) + 1;
    this.#picks.set(purpose, count);
    return this.#options.world.runtime.chance.fresh(purpose, `${count}`);
  }

  #regionOf(index: number, name: string | undefined): number {
    const { network, runtime } = this.#options.world;
    const { latencyMs } = network.quality;
    if (!isRegional(latencyMs)) {
      if (name === undefined) return 0;
      throw new TypeError('region needs a world whose latencyMs has regions');
    }
    const { regions } = latencyMs;
    if (name === undefined) return Math.floor(runtime.chance.once(`${index}`, 'region') * regions.length);
    const region = regions.indexOf(name);
    if (region >= 0) return region;
    throw new RangeError(`region must be one of ${regions.join(', ')}, not ${shown(name)}`);
  }
}
