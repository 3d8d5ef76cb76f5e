import { DatabaseSync } from 'node:sqlite';
import { type Data, type Node, type NodeConnection, PeerloomError } from '../../src/index.ts';
import { SecureNode } from '../../src/secure/index.ts';
import { type SimulatedNodeOptions, Simulation, type WhichNodes } from '../../src/simulator/index.ts';
import { SeededChance } from '../../src/simulator/seeded-chance.ts';
import { oneSided, Talker } from './talker.ts';

/** Counts how often it accepts each message. */
class Signer extends SecureNode {
  readonly accepted = new Map<string, number>();

  override nodeMessage(_peer: NodeConnection, data: Data): void {
    const text = JSON.stringify(data);
    this.accepted.set(text, (this.accepted.get(text) ?? 0) + 1);
  }
}

/** Why a letter, or what a vault asks of another node, may fail while nodes and links do. */
const expectedOfSigners = new Set([
  ...['ERR_NO_ROUTE', 'ERR_NOT_CONNECTED', 'ERR_NOT_STARTED', 'ERR_CONNECTION_CLOSED', 'ERR_TIMEOUT'],
  ...['ERR_NOT_PERMITTED', 'ERR_NOT_FOUND', 'ERR_UNREACHABLE', 'ERR_VAULT_FILE'],
]);

const expectedCodes = new Set([
  ...['ERR_CONNECTION_REFUSED', 'ERR_CONNECTION_CLOSED', 'ERR_NOT_STARTED', 'ERR_NOT_ALLOWED'],
  ...['ERR_TIMEOUT', 'ERR_ABORTED', 'ERR_NETWORK_MISMATCH'],
]);

/** Simulated disks need Node.js 24. */
const hasDisks = 'serialize' in DatabaseSync.prototype;

/** How many inbound connections a node of these worlds takes. */
const maxConnections = 3;

/** How long things go wrong, and how long it takes until everything is at rest again. */
const wildMs = 60_000;
const restMs = 120_000;

/**
 * A few nodes that dial each other, often at once, and talk, and signers that broadcast, while everything goes wrong
 * that can. Then all is well again, and what docs/protocol.md promises must hold.
 *
 * @throws SimulationError, or Error with the problem.
 */
