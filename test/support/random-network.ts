import {
  type MemoryHub as Hub,
  Identity,
  type Link,
  MemoryHub,
  memory,
  PeerloomError,
  type Transport,
} from '../../src/index.ts';
import { VirtualRuntime } from '../../src/simulator/virtual-runtime.ts';
import { plainLinks } from './plain-links.ts';
import { Witness } from './witness.ts';

export interface RandomNetworkOptions {
  readonly seed: number;
  /** How many nodes; 2 or more. Default 3. */
  readonly nodes?: number;
  /** What they do. Default 30. */
  readonly acts?: number;
  /**
   * `'wild'`: they leave and restart too, dial over plain links, and abandon dials. `'faithful'`: they only dial, always
   * with `reconnect`, and send, so that no message may be lost untold. `'twins'`: they are wild, and one more process
   * has the identity of the first. Default `'wild'`.
   */
  readonly manner?: Manner;
}

export type Manner = 'wild' | 'faithful' | 'twins';

export interface Outcome {
  /** What should never happen, with the virtual time. */
  readonly problems: readonly string[];
  /** Every event of every node, in order: the same for the same seed. */
  readonly trace: readonly string[];
}

/** How long the nodes act, and links break. Then all has to come to rest. */
const actingMs = 30_000;
const sessionTimeoutMs = 20_000;
const restMs = 4 * sessionTimeoutMs;

const faithfulActs = ['dial', 'dial', 'dial both', 'send', 'send', 'send'];
const wildActs = [...faithfulActs, 'dial', 'dial both', 'leave', 'restart'];

const expectedCodes = new Set([
  'ERR_CONNECTION_REFUSED',
  'ERR_CONNECTION_CLOSED',
  'ERR_NOT_STARTED',
  'ERR_NOT_ALLOWED',
  'ERR_TIMEOUT',
  'ERR_ABORTED',
]);

/**
 * A few nodes that dial each other, often at once, send, leave and are restarted at random, over links that are slow and
 * break at random: a model of sections 8 and 10 of docs/protocol.md, which says what must hold whatever happens.
 */
export async function randomNetwork(options: RandomNetworkOptions): Promise<Outcome> {
  return new RandomNetwork(options).run();
}

class RandomNetwork {
  readonly #runtime: VirtualRuntime;
  readonly #hub: Hub = new MemoryHub();
  readonly #acts: number;
  readonly #manner: Manner;
  readonly #places: Place[];
  readonly problems: string[] = [];
  readonly trace: string[] = [];
  #isCalm = false;

