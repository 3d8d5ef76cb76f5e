import { type Link, type Node, PeerloomError, type Transport } from '../../src/index.ts';
import { type SimulatedNodeOptions, Simulation } from '../../src/simulator/index.ts';
import type { ProcessLink } from '../../src/simulator/network/process.ts';
import { SeededChance } from '../../src/simulator/seeded-chance.ts';
import { oneSided, Talker } from './talker.ts';

export interface RandomNetworkOptions {
  readonly seed: number;
  /** How many nodes; 2 or more. Default 3. */
  readonly nodes?: number;
  /**
   * `'wild'`: they leave and restart too, dial over plain links, and abandon dials. `'faithful'`: they only dial, always
   * with `reconnect`, and send, so that no message may be lost untold. `'twins'`: they are wild, and one more process
   * has the identity of the first. Default `'wild'`.
   */
  readonly manner?: Manner;
}

export type Manner = 'wild' | 'faithful' | 'twins';

/** How many things they do, and how long that and the breaking of links takes. Then all has to come to rest. */
const acts = 30;
const actingMs = 30_000;
const sessionTimeoutMs = 20_000;
const restMs = 4 * sessionTimeoutMs;
/** A node that stops starts again so long after. */
const restartMs = 1_500;

const faithfulActs = ['dial', 'dial', 'dial both', 'send', 'send', 'send'] as const;
const wildActs = [...faithfulActs, 'dial', 'dial both', 'leave', 'restart'] as const;

const expectedCodes = new Set([
  ...['ERR_CONNECTION_REFUSED', 'ERR_CONNECTION_CLOSED', 'ERR_NOT_STARTED', 'ERR_NOT_ALLOWED'],
  ...['ERR_TIMEOUT', 'ERR_ABORTED'],
]);

/** It does not mind a twin. */
class Member extends Talker {
  override nodeError(error: unknown): void {
    if (!isTwinError(error)) throw error;
  }
}

function isTwinError(error: unknown): boolean {
  return error instanceof PeerloomError && error.code === 'ERR_IDENTITY_IN_USE';
}

/**
 * A few nodes that dial each other, often at once, send, leave and are restarted at random, over links that are slow and
 * break at random, often in the handshake: a model of sections 8 and 10 of docs/protocol.md, which says what must hold
 * whatever happens. The world checks most of it.
 *
 * @returns the digest of all events.
 * @throws SimulationError, or Error with the problems.
 */
export function randomNetwork(options: RandomNetworkOptions): Promise<string> {
  return new RandomNetwork(options).run();
}

class RandomNetwork {
  readonly #world: Simulation;
  readonly #chances: SeededChance;
  readonly #manner: Manner;
  readonly #nodes: Member[];
  /** The last one, which has the identity of the first. */
  readonly #twin: Talker | undefined;
  readonly #problems: string[] = [];
  #isCalm = false;

