import type { Data, NodeConnection, Node as NodeType } from '../../../src/index.ts';
import type { Simulation } from '../../../src/simulator/index.ts';

/** What is said, with enough text that a session keeps several blocks of it. */
interface Line {
  readonly number: number;
  readonly text: string;
}

const rounds = 6;
const linesARound = 12;

const textOf = (number: number): string => `${number} `.repeat(20 + ((number * 7) % 60));

/**
 * Four nodes that dial each other at once, over sessions, and talk while links break. In the end one of them crashes and
 * comes back. Whatever happens, nothing is lost, doubled or moved without the sender learning of it.
 *
 * @param Node of the sources to test.
 */
export function sessionsOf(Node: typeof NodeType): (world: Simulation) => Promise<void> {
  class Talker extends Node {
    /** How many lines this node has said to each other. */
    readonly said = new Map<string, number>();
    /** How many it has heard from each other. */
    readonly heard = new Map<string, number>();
    readonly problems: string[] = [];

    say(peer: NodeConnection): void {
      const number = this.said.get(peer.id) ?? 0;
      this.said.set(peer.id, number + 1);
      peer.send({ number, text: textOf(number) });
    }

    override nodeMessage(peer: NodeConnection, data: Data): void {
      const { number, text } = data as unknown as Line;
      const expected = this.heard.get(peer.id) ?? 0;
      if (number !== expected)
        this.problems.push(`${this.name} hears line ${number} of ${peer.name}, not ${expected}`);
      if (text !== textOf(number))
        this.problems.push(`${this.name} hears something else than ${peer.name} said`);
      this.heard.set(peer.id, number + 1);
    }

    override nodeMessageRejected(peer: NodeConnection, error: Error): void {
      this.problems.push(`${this.name} cannot read what ${peer.name} sent: ${error.message}`);
    }

    override nodeSessionLost(peer: NodeConnection, { data }: { readonly data: readonly Data[] }): void {
      // They were heard long ago, over links that did not break since.
      if (data.length > 0)
        this.problems.push(`${this.name} learns that ${data.length} lines to ${peer.name} may be lost`);
    }
  }

  return async function sessions(world) {
    const reconnect = { minDelayMs: 100, maxDelayMs: 1_000 };
    const nodes = world.spawn(
      4,
      ({ host, port, options }) => new Talker(host, port, { ...options, reconnect }),
    );
    world.invariant('nothing is lost, doubled or moved', () => nodes.flatMap(({ problems }) => problems)[0]);
    const pairs = nodes
      .flatMap((one) => nodes.map((other) => [one, other] as const))
      .filter(([one, other]) => one !== other);
    await world.settle(
      Promise.all(
        pairs.map(([one, other]) => one.connectWithNode(other.host, other.port, { reconnect: true })),
      ),
    );
    await world.run({ seconds: 1 });
    // Before any link breaks.
    await holds(world, 'of two links, the one that the lower id dialled stays', () =>
      nodes.every((node) =>
        node.allNodes.every(({ id, direction }) => (direction === 'outbound') === node.id < id),
      ),
    );
    for (let round = 0; round < rounds; round++) {
      for (let line = 0; line < linesARound; line++) {
        for (const node of nodes) for (const peer of node.allNodes) node.say(peer);
        if (line % 4 === 3) world.cut(0.3);
        await world.run(25);
      }
      // While the last acknowledgements are under way, in some worlds.
      await world.run((world.seed * 7) % 150);
      world.cut(0.5);
      await world.run({ seconds: 3 });
    }
    // Too short for a ping, which would be acknowledged, and all before it as well.
    await world.run({ seconds: 8 });
    const isHeard = ([one, other]: readonly [Talker, Talker]): boolean =>
      (one.said.get(other.id) ?? 0) === (other.heard.get(one.id) ?? 0);
    await holds(world, 'everything is heard', () => pairs.every(isHeard));
    // Its peers learn what may be lost.
    world.crash(0.5);
    await world.run({ seconds: 10 });
    world.restart();
    await world.run({ minutes: 5 });
  };
}

/** Checks something once. */
async function holds(world: Simulation, name: string, check: () => boolean): Promise<void> {
  const remove = world.invariant(name, check);
  await world.run(0);
  remove();
}
