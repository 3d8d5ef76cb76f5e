import { Identity, MemoryHub, memory, type NodeConnection, PeerloomError } from '../../src/index.ts';
import { VirtualRuntime } from '../../src/simulator/virtual-runtime.ts';
import { type Fault, FaultyLinks, type Side } from './faulty-links.ts';
import { plainLinks } from './plain-links.ts';
import { Witness } from './witness.ts';

export interface FaultyHandshake {
  readonly scene: Scene;
  readonly plan: readonly Fault[];
  /** Whose id is the lower one, which decides where both dial at once. */
  readonly lower: Side;
}

export interface HandshakeOutcome {
  /** What should never happen, with the virtual time. */
  readonly problems: readonly string[];
  /** Every event of both nodes, in order. */
  readonly trace: readonly string[];
  /** How often each side was told of a connection before anything else happened. */
  readonly connects: Readonly<Record<Side, number>>;
  /** How many pieces the handshake has, if nothing goes wrong. */
  readonly pieces: number;
}

/** What comes before a handshake, and how it begins. */
export interface Scene {
  /** Nothing goes wrong yet. */
  readonly before?: (pair: Pair) => Promise<unknown>;
  readonly begin: (pair: Pair) => unknown;
  /** A session lasts, and both sides resume it, whatever happens to one link. */
  readonly isResumed?: boolean;
}

const limits = {
  sessionTimeoutMs: 20_000,
  pingAfterMs: 2_000,
  deadAfterMs: 6_000,
  handshakeTimeoutMs: 4_000,
  dialTimeoutMs: 5_000,
};

/** A handshake in which nothing goes wrong is over by then, after an attempt to reconnect too. */
const calmHandshakeMs = 600;

/** Longer than a session is waited for, and than any delay of reconnecting. */
const restMs = 60_000;

/** Ways in which two nodes come to a handshake: docs/protocol.md, sections 4, 8 and 10. */
export const scenes: Readonly<Record<string, Scene>> = {
  'a dials': { begin: (pair) => pair.dial('a') },
  'a dials, for a session': { begin: (pair) => pair.dial('a', { reconnect: true }) },
  'both dial': {
    begin: (pair) => {
      pair.dial('a');
      pair.dial('b');
    },
  },
  'both dial, for sessions': {
    begin: (pair) => {
      pair.dial('a', { reconnect: true });
      pair.dial('b', { reconnect: true });
    },
  },
  'a dials twice at once': {
    begin: (pair) => {
      pair.dial('a');
      pair.dial('a', { reconnect: true });
    },
  },
  'a dials the node that dialled it': {
    before: (pair) => pair.connect('b'),
    begin: (pair) => pair.dial('a'),
  },
  'a resumes its session': {
    isResumed: true,
    before: (pair) => pair.connect('a', { reconnect: true }),
    begin: (pair) => pair.breakLinks(),
  },
  'both resume their session': {
    isResumed: true,
    before: async (pair) => {
      await pair.connect('a', { reconnect: true });
      await pair.connect('b', { reconnect: true });
    },
    begin: (pair) => pair.breakLinks(),
  },
  'a is restarted, which b does not notice': {
    before: async (pair) => {
      await pair.connect('a');
      await pair.restart('a');
    },
    begin: (pair) => pair.dial('a'),
  },
  'b is restarted, and a resumes a session that b does not know': {
    before: async (pair) => {
      await pair.connect('a', { reconnect: true });
      await pair.restart('b');
    },
    begin: (pair) => pair.breakLinks(),
  },
  'a has ended a connection, and b does not know yet': {
    before: async (pair) => {
      await pair.connect('a');
      pair.leave('a');
    },
    begin: (pair) => pair.dial('a'),
  },
  'a dials over a plain link, and b over a safe one': {
    begin: (pair) => {
      pair.dial('a', { scheme: 'plain' });
      pair.dial('b');
    },
  },
  'a dials over a safe link, beside a plain one': {
    before: (pair) => pair.connect('a', { scheme: 'plain' }),
    begin: (pair) => pair.dial('a'),
  },
  'a dials over a plain link, while a session over a safe one is suspended': {
    before: async (pair) => {
      await pair.connect('a', { reconnect: true });
      pair.breakLinks();
    },
    begin: (pair) => pair.dial('b', { scheme: 'plain' }),
  },
};

/** Two nodes come to a handshake, to whose pieces something happens. */
export async function faultyHandshake({ scene, plan, lower }: FaultyHandshake): Promise<HandshakeOutcome> {
  const pair = new Pair(plan, lower);
  await pair.run(scene);
  const { problems, trace, pieces, connects } = pair;
  return { problems, trace, pieces, connects };
}

const [lowest, highest] = [1, 2]
  .map((seed) => Identity.fromSeed(new Uint8Array(32).fill(seed)))
  .sort((one, other) => (one.id < other.id ? -1 : 1)) as [Identity, Identity];

const ports = { a: 1, b: 2 } as const;

function otherThan(side: Side): Side {
  return side === 'a' ? 'b' : 'a';
}

