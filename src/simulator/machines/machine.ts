import { Identity } from '../../identity/identity.ts';
import type { Node } from '../../node/node.ts';
import type { Place } from '../network/latency.ts';
import type { Process, ProcessLink } from '../network/process.ts';
import type { SimulatedNetwork } from '../network/simulated-network.ts';
import { SimulatedTransport } from '../network/simulated-transport.ts';
import type { VirtualRuntime } from '../virtual-runtime.ts';
import { Disk } from './disk.ts';
import { MachineClock } from './machine-clock.ts';
import { MachineRuntime } from './machine-runtime.ts';
import type { NodeFactory } from './node-factory.ts';

/** The parts of a world that a machine uses. */
export interface MachineWorld {
  readonly runtime: VirtualRuntime;
  readonly network: SimulatedNetwork;
}

/** The port on which all simulated nodes listen. */
const port = 10_001;

/** A simulated machine. It runs one node at a time. Its address, clock and region stay the same across restarts. */
export class Machine implements Place {
  readonly index: number;
  readonly region: number;
  readonly host: string;
  readonly clock: MachineClock;
  /** Created when a node first uses it. A node with a new identity gets a new disk. */
  #disk: Disk | undefined;
  /** Whether others can dial the machine. False is like a machine behind a NAT. */
  isReachable = true;
  /** Whether the machine has power. */
  isPowered = true;
  /** How many messages the nodes of earlier runs have sent, received and rejected. */
  readonly pastCounts = { sent: 0, received: 0, rejected: 0 };
  readonly #world: MachineWorld;
  readonly #factory: NodeFactory;
  #identities = 0;
  #run: Run | undefined;
  #restarts = -1;
  #isPaused = false;
  /** How long each piece of work takes, in milliseconds. */
  #workMs = 0;
  #busyUntil = 0;
  /** Work that waits until the machine is no longer paused or busy. */
  #waiting: (() => void)[] = [];
  /** Whether a timer for the next waiting work is set. */
  #goesOn = false;

  constructor(
    world: MachineWorld,
    { index, region, factory }: { index: number; region: number; factory: NodeFactory },
  ) {
    this.#world = world;
    this.index = index;
    this.region = region;
    this.host = hostOf(index);
    this.#factory = factory;
    this.clock = new MachineClock(world.runtime);
  }

  /** The latest run of a node here, which may have stopped or crashed. */
  get run(): Run {
    return this.#run!;
  }

  /** Whether a node runs here or is stopping. */
  get isBusy(): boolean {
    return this.#run?.isRunning === true || this.#run?.state === 'stopping';
  }

