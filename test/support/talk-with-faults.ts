import { isDeepStrictEqual } from 'node:util';
import {
  type Data,
  Identity,
  type LostSession,
  MemoryHub,
  memory,
  Node,
  type NodeConnection,
  type PeerloomError,
  type PeerStream,
} from '../../src/index.ts';
import { VirtualRuntime } from '../../src/simulator/virtual-runtime.ts';
import { type Fault, FaultyLinks, type NodeAct, type Side } from './faulty-links.ts';

/** In virtual time nothing is by chance: the same talk goes the same way each time. */
export interface FaultyTalk {
  readonly plan: readonly Fault[];
  /** Whose id is the lower one, which decides where both connect at once. Default a. */
  readonly lower?: Side;
  /** Of delays. */
  readonly seed?: number;
}

interface Entry {
  readonly from: string;
  readonly number: number;
  readonly bytes: Uint8Array;
}

/** The last one is sent in two parts. */
const sizes = [10, 1_000, 70_000];
const entries = 9;
const [delivered, asked] = [4, 6];

const pieceBytes = 30_000;
const streamBytes = 3 * pieceBytes;

/** Time for all that may befall them, and then for all to be well again. */
const [faultsMs, calmMs] = [25_000, 25_000];

/** Longer than both: what waits for an answer ends with its connection, not before. */
const timeoutMs = 3_600_000;

const limits = {
  sessionTimeoutMs: 30_000,
  pingAfterMs: 2_000,
  deadAfterMs: 6_000,
  handshakeTimeoutMs: 4_000,
  dialTimeoutMs: 5_000,
};

const [lowest, highest] = [1, 2]
  .map((seed) => Identity.fromSeed(new Uint8Array(32).fill(seed)))
  .sort((one, other) => (one.id < other.id ? -1 : 1)) as [Identity, Identity];

/**
 * Node a keeps connected with b; on their first connection each sends messages, a delivery, a request and a stream,
 * while things befall their links and themselves.
 *
 * @returns what should not be, and how many pieces were sent.
 */
export async function talkWithFaults({ plan, lower = 'a', seed = 1 }: FaultyTalk): Promise<{
  problems: readonly string[];
  pieces: number;
}> {
  const runtime = new VirtualRuntime({ seed });
  const hub = new MemoryHub();
  const problems: string[] = [];
  const links = new FaultyLinks({ runtime, plan, onAct: (act) => talkers[act.at(-1) as Side].do(act) });
  const make = (side: Side): Talker => {
    const identity = side === lower ? lowest : highest;
    return new Talker(side, { identity, runtime, problems, links, hub });
  };
  const talkers = { a: make('a'), b: make('b') };
  const both = [talkers.a, talkers.b];
  for (const talker of both) await talker.start();
  const connect = (): Promise<unknown> => talkers.a.connect();
  // The first attempt may fail.
  void connect()
    .catch(connect)
    .catch(() => {});
  await runtime.advance(faultsMs);
  links.isOver = true;
  await runtime.advance(calmMs);
  await talkers.a.check(talkers.b);
  await talkers.b.check(talkers.a);
  await runtime.settle(Promise.all(both.map((talker) => talker.stop())));
  for (const talker of both) talker.checkPairs();
  if (runtime.pending.length > links.heldUp) problems.push(`timers are left: ${runtime.pending}`);
  return { problems, pieces: links.pieces };
}

interface TalkerOptions {
  readonly identity: Identity;
  readonly runtime: VirtualRuntime;
  readonly hub: MemoryHub;
  readonly links: FaultyLinks;
  readonly problems: string[];
}

/** Says on its first connection all that it has to say, and keeps books of what it hears there. */
class Talker extends Node {
  readonly side: Side;
  /** This one chose to end the connection. */
  hasLeft = false;
  #first: NodeConnection | undefined;
  #connects = 0;
  #disconnects = 0;
  #sent = 0;
  readonly #answers = new Map<number, 'pending' | 'right' | string>();
  /** On the first connection, and on others. */
  readonly #heard: Entry[] = [];
  readonly #strays: Entry[] = [];
  #readBytes = 0;
  #lost: readonly Data[] | undefined;
  readonly #runtime: VirtualRuntime;
  readonly #problems: string[];