class Pair {
  readonly problems: string[] = [];
  readonly trace: string[] = [];
  pieces = 0;
  connects = { a: 0, b: 0 };
  readonly #runtime = new VirtualRuntime({ seed: 1 });
  readonly #links: FaultyLinks;
  readonly #hub = new MemoryHub();
  readonly #lower: Side;
  readonly #all: Witness[] = [];
  #nodes!: Record<Side, Witness>;

  constructor(plan: readonly Fault[], lower: Side) {
    this.#links = new FaultyLinks({ runtime: this.#runtime, plan, onAct: () => {} });
    this.#lower = lower;
  }

  async run({ before, begin, isResumed = false }: Scene): Promise<void> {
    const [runtime, links] = [this.#runtime, this.#links];
    this.#nodes = { a: await this.#start('a'), b: await this.#start('b') };
    links.isOver = true;
    if (before !== undefined) await runtime.settle(Promise.resolve(before(this)));
    links.pieces = 0;
    links.isOver = false;
    const began = this.trace.length;
    begin(this);
    await runtime.advance(calmHandshakeMs);
    this.pieces = links.pieces;
    for (const side of ['a', 'b'] as const) {
      const connect = new RegExp(` ${side}\\d+: \\w+_connected `);
      this.connects[side] = this.trace.slice(began).filter((line) => connect.test(line)).length;
    }
    await runtime.advance(limits.handshakeTimeoutMs + limits.dialTimeoutMs);
    links.isOver = true;
    await runtime.advance(restMs);
    const isLost = this.trace.some((line) => line.includes('node_session_lost'));
    if (isResumed && isLost) this.problems.push('a session was lost');
    await this.#check();
    await runtime.settle(Promise.all(this.#all.map((node) => node.stop())));
    for (const node of this.#all) node.checkEvents();
    if (runtime.pending.length > links.heldUp) this.problems.push(`timers are left: ${runtime.pending}`);
  }

  /** Resolves in any case; what dials can end with is written down. */
  dial(side: Side, { reconnect = false, scheme = 'memory' } = {}): Promise<NodeConnection | undefined> {
    const node = this.#nodes[side];
    const { port } = this.#nodes[otherThan(side)];
    return node.connectWithNode(`${scheme}://pair:${port}`, { reconnect }).catch((error: unknown) => {
      node.tell(`fails to dial: ${error instanceof PeerloomError ? error.code : error}`);
      if (!(error instanceof PeerloomError)) node.complain(`fails to dial: ${error}`);
      return undefined;
    });
  }

  /** Resolves when both sides have the connection. */
  async connect(side: Side, options?: { reconnect?: boolean; scheme?: string }): Promise<void> {
    await this.dial(side, options);
    await this.#nodes[otherThan(side)].waitForNodes(1);
  }

  /** The node is replaced by one with the same identity, without a word to the other one. */
  async restart(side: Side): Promise<void> {
    this.#links.deafen(otherThan(side));
    await this.#nodes[side].stop();
    this.#nodes[side] = await this.#start(side);
  }

  breakLinks(): void {
    this.#links.breakAll();
  }

  /** The goodbye does not arrive. */
  leave(side: Side): void {
    this.#links.deafen(otherThan(side));
    for (const peer of this.#nodes[side].allNodes) void peer.stop();
  }

  async #start(side: Side): Promise<Witness> {
    const run = this.#all.filter(({ name }) => name.startsWith(side)).length + 1;
    const label = `${side}${run}`;
    const inner = [memory({ hub: this.#hub }), plainLinks(memory({ hub: this.#hub }))];
    const node = new Witness('pair', ports[side], {
      name: label,
      identity: side === this.#lower ? lowest : highest,
      runtime: this.#runtime.of(label),
      transports: inner.map((transport) => this.#links.transport(transport, side)),
      limits,
      reconnect: { minDelayMs: 20, maxDelayMs: 500, maxTrials: 20 },
    });
    node.tell = (text) => this.trace.push(`${this.#runtime.now().toFixed(3)} ${label}: ${text}`);
    node.complain = (text) => this.problems.push(`${this.#runtime.now().toFixed(3)} ${label}: ${text}`);
    this.#all.push(node);
    await node.start();
    return node;
  }

  /** Both have a connection, or neither has; then each can connect with the other, and both have the same. */
  async #check(): Promise<void> {
    const { a, b } = this.#nodes;
    const [ofA, ofB] = [a.allNodes.length, b.allNodes.length];
    if (ofA !== ofB || ofA > 1) this.problems.push(`a has ${ofA} connections, b has ${ofB}`);
    for (const side of ['a', 'b'] as const) {
      const connection = await this.#runtime.settle(this.dial(side));
      const node = this.#nodes[side];
      if (connection === undefined) {
        node.complain('cannot connect any more');
        continue;
      }
      const delivered = connection.deliver({ from: node.name, number: node.next() });
      await this.#runtime.settle(delivered.catch((error) => node.complain(`cannot deliver: ${error}`)));
    }
    const [one, other] = [a.allNodes[0], b.allNodes[0]];
    if (one?.direction === other?.direction) this.problems.push('a and b have not the same connection');
    if (a.allNodes.length !== 1 || b.allNodes.length !== 1) this.problems.push('not one connection each');
  }
}