  constructor({ seed, nodes = 3, acts = 30, manner = 'wild' }: RandomNetworkOptions) {
    this.#runtime = new VirtualRuntime({ seed });
    this.#acts = acts;
    this.#manner = manner;
    const names = 'abcdefgh'.slice(0, nodes).split('');
    this.#places = names.map((name, index) => ({
      name,
      port: index + 1,
      identity: Identity.fromSeed(this.#runtime.secretBytes(32, name)),
      run: 0,
      isRestarting: false,
      node: undefined,
    }));
    if (manner === 'twins') this.#places.push({ ...this.#places[0]!, name: 'twin', port: nodes + 1 });
  }

  async run(): Promise<Outcome> {
    const runtime = this.#runtime;
    for (const place of this.#places) await this.#begin(place);
    const times = Array.from({ length: this.#acts }, () => this.#chance('when') * actingMs);
    for (const at of times.sort((one, other) => one - other)) {
      await runtime.advance(Math.max(0, at - runtime.now()));
      this.#act();
    }
    await runtime.advance(Math.max(0, actingMs - runtime.now()));
    this.#isCalm = true;
    await runtime.advance(restMs);
    if (this.#manner !== 'twins') {
      this.#checkAgreement();
      if (this.#manner === 'faithful') this.#checkNothingLost();
      await this.#checkDialsAtOnce();
    }
    const stopping = Promise.all(this.#places.map(({ node }) => node!.stop()));
    await runtime.settle(stopping);
    for (const { node } of this.#places) node!.checkEvents();
    return { problems: this.problems, trace: this.trace };
  }

  #chance(purpose: string): number {
    return this.#runtime.chance.stream('test', purpose).random();
  }

  #pick<Item>(items: readonly Item[], purpose: string): Item {
    return items[Math.floor(this.#chance(purpose) * items.length)]!;
  }

  async #begin(place: Place): Promise<void> {
    place.run += 1;
    place.isRestarting = false;
    const label = `${place.name}${place.run}`;
    const node = new Witness(label, place.port, {
      name: label,
      identity: place.identity,
      runtime: this.#runtime.of(label),
      transports: [
        this.#late(memory({ hub: this.#hub })),
        this.#late(plainLinks(memory({ hub: this.#hub }))),
      ],
      limits: { sessionTimeoutMs },
      reconnect: { minDelayMs: 100, maxDelayMs: 2_000 },
    });
    node.tell = (text) => this.trace.push(`${this.#runtime.now().toFixed(3)} ${label}: ${text}`);
    node.complain = (text) => this.problems.push(`${this.#runtime.now().toFixed(3)} ${label}: ${text}`);
    node.hasTwin = this.#manner === 'twins';
    place.node = node;
    await node.start();
  }

  #act(): void {
    const place = this.#pick(this.#places, 'who');
    const node = place.node!;
    const others = this.#places.filter(({ identity }) => identity.id !== node.id);
    const act = this.#pick(this.#manner === 'faithful' ? faithfulActs : wildActs, 'what');
    if (act === 'dial') this.#dial(place, this.#pick(others, 'whom'));
    else if (act === 'dial both') {
      const other = this.#pick(others, 'whom');
      this.#dial(place, other);
      this.#dial(other, place);
    } else if (act === 'send') {
      for (const peer of node.known) for (let count = 0; count < 5; count++) node.say(peer);
    } else if (act === 'leave') {
      const [peer] = node.allNodes;
      if (peer !== undefined) void node.disconnectWithNode(peer);
    } else if (!place.isRestarting) {
      place.isRestarting = true;
      void node.stop().then(() => this.#begin(place));
    }
  }

  #dial(from: Place, to: Place): void {
    const node = from.node!;
    const isFaithful = this.#manner === 'faithful';
    const reconnect = isFaithful || this.#chance('reconnect') < 0.5;
    const scheme = !isFaithful && this.#chance('scheme') < 0.25 ? 'plain' : 'memory';
    const abandoned = new AbortController();
    if (!isFaithful && this.#chance('hurry') < 0.1) {
      this.#runtime.setTimeout(() => abandoned.abort(), this.#chance('hurry') * 400);
    }
    const { signal } = abandoned;
    node.connectWithNode(`${scheme}://town:${to.port}`, { reconnect, signal }).then(
      ({ id, name, isOpen, security }) => {
        if (id !== to.identity.id) node.complain(`dialled ${to.name}, got ${name}`);
        const isLess = scheme === 'memory' && !security.encrypted;
        if (isOpen && isLess) node.complain(`dialled ${to.name}, got a link that promises less`);
      },
      (error: unknown) => {
        const code = error instanceof PeerloomError ? error.code : `${error}`;
        node.tell(`dialling ${to.name} failed: ${code}`);
        const isExpected = expectedCodes.has(code) || (node.hasTwin && code === 'ERR_IDENTITY_IN_USE');
        if (!isExpected) node.complain(`dialling ${to.name} failed: ${error}`);
      },
    );
  }

  /** At rest, two nodes either both have a connection with each other, or neither has. */
  #checkAgreement(): void {
    for (const one of this.#places) {
      for (const other of this.#places) {
        const has = one.node!.allNodes.some(({ id }) => id === other.identity.id);
        const isHad = other.node!.allNodes.some(({ id }) => id === one.identity.id);
        if (has && !isHad) one.node!.complain(`has ${other.name}, which does not have it`);
      }
    }
  }

  /** What one living node has sent to another was heard, or it was told that it may be lost. */
  #checkNothingLost(): void {
    for (const { node } of this.#places) {
      for (const { to, number } of node!.said) {
        const receiver = this.#places.find(({ identity }) => identity.id === to)!.node!;
        const isHeard = receiver.heard.has(`${node!.name} ${number}`);
        if (!isHeard && !node!.lost.has(number)) node!.complain(`lost ${number} to ${receiver.name} untold`);
      }
    }
  }

  /**
   * All leave each other. Then each two dial each other at once: both get the same connection, and it is the one that the
   * lower id dialled (clause 8.4), since no link breaks now.
   */
  async #checkDialsAtOnce(): Promise<void> {
    const { problems } = this;
    for (const { node } of this.#places) for (const peer of node!.known) void node!.disconnectWithNode(peer);
    await this.#runtime.advance(restMs);
    const dials = this.#places.flatMap((one) =>
      this.#places
        .filter((other) => other !== one)
        .map(async ({ port, name }) => {
          const connection = await one.node!.connectWithNode('town', port);
          await connection.deliver({ from: one.node!.name, number: one.node!.next() });
          return { one, name, connection };
        }),
    );
    for (const outcome of await this.#runtime.settle(Promise.allSettled(dials))) {
      if (outcome.status === 'rejected') {
        problems.push(`a dial at once failed: ${outcome.reason}`);
        continue;
      }
      const { one, name, connection } = outcome.value;
      const isLower = one.identity.id < connection.id;
      if ((connection.direction === 'outbound') !== isLower) {
        problems.push(`${one.name} and ${name} have the connection that the higher id dialled`);
      }
    }
    this.#checkAgreement();
  }

  /** Links on which each piece takes its time, and which may break at one of the first pieces of either side. */
  #late(inner: Transport): Transport {
    const spoil = (link: Link): Link => this.#spoil(link);
    return {
      schemes: inner.schemes,
      attach: (context) => inner.attach(context),
      listen: (address, onLink) => inner.listen({ ...address, host: 'town' }, (link) => onLink(spoil(link))),
      dial: async (address, signal, expected) => spoil(await inner.dial(address, signal, expected)),
      close: () => inner.close(),
    };
  }

  #spoil(link: Link): Link {
    const runtime = this.#runtime;
    const send = link.send.bind(link);
    const close = link.close.bind(link);
    const latencyMs = 1 + this.#chance('latency') * 150;
    const isSoonCut = this.#chance('is cut') < 0.4;
    let left = isSoonCut ? 1 + Math.floor(this.#chance('cut') * 15) : Number.POSITIVE_INFINITY;
    let arrivesAt = 0;
    const underWay: (() => void)[] = [];
    const later = (what: () => void): void => {
      arrivesAt = Math.max(arrivesAt, runtime.now() + latencyMs * (0.5 + this.#chance('jitter')));
      underWay.push(what);
      // Whichever timer comes first: two of the same moment may be a rounding error apart.
      runtime.setTimeout(() => underWay.shift()!(), arrivesAt - runtime.now());
    };
    link.send = (bytes, sent) => {
      const piece = bytes.slice();
      sent?.();
      if (left === 0) return true;
      if (!this.#isCalm) left -= 1;
      const isCut = left === 0;
      later(() => {
        if (isCut) {
          send(piece.subarray(0, Math.floor(piece.length * this.#chance('half'))));
          runtime.setTimeout(() => link.destroy(), 1);
        } else {
          send(piece);
        }
      });
      return true;
    };
    link.close = (timeoutMs) => later(() => close(timeoutMs));
    return link;
  }
}

interface Place {
  readonly name: string;
  readonly port: number;
  readonly identity: Identity;
  /** How often it was started. */
  run: number;
  isRestarting: boolean;
  node: Witness | undefined;
}
