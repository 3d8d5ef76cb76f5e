import '../../support/libp2p-engines.ts';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Node, type NodeConnection } from '../../../src/index.ts';
import { internet, libp2p } from '../../../src/libp2p/index.ts';
import { Fixture } from '../../support/fixture.ts';
import { heldBytes } from '../../support/memory.ts';
import { randomFrom } from '../../support/random-from.ts';
import { pause, until } from '../../support/turns.ts';
import { Program, preload } from '../cli/program.ts';

const visitor = fileURLToPath(new URL('../../support/programs/relay-visitor.ts', import.meta.url));

/** `npm run test:long -- relay-churn`: half an hour. */
const seconds = Number(process.env.PEERLOOM_RELAY_CHURN ?? 0);
const isLong = seconds > 0;

/** Between two messages of one direction, in milliseconds. */
const sendEveryMs = 5;

/** What the nodes, and the relay, may hold more at the end than at a quarter of the time, in bytes. */
const growthBytes = 16 * 2 ** 20;

const memoryModule = new URL('../../support/memory.ts', import.meta.url).href;

/** At SIGUSR2, a process prints how many bytes it holds on to. */
const saysWhatItHolds = preload(`
  import { heldBytes } from '${memoryModule}';
  let asked = 0;
  process.on('SIGUSR2', () => console.log('held', ++asked, heldBytes()));`);

/** A process of `peerloom relay`, which comes back at the same address with the same id. */
class Relay {
  #port = 0;
  address = '';
  readonly #t: TestContext;
  readonly #identity: string;
  #program!: Program;
  #asked = 0;

  constructor(t: TestContext, folder: string, name: string) {
    this.#t = t;
    this.#identity = join(folder, `${name}.pem`);
  }

