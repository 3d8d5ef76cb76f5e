import type { NodeConnection } from '../../api/node-connection.ts';
import type { NodeObserver } from '../../api/node-observer.ts';
import type { NodeOptions, ResolvedOptions } from '../../api/options.ts';
import type { ResolvedRecorder } from '../../api/recorder-options.ts';
import { messageOf } from '../../base/arguments.ts';
import { checkedRuntime } from '../../base/checked-runtime.ts';
import { printError } from '../../base/print-error.ts';
import { Identity } from '../../identity/identity.ts';
import { Boundary } from './boundary.ts';
import { Calls } from './calls.ts';
import { type FlightEnd, type FlightHeader, flightFormat, flightKind } from './flight.ts';
import { Journal } from './journal.ts';
import { notedEvents } from './noted-events.ts';
import { RealOutside } from './real-outside.ts';
import { Ring } from './ring.ts';
import type { Input, Taken, Tape, Turn } from './tape.ts';
import { checkRunsOnNode, Turns } from './turns.ts';
import { type Written, written } from './written-values.ts';

/** The most bytes of each of the two files of a ring. */
const maxRingBytes = 1024 * 1024;

/** The values that code outside of turns may cause the node to read. They change nothing in the node. */
const sameAnytime: ReadonlySet<keyof Taken> = new Set(['now', 'wall', 'address']);

/** The options that a recording contains. The others are functions or objects, which cannot be written. */
const plainOptions = [
  ...['name', 'maxConnections', 'network', 'allow', 'deny', 'reconnect', 'relayBroadcasts', 'p2pnetwork'],
  ...['neighbourhood', 'presence', 'limits'],
] as const;

/** The runtime and the transports that replace the node's own. */
type Given = Pick<ResolvedOptions, 'runtime' | 'transports'>;

/** Records everything that crosses the boundary of a node, so that the recording can be replayed. */
export class Recorder implements Tape {
  readonly given: Given;
  readonly #journal: Journal;
  readonly #maxBytes: number;
  /** The ring. Set if the recording has ended before the node. */
  #ring: Ring | undefined;
  readonly #startRing: () => Ring;
  readonly #turns: Turns;
  readonly #boundary: Boundary;
  /**
   * The turn of everything before the node starts: its constructor, and what its program does before `start`.
   * `undefined` after that.
   */
  #setup: Turn | undefined = { inputs: [['setup']], taken: {}, out: [] };
  #calls: Calls | undefined;
  /** The functions that make the calls that have turns of their own, by their inputs. */
  readonly #pending = new Map<Input, () => void>();
  #count = 0;
  #isOver = false;
  #warn: (message: string) => void = printError;