  /** Creates the first node, or a new node after the previous node has ended. The caller starts it. */
  boot(hasNewIdentity = false): Run {
    if (hasNewIdentity) {
      this.#identities += 1;
      this.#disk = undefined;
    }
    this.#restarts += 1;
    this.isPowered = true;
    this.#isPaused = false;
    this.#waiting = [];
    const numbers = { restarts: this.#restarts, identities: this.#identities };
    this.#keepCounts();
    this.#run = new Run(this, this.#world, numbers);
    this.#world.network.working = this.#run;
    this.#run.make(this.#factory);
    return this.#run;
  }

  get disk(): Disk {
    this.#disk ??= new Disk(this.#world.runtime);
    return this.#disk;
  }

  /** The node has crashed. */
  onCrash(): void {
    this.#disk?.onCrash(this.isPowered);
  }

  #keepCounts(): void {
    if (this.#run === undefined) return;
    const { node } = this.#run;
    this.pastCounts.sent += node.messageCountSend;
    this.pastCounts.received += node.messageCountRecv;
    this.pastCounts.rejected += node.messageCountRerr;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  pause(): void {
    this.#world.network.isPrompt = false;
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#goOn();
  }

  /** Sets how long each piece of work takes from now on, in milliseconds. 0: no time. */
  slow(workMs: number): void {
    this.#world.network.isPrompt = false;
    this.#workMs = workMs;
  }

  /** Does some work immediately. While the machine is paused or busy, the work waits, in order. */
  perform(work: () => void): void {
    if (this.begins()) {
      work();
      return;
    }
    this.#waiting.push(work);
    this.#goOn();
  }

  /** Returns whether the machine can work now. If so, the caller must do its work immediately. */
  begins(): boolean {
    if (this.#isPaused || this.#waiting.length > 0 || this.#busyUntil > this.#world.runtime.now())
      return false;
    this.#work();
    return true;
  }

  #work(): void {
    this.#world.network.working = this.#run;
    if (this.#workMs > 0) this.#busyUntil = this.#world.runtime.now() + this.#workMs;
  }

  /** Does the waiting work, each piece in its own timer. */
  #goOn(): void {
    if (this.#isPaused || this.#goesOn || this.#waiting.length === 0) return;
    this.#goesOn = true;
    const { runtime } = this.#world;
    runtime.setTimeout(
      () => {
        this.#goesOn = false;
        const [first] = this.#waiting;
        if (this.#isPaused || first === undefined) return;
        this.#waiting.shift();
        this.#work();
        first();
        this.#goOn();
      },
      Math.max(0, this.#busyUntil - runtime.now()),
    );
  }
}

/** One life of a node on a machine. */
export class Run implements Process {
  readonly machine: Machine;
  readonly restarts: number;
  readonly runtime: MachineRuntime;
  readonly links = new Set<ProcessLink>();
  readonly #identity: Identity;
  readonly #transport: SimulatedTransport;
  #state: 'alive' | 'stopping' | 'stopped' | 'crashed' = 'alive';
  #node: Node | undefined;

  constructor(
    machine: Machine,
    { runtime: world, network }: MachineWorld,
    { restarts, identities }: { restarts: number; identities: number },
  ) {
    this.machine = machine;
    this.restarts = restarts;
    const { index } = machine;
    const entity = restarts === 0 ? `${index}` : `${index} run ${restarts}`;
    this.runtime = new MachineRuntime(world, machine.clock, {
      entity,
      perform: (work) => this.perform(work),
      openDatabase: (path) => machine.disk.open(path),
    });
    const owner = identities === 0 ? `${index}` : `${index} identity ${identities}`;
    this.#identity = Identity.fromSeed(world.chance.fresh(owner, 'secret identity').bytes(32));
    this.#transport = new SimulatedTransport(network, this);
  }

  /** The machine. Its index distinguishes it from other places. */
  get place(): Place {
    return this.machine;
  }

  get host(): string {
    return this.machine.host;
  }

  get node(): Node {
    return this.#node!;
  }

  get state(): 'alive' | 'stopping' | 'stopped' | 'crashed' {
    return this.#state;
  }

  /** Whether the process has not crashed. A process whose node has stopped is still alive. */
  get isAlive(): boolean {
    return this.#state !== 'crashed';
  }

  /** Whether the node runs: it has neither crashed nor begun to stop. */
  get isRunning(): boolean {
    return this.#state === 'alive';
  }

  get isAnswering(): boolean {
    return this.machine.isPowered;
  }

  get isReachable(): boolean {
    return this.machine.isReachable;
  }

  make(factory: NodeFactory): void {
    const { index, host } = this.machine;
    const options = {
      name: this.restarts === 0 ? `node ${index}` : `node ${index}, restart ${this.restarts}`,
      identity: this.#identity,
      runtime: this.runtime,
      transports: [this.#transport],
    };
    this.#node = factory({ index, restarts: this.restarts, host, port, options });
  }

  /** Resolves when the node listens. */
  start(): Promise<void> {
    return this.node.start();
  }

  perform(work: () => void): void {
    if (!this.isAlive) return;
    this.machine.perform(() => {
      if (this.isAlive) work();
    });
  }

  begins(): boolean {
    return this.isAlive && this.machine.begins();
  }

  /** Stops the node, which says goodbye to its peers. */
  async stop(): Promise<void> {
    if (this.#state !== 'alive') return;
    this.#state = 'stopping';
    await this.node.stop();
    if (this.#state === 'stopping') this.#state = 'stopped';
  }

  /** Ends the node in the middle of its work. */
  crash(): void {
    if (!this.isAlive) return;
    this.#state = 'crashed';
    this.runtime.cancelAll();
    for (const link of this.links) link.abandon();
    this.machine.onCrash();
  }
}

/** The address of a machine in a large private network: 10.0.0.1, 10.0.0.2, … */
function hostOf(index: number): string {
  const number = index + 1;
  return `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;
}