  async start(): Promise<void> {
    const args = ['relay', '--host', '127.0.0.1', '--port', `${this.#port}`, '--identity', this.#identity];
    this.#program = new Program(this.#t, args, saysWhatItHolds, { input: 'ignore' });
    const [, address, port] = await this.#program.prints(/^Relay at (\S+\/tcp\/(\d+)\/p2p\/\S+)$/m);
    this.address = address!;
    this.#port = Number(port);
  }

  async kill(): Promise<void> {
    await killed(this.#program);
  }

  /** Bytes that its process holds on to. */
  async heldBytes(): Promise<number> {
    this.#asked += 1;
    this.#program.signal('SIGUSR2');
    const [, bytes] = await this.#program.prints(new RegExp(`^held ${this.#asked} (\\d+)$`, 'm'));
    return Number(bytes);
  }
}

/** Its `ended` has a limit of time from its start on. */
async function killed(program: Program): Promise<void> {
  program.signal('SIGKILL');
  await until(() => !program.isRunning, 'a process is killed');
}

/** A node that counts: each message must be the next number of its sender. */
class Counter extends Node {
  readonly next = new Map<string, number>();
  readonly faults: string[] = [];
  visits = 0;

  override nodeMessage(peer: NodeConnection, data: unknown): void {
    if (data === 'visit') {
      this.visits += 1;
      return;
    }
    const expected = this.next.get(peer.id) ?? 0;
    if (data !== expected) this.faults.push(`${data} in place of ${expected}`);
    this.next.set(peer.id, expected + 1);
  }

  override nodeSessionLost(peer: NodeConnection): void {
    if (peer.name !== 'visitor') this.faults.push(`the session with ${peer.name} is lost`);
  }
}

async function startBehind(t: TestContext, name: string, relay: Relay): Promise<Counter> {
  const transports = [libp2p(internet({ listen: [], relays: [relay.address] }))];
  // Otherwise the delays grow from kill to kill, to a minute.
  const reconnect = { minDelayMs: 500, maxDelayMs: 2_000 };
  const node = new Counter('127.0.0.1', 0, { name, transports, reconnect });
  Fixture.of(t).defer(() => node.stop());
  await node.start();
  return node;
}

/** Two nodes that send each other numbers through one relay. */
class Pair {
  readonly one: Counter;
  readonly other: Counter;
  readonly #sent: [number, number] = [0, 0];
  #isEnding = false;
  #sending: Promise<unknown> = Promise.resolve();

  private constructor(one: Counter, other: Counter) {
    this.one = one;
    this.other = other;
  }

  static async start(t: TestContext, name: string, relay: Relay): Promise<Pair> {
    const [one, other] = [await startBehind(t, `${name} 1`, relay), await startBehind(t, `${name} 2`, relay)];
    const pair = new Pair(one, other);
    const way = `${relay.address}/p2p-circuit/p2p/${other.id}`;
    const there = await one.connectWithNode(way, { retry: true, reconnect: true });
    await until(() => other.allNodes.some(({ id }) => id === one.id), 'the other side is connected');
    const back = other.allNodes.find(({ id }) => id === one.id)!;
    pair.#sending = Promise.all([pair.#send(there, 0), pair.#send(back, 1)]);
    pair.#sending.catch(() => {});
    return pair;
  }

  async #send(peer: NodeConnection, side: 0 | 1): Promise<void> {
    while (!this.#isEnding) {
      const hasRoom = peer.send(this.#sent[side]++);
      // A send that waits for a relay which is away must not keep the end waiting.
      if (!hasRoom) await peer.drained();
      else await pause(sendEveryMs);
    }
  }

  get received(): readonly [number, number] {
    return [this.other.next.get(this.one.id) ?? 0, this.one.next.get(this.other.id) ?? 0];
  }

  /** Each side receives what is sent from now on. */
  async flows(): Promise<void> {
    const marks = [...this.#sent];
    await until(
      () => this.received.every((count, side) => count > marks[side]!),
      () => `numbers arrive again: ${this.received} of ${this.#sent}`,
    );
  }

  async end(): Promise<number> {
    this.#isEnding = true;
    await this.#sending;
    await until(
      () => this.received.every((count, side) => count === this.#sent[side]),
      () => `all numbers arrive: ${this.received} of ${this.#sent}`,
    );
    assert.deepEqual([...this.one.faults, ...this.other.faults], []);
    return this.#sent[0] + this.#sent[1];
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)]!;
}

test('sessions through relays that are killed, beside nodes that are killed, lose nothing', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'peerloom-churn-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const random = randomFrom(1);
  const mortal = [new Relay(t, folder, 'first'), new Relay(t, folder, 'second')];
  const lasting = new Relay(t, folder, 'lasting');
  for (const relay of isLong ? [...mortal, lasting] : [mortal[0]!]) await relay.start();
  const pairs: Pair[] = [await Pair.start(t, 'first', mortal[0]!)];
  if (isLong) {
    pairs.push(await Pair.start(t, 'second', mortal[1]!), await Pair.start(t, 'lasting', lasting));
  }
  const held: { readonly own: number; readonly relay: number }[] = [];
  const backMs: number[] = [];
  let visits = 0;
  const startedAt = performance.now();
  const passedSeconds = (): number => (performance.now() - startedAt) / 1_000;
  do {
    const index = isLong ? Math.floor(random() * 2) : 0;
    await mortal[index]!.kill();
    const killedAt = performance.now();
    await pause(random() * 500);
    await mortal[index]!.start();
    await pairs[index]!.flows();
    backMs.push(performance.now() - killedAt);
    if (isLong) {
      const host = pairs.at(-1)!.other;
      const args = [lasting.address, `${lasting.address}/p2p-circuit/p2p/${host.id}`];
      const guest = new Program(t, args, {}, { script: visitor, input: 'ignore' });
      await guest.prints(/^visiting$/m);
      await killed(guest);
      visits += 1;
      assert.equal(host.visits, visits);
      held.push({ own: heldBytes(), relay: await lasting.heldBytes() });
    }
  } while (passedSeconds() < seconds);
  let sent = 0;
  for (const pair of pairs) sent += await pair.end();
  const worstMs = Math.round(Math.max(...backMs));
  t.diagnostic(
    `${Math.round(passedSeconds())} s: ${sent} messages, ${backMs.length} relays killed, ${visits} nodes killed; back after ${Math.round(median(backMs))} ms, at most ${worstMs}`,
  );
  if (held.length < 8) return;
  const quarter = Math.floor(held.length / 4);
  const shown = held.filter((_, index) => index % Math.ceil(held.length / 30) === 0);
  const textOf = (what: 'own' | 'relay'): string =>
    shown.map((one) => (one[what] / 2 ** 20).toFixed(0)).join(' ');
  t.diagnostic(`MiB of the nodes: ${textOf('own')}`);
  t.diagnostic(`MiB of the relay that lasts: ${textOf('relay')}`);
  for (const what of ['own', 'relay'] as const) {
    const early = median(held.slice(quarter, 2 * quarter).map((one) => one[what]));
    const late = median(held.slice(-quarter).map((one) => one[what]));
    assert.ok(late - early < growthBytes, `${textOf(what)} MiB`);
  }
});