export async function randomWorld(seed: number, mode: 'wire' | 'fast' = 'wire'): Promise<Simulation> {
  const chance = new SeededChance(seed).stream('test', 'acts');
  /** All connections outlive their links, so that no message may be lost untold. */
  const isFaithful = seed % 2 === 0;
  const latencyMs = chance.random() < 0.5 ? 20 : { from: 1, to: 200 };
  const world = new Simulation({
    seed,
    mode,
    latencyMs,
    jitterMs: 30 * chance.random(),
    loss: 0.05 * chance.random(),
  });
  const withDefaults = (options: SimulatedNodeOptions): SimulatedNodeOptions => ({
    ...options,
    maxConnections,
    limits: { sessionTimeoutMs: 30_000 },
    reconnect: { minDelayMs: 100, maxDelayMs: 2_000 },
  });
  const talkers = world.spawn(4, ({ host, port, options }) => new Talker(host, port, withDefaults(options)));
  const signers = world.spawn(3, ({ host, port, options }) => {
    // Half of them on disks, which outlive their crashes and may be full.
    const vault = seed % 4 < 2 || !hasDisks ? {} : { path: 'vault.db' };
    return new Signer(host, port, { ...withDefaults(options), vault });
  });
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(chance.random() * items.length)]!;
  const problems: string[] = [];

  world.invariant('no node takes more connections than it may', () =>
    world.nodes.every(({ nodesInbound }) => nodesInbound.size <= maxConnections),
  );
  world.invariant('a signed message is accepted once', () =>
    signers.every(({ accepted }) => [...accepted.values()].every((count) => count === 1)),
  );

  const dial = (from: Node, to: Node): void => {
    if (from === to || !world.isRunning(from)) return;
    from.connectWithNode(to.host, to.port, { reconnect: isFaithful || chance.random() < 0.5 }).then(
      ({ id }) => {
        if (id !== to.id) problems.push(`dialled ${to.name}, got ${id}`);
      },
      (error: unknown) => {
        const isExpected = error instanceof PeerloomError && expectedCodes.has(error.code);
        if (!isExpected) problems.push(`dialling ${to.name} failed: ${error}`);
      },
    );
  };
  /** What a signer asks of another one may fail, but only for certain reasons. */
  const asks = (what: string, asked: Promise<unknown>): void => {
    asked.catch((error: unknown) => {
      const isExpected = error instanceof PeerloomError && expectedOfSigners.has(error.code);
      if (!isExpected) problems.push(`${what} failed: ${error}`);
    });
  };
  /** The latest of the numbers that a signer has read of another one's vault. */
  const latestRead = new Map<string, number>();
  const read = async (reader: Signer, owner: Signer): Promise<void> => {
    const number = (await reader.vault.get(owner.id, 'numbers', 'latest')) as number | undefined;
    const key = `${reader.name} of ${owner.name}`;
    if (number === undefined) return;
    if (number < (latestRead.get(key) ?? 0)) problems.push(`${key}: read ${number} after a later one`);
    latestRead.set(key, number);
  };
  const some = (): WhichNodes => [pick(world.nodes)];
  let broadcasts = 0;
  const acts: (() => void)[] = [
    () => dial(pick(talkers), pick(talkers)),
    () => {
      const [one, other] = [pick(talkers), pick(talkers)];
      dial(one, other);
      dial(other, one);
    },
    () => dial(pick(signers), pick(signers)),
    () => {
      const talker = pick(talkers);
      if (!world.isRunning(talker)) return;
      for (const peer of talker.allNodes) for (let count = 0; count < 5; count++) talker.say(peer);
    },
    () => {
      const signer = pick(signers);
      if (world.isRunning(signer)) signer.sendToNodes({ from: signer.name, number: ++broadcasts });
    },
    () => {
      const [from, to] = [pick(signers), pick(signers)];
      if (from === to || !world.isRunning(from)) return;
      asks('a letter', from.sendTo(to.id, { from: from.name, letter: ++broadcasts }));
    },
    () => {
      const [owner, reader] = [pick(signers), pick(signers)];
      if (owner === reader || !world.isRunning(owner)) return;
      asks('to put', owner.vault.put('numbers', 'latest', ++broadcasts));
      asks('to grant', owner.vault.grant('numbers', reader.id));
    },
    () => {
      const [owner, reader] = [pick(signers), pick(signers)];
      if (owner !== reader && world.isRunning(reader)) asks('to read', read(reader, owner));
    },
  ];
  const faults: (() => void)[] = [
    () => world.cut(some()),
    () => world.crash(some(), chance.random() < 0.5 ? {} : { power: 'off' }),
    () => world.stop(some()),
    () => world.restart(),
    () => world.partition([pick(world.nodes)]),
    () => world.halfCut([pick(world.nodes)], [pick(world.nodes)]),
    () => world.heal(),
    () => world.heal(),
    () => world.pause(some()),
    () => world.resume(world.nodes),
    () => world.slow(some(), 50 * chance.random()),
    () => world.drift(some(), 0.9 + 0.2 * chance.random()),
    () => world.jump(some(), 1_000 * chance.random()),
    () => world.setDiskFull(some(), chance.random() < 0.5),
  ];

  await world.run(1);
  while (world.now < wildMs) {
    pick(chance.random() < 0.75 ? acts : faults)();
    await world.run(800 * chance.random());
  }
  world.heal();
  world.resume(world.nodes);
  world.slow(world.nodes, 0);
  world.setDiskFull(world.nodes, false);
  await world.run(1_000);
  world.restart();
  await world.run(restMs);

  problems.push(...oneSided(world.nodes));
  // What one living node has said to another that lived throughout was heard, or reported as lost.
  const throughout = isFaithful ? talkers.filter((talker) => !talker.name.includes('restart')) : [];
  for (const talker of throughout) {
    for (const receiver of throughout) {
      for (const number of talker.lostUntold(receiver)) {
        problems.push(`${talker.name} lost message ${number} to ${receiver.name} untold`);
      }
    }
  }
  await world.end();
  if (problems.length > 0) throw new Error(`seed ${seed}: ${problems.join('; ')}`);
  return world;
}