  /** @throws TypeError if a node with these options cannot be recorded; Error of the system for the file. */
  constructor(
    { path, maxBytes }: ResolvedRecorder,
    resolved: ResolvedOptions,
    { given, host, port }: { readonly given: NodeOptions; readonly host: string; readonly port: number },
  ) {
    checkRunsOnNode('recorder');
    const { identity, transports } = checkRecordable(resolved);
    const runtime = checkedRuntime(resolved.runtime, (error) => this.#end(error.message));
    this.#turns = new Turns({
      perform: (input) => this.#perform(input),
      onClosed: (turn) => this.#onClosed(turn),
    });
    const schemes = transports.map((transport) => [...transport.schemes]);
    this.#boundary = new Boundary(this, new RealOutside(runtime, transports, this.#turns.add), schemes);
    this.given = this.#boundary;
    const ringBytes = Math.min(maxRingBytes, Math.floor(maxBytes / 8));
    this.#startRing = () => new Ring(path, ringBytes);
    this.#maxBytes = maxBytes;
    this.#journal = openJournal(path, maxBytes - 2 * ringBytes, (why) => this.#onDiskFailure(why));
    const problem = this.#journal.add({
      recording: flightKind,
      format: flightFormat,
      host,
      port,
      id: identity.id,
      pkcs8: Buffer.from(identity.toPkcs8()).toString('base64'),
      schemes,
      options: plainOptionsOf(given),
    } satisfies FlightHeader);
    if (problem !== undefined) {
      this.#journal.end({ end: 'the node could not be made' });
      throw new RangeError('recorder.maxBytes is too small for the options of the node');
    }
  }

  /** Attaches the recorder to the node. Call it when the node has been created. */
  attach(
    node: { simulationObserver: NodeObserver | undefined },
    prototype: object,
    warn: (message: string) => void,
  ): void {
    this.#warn = warn;
    this.#calls = new Calls(node, prototype, {
      isFromOutside: (name) => this.#isFromOutside(name),
      refuse: (name, why) => this.#end(`${name}() cannot be recorded: ${why}`),
      later: (call, run) => this.#later(call, run),
      now: (call, run) => this.#turns.callNow(call, run),
      outside: (result) => this.#outside(result),
    });
    node.simulationObserver = notedEvents(this.#calls, (what) => this.put(what));
  }

  /** Call this when a connection was made. */
  connection(connection: NodeConnection): void {
    this.#calls?.add(connection);
  }

  take<Kind extends keyof Taken>(kind: Kind, read: () => Taken[Kind]): Taken[Kind] {
    const value = read();
    const turn = this.#turn();
    if (turn !== undefined) {
      const taken: Taken[Kind][] = turn.taken[kind] ?? [];
      taken.push(value);
      turn.taken[kind] = taken as Turn['taken'][Kind];
    } else if (!sameAnytime.has(kind)) this.#outOfTurn();
    return value;
  }

  put(what: string): void {
    const turn = this.#turn();
    if (turn !== undefined) turn.out.push(what);
    else this.#outOfTurn();
  }

  /** Returns the turn that records what happens now. `undefined` if there is none. */
  #turn(): Turn | undefined {
    if (this.#isOver) return this.#ring === undefined ? undefined : this.#turns.open;
    return this.#setup ?? (this.#turns.whereabouts === 'in a turn' ? this.#turns.open : undefined);
  }

  #outOfTurn(): void {
    this.#end(
      'it did something that no input asked for. A handler has waited for what is not of the node, such as a file or a timer of Node.js, or a stream was used outside of handlers',
    );
  }

  #isFromOutside(name: string): boolean {
    if (this.#isOver && this.#ring === undefined) return false;
    if (this.#setup !== undefined && name !== 'start') return false;
    this.#endSetup();
    const where = this.#turns.whereabouts;
    if (where === 'between turns') this.#outOfTurn();
    return where === 'outside';
  }

  #endSetup(): void {
    const setup = this.#setup;
    this.#setup = undefined;
    if (setup !== undefined) this.#onClosed(setup);
  }

  #later(call: Input, run: () => unknown): Promise<unknown> {
    const settled = new Promise<unknown>((resolve, reject) => {
      this.#turns.add(() => {
        this.#pending.set(call, () => this.#settleOutside(run, { resolve, reject }));
        return call;
      });
    });
    return call[2] === 'stop' ? settled.finally(() => this.#stopped()) : settled;
  }

  #settleOutside(
    run: () => unknown,
    { resolve, reject }: { resolve(value: unknown): void; reject(error: unknown): void },
  ): void {
    let made: unknown;
    try {
      made = run();
    } catch (error) {
      this.#turns.afterwards(() => reject(error));
      return;
    }
    Promise.resolve(made).then(
      (value) => this.#turns.afterwards(() => resolve(value)),
      (error: unknown) => this.#turns.afterwards(() => reject(error)),
    );
  }

  #outside(result: Promise<unknown>): Promise<unknown> {
    return new Promise((resolve, reject) => this.#settleOutside(() => result, { resolve, reject }));
  }

  #perform(input: Input): void {
    this.#endSetup();
    const call = this.#pending.get(input);
    this.#pending.delete(input);
    if (call !== undefined) call();
    else if (input[0] !== 'setup' && input[0] !== 'call') this.#boundary.perform(input);
  }

  #onClosed(turn: Turn): void {
    if (this.#isOver) {
      this.#ring?.add(turn);
      return;
    }
    const problem = this.#journal.add(turn);
    if (problem === undefined) this.#count += 1;
    else if (problem === 'slow') this.#end('the disk is too slow for it');
    else this.#end(`it has reached maxBytes, ${this.#maxBytes.toLocaleString('en')}`);
  }

  async #stopped(): Promise<void> {
    this.#finish('the node has stopped');
    this.#ring?.end();
    await Promise.all([this.#journal.closed, this.#ring?.closed]);
    this.#ring = undefined;
  }

  /**
   * Ends the recording before the node stops. The recording so far can be replayed. Later turns go to a ring, which can
   * only be read.
   */
  #end(why: string): void {
    if (this.#isOver) return;
    this.#finish(why);
    this.#ring = this.#startRing();
    this.#report(why);
  }

  /** Called when the disk has failed, so that nothing more can be written. */
  #onDiskFailure(why: string): void {
    this.#ring = undefined;
    if (this.#isOver) return;
    this.#finish(why);
    this.#report(why);
  }

  #report(why: string): void {
    this.#warn(
      `the recorder has ended its recording after ${this.#count.toLocaleString('en')} turns: ${why}`,
    );
  }

  #finish(why: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#journal.end({ end: why.slice(0, 500), turns: this.#count } satisfies FlightEnd);
  }
}

function plainOptionsOf(given: NodeOptions): Written {
  const options: Record<string, unknown> = {};
  for (const name of plainOptions) {
    const value = given[name];
    const isList = name === 'allow' || name === 'deny';
    if (value !== undefined) options[name] = isList ? [...(value as Iterable<string>)] : value;
  }
  return written(options, { numberOf: () => undefined, connectionOf: () => undefined });
}

/** @throws TypeError whose message is the reason why the node cannot be recorded. */
function checkRecordable(options: ResolvedOptions): {
  identity: Identity;
  transports: ResolvedOptions['transports'];
} {
  const { identity, runtime, transports, discovery, protocols } = options;
  if (!Identity.isGenuine(identity))
    throw new TypeError('recorder needs an identity whose key the node holds');
  if (runtime.isVirtual === true) throw new TypeError('recorder is not for simulated nodes');
  if (transports.some(({ schemes }) => schemes.includes('libp2p')))
    throw new TypeError('recorder is not for libp2p(), whose connections move from link to link');
  if (discovery.some(({ name }) => name !== 'bootstrap'))
    throw new TypeError('recorder is not for nodes with discovery, except by bootstrap()');
  if (protocols.length > 0) throw new TypeError('recorder is not for nodes with protocols of their own');
  return { identity, transports };
}

function openJournal(path: string, maxBytes: number, onFailure: (why: string) => void): Journal {
  try {
    return new Journal(path, maxBytes, onFailure);
  } catch (error) {
    throw new TypeError(`recorder.path cannot be written, choose another file: ${messageOf(error)}`);
  }
}