  constructor({ seed, nodes = 3, manner = 'wild' }: RandomNetworkOptions) {
    this.#chances = new SeededChance(seed);
    this.#manner = manner;
    this.#world = new Simulation({ seed, latencyMs: { from: 1, to: 110 }, jitterMs: 60 });
    const hasTwins = manner === 'twins';
    let identity: SimulatedNodeOptions['identity'] | undefined;
    this.#nodes = this.#world.spawn(nodes + (hasTwins ? 1 : 0), ({ index, host, port, options }) => {
      if (index === 0) identity = options.identity;
      return new Member(host, port, {
        ...options,
        identity: index === nodes ? identity! : options.identity,
        transports: [this.#breaking(options.transports[0]!)],
        limits: { sessionTimeoutMs },
        reconnect: { minDelayMs: 100, maxDelayMs: 2_000 },
      });
    });
    this.#twin = hasTwins ? this.#nodes.at(-1) : undefined;
  }

  async run(): Promise<string> {
    const world = this.#world;
    const times = Array.from({ length: acts }, () => this.#chance('when') * actingMs);
    for (const at of times.sort((one, other) => one - other)) {
      await world.run(Math.max(0, at - world.now));
      this.#act();
    }
    await world.run(actingMs + restartMs - world.now);
    world.restart();
    this.#isCalm = true;
    await world.run(restMs);
    if (this.#manner !== 'twins') {
      this.#problems.push(...oneSided(this.#nodes));
      if (this.#manner === 'faithful') this.#checkNothingLost();
      await this.#checkDialsAtOnce();
    }
    await world.end();
    if (this.#problems.length > 0) throw new Error(this.#problems.join('; '));
    return world.digest;
  }

  #chance(purpose: string): number {
    return this.#chances.stream('test', purpose).random();
  }

  #pick<Item>(items: readonly Item[], purpose: string): Item {
    return items[Math.floor(this.#chance(purpose) * items.length)]!;
  }

  #act(): void {
    const world = this.#world;
    const node = this.#pick(this.#nodes, 'who');
    const others = this.#nodes.filter(({ id }) => id !== node.id);
    const act = this.#pick<(typeof wildActs)[number]>(
      this.#manner === 'faithful' ? faithfulActs : wildActs,
      'what',
    );
    if (act === 'dial') this.#dial(node, this.#pick(others, 'whom'));
    else if (act === 'dial both') {
      const other = this.#pick(others, 'whom');
      this.#dial(node, other);
      this.#dial(other, node);
    } else if (act === 'send') {
      for (const peer of node.known) for (let count = 0; count < 5; count++) node.say(peer);
    } else if (act === 'leave') {
      const [peer] = node.allNodes;
      if (peer !== undefined) void node.disconnectWithNode(peer);
    } else if (world.isRunning(node)) {
      world.stop(node);
      const fault = { kind: 'restart', nodes: [world.indexOf(node)!] } as const;
      world.schedule([{ at: world.now + restartMs, fault }]);
    }
  }

  #dial(node: Talker, to: Talker): void {
    const isFaithful = this.#manner === 'faithful';
    const reconnect = isFaithful || this.#chance('reconnect') < 0.5;
    const scheme = !isFaithful && this.#chance('scheme') < 0.25 ? 'plain' : 'simulated';
    const abandoned = new AbortController();
    if (!isFaithful && this.#chance('hurry') < 0.1) this.#abandonSoon(abandoned);
    const { signal } = abandoned;
    node.connectWithNode(`${scheme}://${to.host}:${to.port}`, { reconnect, signal }).then(
      ({ id, name, isOpen, security }) => {
        if (id !== to.id) this.#complain(node, `dialled ${to.name}, got ${name}`);
        const isLess = scheme === 'simulated' && !security.encrypted;
        if (isOpen && isLess) this.#complain(node, `dialled ${to.name}, got a link that promises less`);
      },
      (error: unknown) => {
        const isExpected = error instanceof PeerloomError && expectedCodes.has(error.code);
        if (isExpected || (this.#twin !== undefined && isTwinError(error))) return;
        this.#complain(node, `dialling ${to.name} failed: ${error}`);
      },
    );
  }

  /** With the first event of any node after some time. */
  #abandonSoon(dial: AbortController): void {
    const world = this.#world;
    const atMs = world.now + this.#chance('hurry') * 400;
    const onEvent = (): void => {
      if (world.now < atMs) return;
      world.off('event', onEvent);
      dial.abort();
    };
    world.on('event', onEvent);
  }

  #complain(node: Node, problem: string): void {
    this.#problems.push(`${this.#world.now.toFixed(3)} ${node.name}: ${problem}`);
  }

  /** What one living node has sent to another was heard, or it was told that it may be lost. */
  #checkNothingLost(): void {
    for (const node of this.#nodes) {
      for (const receiver of this.#nodes) {
        for (const number of node.lostUntold(receiver))
          this.#complain(node, `lost ${number} to ${receiver.name} untold`);
      }
    }
  }

  /**
   * All leave each other. Then each two dial each other at once: both get the same connection, and it is the one that the
   * lower id dialled (clause 8.4), since no link breaks now, and both take the same time.
   */
  async #checkDialsAtOnce(): Promise<void> {
    for (const node of this.#nodes) for (const peer of node.known) void node.disconnectWithNode(peer);
    await this.#world.run(restMs);
    this.#world.setLinks({ jitterMs: 0 });
    const dials = this.#nodes.flatMap((one) =>
      this.#nodes
        .filter((other) => other !== one)
        .map(async ({ host, port, name }) => {
          const connection = await one.connectWithNode(host, port);
          await connection.deliver(one.next());
          const isLower = one.id < connection.id;
          if ((connection.direction === 'outbound') !== isLower)
            this.#complain(one, `has the connection with ${name} that the higher id dialled`);
        }),
    );
    await this.#world.settle(Promise.all(dials));
    this.#problems.push(...oneSided(this.#nodes));
  }

  /**
   * Links that may break after one of the first pieces of either side. For `plain://` addresses, links that promise less:
   * nothing encrypts them.
   */
  #breaking(inner: Transport): Transport {
    const given = (link: Link): Link => this.#spoil(link);
    const plain = (link: Link): Link =>
      this.#spoil(
        Object.assign(link, { security: { protocol: 'plain', encrypted: false, authenticated: true } }),
      );
    return {
      schemes: ['simulated', 'plain'],
      attach: (context) => inner.attach(context),
      listen: async (address, onLink) => {
        await inner.listen({ ...address, port: address.port + 1 }, (link) => onLink(plain(link)));
        return inner.listen(address, (link) => onLink(given(link)));
      },
      dial: async (address, signal, expected) =>
        address.scheme === 'plain'
          ? plain(await inner.dial({ ...address, port: address.port + 1 }, signal, expected))
          : given(await inner.dial(address, signal, expected)),
      close: () => inner.close(),
    };
  }

  #spoil(link: Link): Link {
    if (this.#isCalm || this.#chance('is cut') >= 0.4) return link;
    const send = link.send.bind(link);
    let left = 1 + Math.floor(this.#chance('cut') * 15);
    link.send = (bytes, sent) => {
      left -= 1;
      if (left === 0 && !this.#isCalm) queueMicrotask(() => this.#cut(link as ProcessLink));
      return send(bytes, sent);
    };
    return link;
  }

  #cut(link: ProcessLink): void {
    link.cut([this.#chance('half'), this.#chance('half')]);
  }
}
