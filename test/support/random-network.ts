import {
  type MemoryHub as Hub,
  Identity,
  type Link,
  MemoryHub,
  memory,
  Node,
  type NodeConnection,
  type NodeEventName,
  PeerloomError,
  type Transport,
} from '../../src/index.ts';
import { VirtualRuntime } from '../../src/simulator/virtual-runtime.ts';

export interface RandomNetworkOptions {
  readonly seed: number;
  /** How many nodes; 2 or more. Default 3. */
  readonly nodes?: number;
  /** What they do. Default 30. */
  readonly acts?: number;
  /**
   * `'wild'`: they leave and restart too. `'faithful'`: they only dial, always with `reconnect`, and send, so that no
   * message may be lost untold. Default `'wild'`.
   */
  readonly manner?: 'wild' | 'faithful';
}

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
  readonly #isFaithful: boolean;
  readonly #places: Place[];
  readonly problems: string[] = [];
  readonly trace: string[] = [];
  #isCalm = false;

  constructor({ seed, nodes = 3, acts = 30, manner = 'wild' }: RandomNetworkOptions) {
    this.#runtime = new VirtualRuntime({ seed });
    this.#acts = acts;
    this.#isFaithful = manner === 'faithful';
    const names = 'abcdefgh'.slice(0, nodes).split('');
    this.#places = names.map((name, index) => ({
      name,
      port: index + 1,
      identity: Identity.fromSeed(this.#runtime.secretBytes(32, name)),
      run: 0,
      isRestarting: false,
      node: undefined,
    }));
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
    this.#checkAgreement();
    if (this.#isFaithful) this.#checkNothingLost();
    await this.#checkDialsAtOnce();
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
      transports: [this.#late(memory({ hub: this.#hub }))],
      limits: { sessionTimeoutMs },
      reconnect: { minDelayMs: 100, maxDelayMs: 2_000 },
    });
    node.tell = (text) => this.trace.push(`${this.#runtime.now().toFixed(3)} ${label}: ${text}`);
    node.complain = (text) => this.problems.push(`${this.#runtime.now().toFixed(3)} ${label}: ${text}`);
    place.node = node;
    await node.start();
  }

  #act(): void {
    const place = this.#pick(this.#places, 'who');
    const node = place.node!;
    const others = this.#places.filter((other) => other !== place);
    const act = this.#pick(this.#isFaithful ? faithfulActs : [...faithfulActs, 'leave', 'restart'], 'what');
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
    const reconnect = this.#isFaithful || this.#chance('reconnect') < 0.5;
    node.connectWithNode('town', to.port, { reconnect }).then(
      (connection) => {
        if (connection.id !== to.identity.id) node.complain(`dialled ${to.name}, got ${connection.name}`);
      },
      (error: unknown) => {
        const code = error instanceof PeerloomError ? error.code : `${error}`;
        node.tell(`dialling ${to.name} failed: ${code}`);
        if (!expectedCodes.has(code)) node.complain(`dialling ${to.name} failed: ${error}`);
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
      listen: ({ port }, onLink) =>
        inner.listen({ scheme: undefined, host: 'town', port }, (link) => onLink(spoil(link))),
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
    const later = (what: () => void): void => {
      arrivesAt = Math.max(arrivesAt, runtime.now() + latencyMs * (0.5 + this.#chance('jitter')));
      runtime.setTimeout(what, arrivesAt - runtime.now());
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

/** A node that writes down its events and complains of what should not be. */
class Witness extends Node {
  tell: (text: string) => void = () => {};
  complain: (text: string) => void = () => {};
  readonly #isUp = new Map<NodeConnection, boolean>();
  /** What it was told, by the name of the sender and its number. */
  readonly heard = new Set<string>();
  /** What it has sent. */
  readonly said: { readonly to: string; readonly number: number }[] = [];
  /** The numbers of what may be lost, as it was told. */
  readonly lost = new Set<number>();
  readonly #lastHeard = new Map<NodeConnection, number>();
  #sent = 0;
  #received = 0;

  constructor(...[host, port, options]: ConstructorParameters<typeof Node>) {
    super(host, port, {
      ...options,
      callback: (event, _node, peer, data) => this.#onEvent(event, peer, data),
    });
  }

  say(peer: NodeConnection): void {
    if (!peer.isOpen) return;
    const number = this.next();
    this.said.push({ to: peer.id, number });
    peer.send({ from: this.name, number });
  }

  next(): number {
    this.#sent += 1;
    return this.#sent;
  }

  /** The connections that have not ended, suspended ones too. */
  get known(): NodeConnection[] {
    return [...this.#isUp.keys()].filter(({ isOpen }) => isOpen);
  }

  override nodeMessage(peer: NodeConnection, data: unknown): void {
    const { from, number } = data as { from: string; number: number };
    this.#received += 1;
    const name = `${from} ${number}`;
    this.tell(`hears ${name}`);
    if (this.heard.has(name)) this.complain(`hears ${name} twice`);
    this.heard.add(name);
    if ((this.#lastHeard.get(peer) ?? 0) >= number) this.complain(`hears ${name} after a later one`);
    this.#lastHeard.set(peer, number);
  }

  override nodeError(error: unknown): void {
    this.complain(`reports ${error}`);
  }

  /** Once it has stopped. */
  checkEvents(): void {
    for (const [peer, isUp] of this.#isUp)
      if (isUp) this.complain(`was never told of the end of ${peer.name}`);
    if (this.allNodes.length > 0) this.complain('has connections after its end');
    if (this.messageCountRecv !== this.#received) this.complain('counts other messages than it was given');
  }

  #onEvent(event: NodeEventName, peer: NodeConnection | undefined, data: unknown): void {
    if (event === 'node_message') return;
    if (event === 'node_session_lost') {
      for (const { number } of (data as { data: { number: number }[] }).data) this.lost.add(number);
    }
    this.tell(`${event} ${peer?.name ?? ''}`);
    const change = /^(?:in|out)bound_node_(connected|disconnected)$/.exec(event)?.[1];
    if (change === undefined) return;
    const isUp = change === 'connected';
    if ((this.#isUp.get(peer!) ?? false) === isUp)
      this.complain(`is told ${event} of ${peer!.name} out of turn`);
    this.#isUp.set(peer!, isUp);
    // One that was replaced is closed, and its end is told a little later.
    const ids = this.allNodes.filter(({ isOpen }) => isOpen).map(({ id }) => id);
    if (new Set(ids).size < ids.length) this.complain('has two connections with one node');
  }
}
