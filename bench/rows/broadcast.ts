import { nextTurn, sharedNowMs } from '../clock.ts';
import type { Row, Side } from '../row.ts';
import type { Member, System } from '../system.ts';

/** In each of the two processes. */
const membersPerProcess = 10;

/** Beside its two neighbours on the ring of its process, a member has the one so many places further on. */
const chord = 3;

/** Its links lead to four or five others. */
const leastNeighbours = 4;

const bodyBytes = 100;

/** So many are under way at once: then the origin waits until the members of its own process have them. */
const burst = 50;

/** The members give up when nothing has arrived for so long. */
const silenceMs = 10_000;

interface Spreading {
  readonly broadcasts: number;
  readonly startedAtMs: number;
  readonly doneAtMs: number;
}

/** The members of one process, and what they have heard. */
class Members {
  readonly all: Member[] = [];
  #heard = 0;
  #sum = 0;

  static async start(system: System): Promise<Members> {
    const members = new Members();
    for (let count = 0; count < membersPerProcess; count++) {
      members.all.push(await system.createMember!((body) => members.#onBroadcast(body)));
    }
    for (const [at, { connect }] of members.all.entries()) {
      for (const further of [1, chord])
        await connect(members.all[(at + further) % membersPerProcess]!.address);
    }
    return members;
  }

  /** Resolves when all that hear them have heard so many broadcasts, numbered from 0 on, since the last time. */
  async hear(broadcasts: number, listeners: number): Promise<number> {
    let lastHeard = this.#heard;
    let lastAtMs = sharedNowMs();
    while (this.#heard < broadcasts * listeners) {
      await nextTurn();
      if (this.#heard !== lastHeard) {
        lastHeard = this.#heard;
        lastAtMs = sharedNowMs();
      } else if (sharedNowMs() - lastAtMs > silenceMs) {
        throw new Error(`${broadcasts * listeners} deliveries were to be made, ${lastHeard} arrived`);
      }
    }
    return lastAtMs;
  }

  /** @throws Error: something else than the broadcasts that were sent has arrived. */
  settle(broadcasts: number, listeners: number): void {
    const expected = ((broadcasts * (broadcasts - 1)) / 2) * listeners;
    const isRight = this.#heard === broadcasts * listeners && this.#sum === expected;
    this.#heard = this.#sum = 0;
    if (!isRight) throw new Error('a broadcast arrived twice, or another one than was sent');
  }

  /** Copies of what they had already that have arrived so far. */
  get copies(): number {
    return this.all.reduce((sum, member) => sum + member.copies(), 0);
  }

  stop(): Promise<unknown> {
    return Promise.all(this.all.map((member) => member.stop()));
  }

  #onBroadcast(body: Uint8Array): void {
    this.#heard += 1;
    this.#sum += new DataView(body.buffer, body.byteOffset).getUint32(0);
  }
}

/** Broadcasts of one of 20 nodes to the 19 others, over four or five links each; ten nodes are in each process. */
export const broadcast: Row = {
  name: 'broadcast',
  metrics: [
    { name: 'broadcast', title: 'broadcasts to 19 nodes', unit: 'deliveries/s', better: 'higher' },
    { name: 'broadcast-copies', title: 'further copies of them', unit: 'for each delivery', better: 'lower' },
  ],

  async server(system: System): Promise<Side> {
    const members = await Members.start(system);
    return {
      address: members.all.map(({ address }) => address).join(' '),
      actions: {
        ready: () => Promise.all(members.all.map((member) => member.ready(leastNeighbours))),
        copies: async () => members.copies,
        async hear(broadcasts: number): Promise<number> {
          const doneAtMs = await members.hear(broadcasts, membersPerProcess);
          members.settle(broadcasts, membersPerProcess);
          return doneAtMs;
        },
      },
      stop: () => members.stop(),
    };
  },

  async client(system: System, address: string): Promise<Side> {
    const members = await Members.start(system);
    for (const [at, other] of address.split(' ').entries()) await members.all[at]!.connect(other);
    const origin = members.all[0]!;
    return {
      actions: {
        ready: () => Promise.all(members.all.map((member) => member.ready(leastNeighbours))),
        copies: async () => members.copies,
        async spread(sampleMs: number): Promise<Spreading> {
          const startedAtMs = sharedNowMs();
          let broadcasts = 0;
          let doneAtMs = startedAtMs;
          while (doneAtMs - startedAtMs < sampleMs) {
            for (let count = 0; count < burst; count++) {
              const body = new Uint8Array(bodyBytes);
              new DataView(body.buffer).setUint32(0, broadcasts++);
              await origin.broadcast(body);
            }
            doneAtMs = await members.hear(broadcasts, membersPerProcess - 1);
          }
          members.settle(broadcasts, membersPerProcess - 1);
          return { broadcasts, startedAtMs, doneAtMs };
        },
      },
      stop: () => members.stop(),
    };
  },

  async sample({ client, server }, sampleMs) {
    await Promise.all([client('ready'), server('ready')]);
    const copies = async (): Promise<number> =>
      (await client<number>('copies')) + (await server<number>('copies'));
    const copiesBefore = await copies();
    const { broadcasts, startedAtMs, doneAtMs } = await client<Spreading>('spread', sampleMs);
    const lastAtMs = Math.max(doneAtMs, await server<number>('hear', broadcasts));
    const deliveries = broadcasts * (2 * membersPerProcess - 1);
    return {
      broadcast: deliveries / ((lastAtMs - startedAtMs) / 1_000),
      'broadcast-copies': ((await copies()) - copiesBefore) / deliveries,
    };
  },
};