  constructor(side: Side, { identity, runtime, hub, links, problems }: TalkerOptions) {
    super('faulty', side === 'a' ? 1 : 2, {
      name: side,
      identity,
      runtime,
      limits,
      reconnect: { minDelayMs: 20, maxDelayMs: 500, maxTrials: 30 },
      transports: [links.transport(memory({ hub }), side)],
    });
    this.side = side;
    this.#runtime = runtime;
    this.#problems = problems;
    for (const direction of ['inbound', 'outbound'] as const) {
      this.on(`${direction}_node_connected`, (peer) => this.#onConnected(peer));
      this.on(`${direction}_node_disconnected`, (peer) => this.#onDisconnected(peer));
    }
  }

  connect(): Promise<NodeConnection> {
    return this.connectWithNode('faulty', this.side === 'a' ? 2 : 1, { reconnect: true });
  }

  do(act: NodeAct): void {
    if (act.startsWith('connect')) {
      this.connect().catch(() => {});
      return;
    }
    if (act.startsWith('leave') && this.#first === undefined) return;
    this.hasLeft = true;
    const done = act.startsWith('stop') ? this.stop() : this.disconnectWithNode(this.#first!);
    done.catch((error) => this.#found(`cannot ${act}: ${error}`));
  }

  override nodeMessage(peer: NodeConnection, data: Data): void {
    const heard = peer === this.#first ? this.#heard : this.#strays;
    heard.push(data as unknown as Entry);
  }

  override nodeRequest(peer: NodeConnection, data: Data): Data {
    this.nodeMessage(peer, data);
    return (data as unknown as Entry).number;
  }

  override async nodeStream(_peer: NodeConnection, stream: PeerStream): Promise<void> {
    try {
      for await (const bytes of stream) this.#readBytes += bytes.length;
    } catch {
      // It ended with its connection.
    }
  }

  override nodeSessionLost(peer: NodeConnection, { data }: LostSession): void {
    if (peer !== this.#first) return;
    if (this.#lost !== undefined) this.#found('was told twice of what was lost');
    this.#lost = data;
  }

  override nodeMessageRejected(_peer: NodeConnection, error: Error): void {
    this.#found(`rejected a message: ${error.message}`);
  }

  override nodeError(error: unknown): void {
    this.#found(`had an error: ${error}`);
  }

  /** Compares the books of both sides, from the point of view of this one. */
  async check(other: Talker): Promise<void> {
    const first = this.#first;
    if (first === undefined) return;
    const someoneLeft = this.hasLeft || other.hasLeft;
    // Both connected at once, and each had its own connection up for a moment.
    const haveCrossed = [this, other].some((one) => one.#first?.closeReason?.code === 'replaced');
    for (const [index, entry] of [...this.#heard].entries()) {
      const expected = entryOf(other.side, index + 1);
      if (!isDeepStrictEqual(entry, expected)) this.#found(`heard ${entry.number} in place of ${index + 1}`);
    }
    const heardAll = this.#heard.length === other.#sent;
    if (!someoneLeft && !haveCrossed) {
      if (!heardAll || this.#sent !== entries) this.#found(`heard ${this.#heard.length} of ${other.#sent}`);
      if (this.#strays.length > 0) this.#found('heard something on another connection');
      if (this.#readBytes !== streamBytes) this.#found(`read ${this.#readBytes} bytes of the stream`);
      if (!first.isOpen || first.isSuspended) this.#found(`has lost it: ${first.closeReason?.message}`);
      for (const [number, outcome] of this.#answers) {
        if (outcome !== 'right') this.#found(`${number} is ${outcome}`);
      }
    }
    const { code, by } = first.closeReason ?? {};
    const isToldOfAnEnd = by === 'them' && (code === 'stopped' || code === 'disconnected');
    if (isToldOfAnEnd && !this.hasLeft && !heardAll) {
      this.#found(`heard ${this.#heard.length} of ${other.#sent} from who left in good order`);
    }
    if (first.isOpen) return;
    for (const [number, outcome] of this.#answers) {
      if (outcome === 'pending') this.#found(`${number} is pending after the end`);
    }
    if (!someoneLeft) this.#checkTold(other);
  }

  /** What began has ended, as often. */
  checkPairs(): void {
    if (this.#connects === this.#disconnects) return;
    this.#found(`was connected ${this.#connects} times and disconnected ${this.#disconnects} times`);
  }

  /** What the other side has not heard, this one is told of. */
  #checkTold(other: Talker): void {
    const known = [...other.#heard, ...other.#strays, ...((this.#lost ?? []) as unknown as Entry[])];
    const numbers = new Set(known.map(({ number }) => number));
    for (let number = 1; number <= this.#sent; number++) {
      if (!numbers.has(number)) this.#found(`was not told of ${number}`);
    }
  }

  #onConnected(peer: NodeConnection): void {
    if (this.#first === undefined) {
      this.#first = peer;
      void this.#talk(peer);
    }
    if (peer === this.#first) this.#connects += 1;
  }

  #onDisconnected(peer: NodeConnection): void {
    if (peer === this.#first) this.#disconnects += 1;
    const { code, message } = peer.closeReason!;
    if (code === 'protocol' || code === 'overload') this.#found(`ended with ${code}: ${message}`);
  }

  /** Two entries at a time, and then a pause. */
  async #talk(peer: NodeConnection): Promise<void> {
    for (let number = 1; number <= entries && peer.isOpen; number++) {
      this.#say(peer, number);
      if (number === 2) void this.#stream(peer).catch(() => {});
      if (number % 2 === 0) await new Promise<void>((resolve) => this.#runtime.setTimeout(resolve, 5));
    }
  }

  #say(peer: NodeConnection, number: number): void {
    const entry = entryOf(this.side, number) as unknown as Data;
    this.#sent = number;
    if (number !== delivered && number !== asked) {
      peer.send(entry);
      return;
    }
    this.#answers.set(number, 'pending');
    const answer =
      number === asked
        ? peer.request(entry, { timeoutMs })
        : peer.deliver(entry, { timeoutMs }).then(() => number);
    answer.then(
      (echo) => this.#answers.set(number, echo === number ? 'right' : `answered with ${echo}`),
      (error: PeerloomError) => this.#answers.set(number, error.code),
    );
  }

  async #stream(peer: NodeConnection): Promise<void> {
    const stream = await peer.openStream('three pieces', { timeoutMs });
    stream.closed.catch(() => {});
    for (let bytes = 0; bytes < streamBytes; bytes += pieceBytes) {
      if (!stream.write(new Uint8Array(pieceBytes))) await stream.drained();
    }
    stream.end();
  }

  #found(problem: string): void {
    this.#problems.push(`${this.side} ${problem}`);
  }
}

function entryOf(from: Side, number: number): Entry {
  return { from, number, bytes: new Uint8Array(sizes[number % sizes.length]!).fill(number) };
}
