import '../support/libp2p-engines.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type NatKind, NatNetwork, type NatProgram, natsMissing, relayHost } from '../support/nat-network.ts';
import { randomFrom } from '../support/random-from.ts';
import { pause, until } from '../support/turns.ts';

const bin = fileURLToPath(new URL('../../bin/peerloom.js', import.meta.url));
const program = fileURLToPath(new URL('../support/programs/nat-churn-node.ts', import.meta.url));

const skip = natsMissing() ?? false;
/** `npm run test:long -- nat-churn`: half an hour, shared by the pairs of routers. */
const seconds = Number(process.env.PEERLOOM_NAT_CHURN ?? 0);
const pairs: readonly (readonly [NatKind, NatKind])[] =
  seconds > 0
    ? [
        ['restricted', 'restricted'],
        ['symmetric', 'restricted'],
        ['symmetric', 'CGNAT'],
      ]
    : [['symmetric', 'restricted']];

/** What a node says of itself. */
class Talker {
  readonly #program: NatProgram;

  constructor(program: NatProgram) {
    this.#program = program;
  }

  /** The latest line, as nat-churn-node.ts explains it. */
  get now() {
    const line = /^at (\d+) (\d+) (\d+) (\w+) (\d+) (\d+)$/gm;
    const [, sent, arrived, connections, path, breaks, faults] =
      [...this.#program.recent.matchAll(line)].at(-1) ?? [];
    return {
      sent: Number(sent ?? 0),
      arrived: Number(arrived ?? 0),
      connections: Number(connections ?? 0),
      path,
      breaks: Number(breaks ?? 0),
      faults: Number(faults ?? 0),
    };
  }

  async end(): Promise<number> {
    this.#program.signal('SIGUSR2');
    const [, sent] = await this.#program.prints(/^ended (\d+)$/m);
    return Number(sent);
  }
}

for (const kinds of pairs) {
  test(`a session between routers that forget their mappings loses nothing: ${kinds.join(', ')}`, {
    skip,
  }, async (t) => {
    const random = randomFrom(1);
    const network = await NatNetwork.make(t, kinds);
    const relay = network.start(network.relay, [bin, 'relay', '--host', relayHost, '--port', '10001']);
    const [, address] = await relay.prints(/^Relay at (\S+)$/m);
    const listener = network.start(network.hosts[0], [program, 'listen', address!]);
    const [, id] = await listener.prints(/^id (\S+)$/m);
    const way = `${address}/p2p-circuit/p2p/${id}`;
    const talkers = [listener, network.start(network.hosts[1], [program, 'dial', way])].map(
      (one) => new Talker(one),
    ) as [Talker, Talker];
    /** What is sent from now on arrives. */
    const flows = async (): Promise<void> => {
      const before = talkers.map(({ now }) => now.sent);
      const isLater = (): boolean => talkers.every(({ now }, index) => now.sent > before[index]!);
      await until(isLater, 'both send on');
      const marks = talkers.map(({ now }) => now.sent);
      const isNew = (): boolean => talkers.every(({ now }, index) => now.arrived > marks[1 - index]!);
      await until(isNew, () => JSON.stringify(talkers.map(({ now }) => now)), 60_000);
    };
    const isWhole = (): boolean => {
      for (const { now } of talkers) assert.ok(now.connections <= 1 && now.faults === 0, JSON.stringify(now));
      return talkers.every(({ now }) => now.connections === 1);
    };
    await flows();
    const backMs: number[] = [];
    const endsAt = performance.now() + (seconds * 1_000) / pairs.length;
    do {
      await pause(seconds > 0 ? 1_000 + random() * 4_000 : 0);
      await network.forgetMappings(backMs.length % 2 === 0 ? 0 : 1);
      const killedAt = performance.now();
      await flows();
      backMs.push(performance.now() - killedAt);
      // A relay may end a link once more that did not answer while its router was away: the session outlives that.
      await until(isWhole, () => JSON.stringify(talkers.map(({ now }) => now)), 60_000);
    } while (performance.now() < endsAt);
    const sent = [await talkers[0].end(), await talkers[1].end()];
    const isThere = (): boolean => talkers.every(({ now }, index) => now.arrived === sent[1 - index]);
    await until(isThere, () => `all of ${sent}: ${JSON.stringify(talkers.map(({ now }) => now))}`, 60_000);
    await until(isWhole, 'the session has its link');
    const states = talkers.map(({ now }) => now);
    const sorted = [...backMs].sort((one, other) => one - other).map(Math.round);
    t.diagnostic(
      `${sent[0]! + sent[1]!} numbers, mappings killed ${backMs.length} times; both ways flowed again after ${sorted[sorted.length >> 1]} ms (median), ${sorted.at(-1)} at most; ${states.map(({ path, breaks }) => `${path}, ${breaks} breaks`).join('; ')}`,
    );
  });
}
