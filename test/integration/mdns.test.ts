import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { suite, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { mdns, Node } from '../../src/index.ts';
import { Simulation } from '../../src/simulator/index.ts';
import { Fixture } from '../support/fixture.ts';
import { type Namespace, NamespacePair, namespacesMissing } from '../support/namespaces.ts';
import { within } from '../support/turns.ts';

/** On the build server they must run. Nothing here sends multicast outside of its own namespaces. */
const skip = process.env.CI === 'true' ? false : (namespacesMissing() ?? false);

const programs = new URL('../support/programs/', import.meta.url);

interface Line {
  readonly event: string;
  readonly id?: string;
  readonly source?: string;
  readonly addresses?: readonly string[];
  readonly port?: number;
  readonly rss?: number;
}

/** A program that runs in a namespace, and what it says. */
class Program {
  readonly lines: Line[] = [];
  readonly #child: ChildProcess;
  #wake: () => void = () => {};

  constructor(t: TestContext, { prefix }: Namespace, name: string, options: object) {
    const [command, ...args] = [...prefix, process.execPath, fileURLToPath(new URL(name, programs))];
    this.#child = spawn(command!, [...args, JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface(this.#child.stdout!).on('line', (line) => {
      this.lines.push(line.startsWith('{') ? JSON.parse(line) : { event: line });
      this.#wake();
    });
    Fixture.of(t).defer(() => {
      this.#child.kill('SIGKILL');
    });
  }

  async next(event: string): Promise<Line> {
    for (;;) {
      const line = this.lines.find((one) => one.event === event);
      if (line !== undefined) return line;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await within(promise, () => `'${event}' after ${JSON.stringify(this.lines)}`);
    }
  }

  async stop(): Promise<Line> {
    this.#child.stdin!.end();
    await within(once(this.#child, 'exit'), 'the program ends');
    return this.next('stopped');
  }
}

async function flood(t: TestContext, byLibp2p: boolean): Promise<void> {
  const { a, b } = await NamespacePair.make(t, 'bridge');
  for (const one of [a, b]) await one.addDefaultRoute();
  const options = { host: a.address, network: 'home', address: a.address, byLibp2p };
  const node = new Program(t, a, 'mdns-node.ts', options);
  await node.next('listening');
  const count = 1_000;
  const attacker = new Program(t, b, 'mdns-flood.ts', { ...options, address: b.address, count });
  await attacker.next('sent');
  const other = new Program(t, b, 'mdns-node.ts', { ...options, host: b.address, address: b.address });
  const { id } = await other.next('listening');
  for (;;) {
    const connected = await node.next('connected');
    if (connected.id === id) break;
  }
  const discovered = node.lines.filter(({ event }) => event === 'discovered').length;
  assert.ok(discovered > 0 && discovered < 500, `${discovered} of ${count} are reported`);
  const { rss } = await node.stop();
  assert.ok(rss! < 300 * 2 ** 20, `${Math.round(rss! / 2 ** 20)} MiB`);
  t.diagnostic(`${discovered} reported, ${Math.round(rss! / 2 ** 20)} MiB`);
  await other.stop();
}

suite('mdns in two network namespaces on a bridge', { skip }, () => {
  test('leads two nodes to each other that listen on all addresses', async (t) => {
    const { a, b } = await NamespacePair.make(t, 'bridge');
    for (const one of [a, b]) await one.addDefaultRoute();
    const options = { host: '0.0.0.0', network: 'home' };
    const one = new Program(t, a, 'mdns-node.ts', options);
    const { id: oneId, port } = await one.next('listening');
    const other = new Program(t, b, 'mdns-node.ts', options);
    const { id: otherId, port: otherPort } = await other.next('listening');
    assert.equal((await one.next('connected')).id, otherId);
    assert.equal((await other.next('connected')).id, oneId);
    // Whoever hears of the other one first dials it.
    const discovered = [...one.lines, ...other.lines].filter(({ event }) => event === 'discovered');
    assert.ok(discovered.length > 0);
    for (const { id, source, addresses } of discovered) {
      const [address] = id === oneId ? [`tls://${a.address}:${port}`] : [`tls://${b.address}:${otherPort}`];
      assert.deepEqual([source, addresses], ['mdns', [address]]);
    }
    for (const each of [one, other]) await each.stop();
  });

  test('of libp2p leads two nodes over libp2p to each other', async (t) => {
    const { a, b } = await NamespacePair.make(t, 'bridge');
    for (const one of [a, b]) await one.addDefaultRoute();
    const options = { host: '0.0.0.0', network: 'home', byLibp2p: true };
    const one = new Program(t, a, 'mdns-node.ts', options);
    const { id: oneId } = await one.next('listening');
    const other = new Program(t, b, 'mdns-node.ts', options);
    const { id: otherId } = await other.next('listening');
    assert.equal((await one.next('connected')).id, otherId);
    assert.equal((await other.next('connected')).id, oneId);
    const discovered = [...one.lines, ...other.lines].filter(({ event }) => event === 'discovered');
    assert.ok(discovered.length > 0);
    for (const { id, source, addresses } of discovered) {
      assert.equal(source, 'libp2p mdns');
      const { address } = id === oneId ? a : b;
      for (const text of addresses!) assert.match(text, new RegExp(`^/ip4/${address}/tcp/\\d+/p2p/${id}$`));
    }
    for (const each of [one, other]) await each.stop();
  });

  test('needs no route when it is told the interface, and keeps networks apart', async (t) => {
    const { a, b } = await NamespacePair.make(t, 'bridge');
    const start = ({ address }: Namespace, namespace: Namespace, network: string): Program =>
      new Program(t, namespace, 'mdns-node.ts', { host: address, network, address });
    const stranger = start(a, a, 'another network');
    await stranger.next('listening');
    const one = start(a, a, 'home');
    await one.next('listening');
    const other = start(b, b, 'home');
    assert.equal((await other.next('connected')).id, (await one.next('listening')).id);
    await one.next('connected');
    for (const each of [stranger, one, other]) await each.stop();
    assert.deepEqual(
      stranger.lines.map(({ event }) => event),
      ['listening', 'stopped'],
    );
  });

  test('survives a flood of garbage and of nodes that are not there, and finds a node afterwards', (t) =>
    flood(t, false));

  test('of libp2p survives a flood of garbage and of nodes that are not there, and finds a node afterwards', (t) =>
    flood(t, true));
});

test('mdns stays out of simulations, and refuses wrong options', async () => {
  const world = new Simulation({ seed: 1 });
  world.spawn(1, ({ host, port, options }) => new Node(host, port, { ...options, discovery: [mdns()] }));
  await assert.rejects(world.run(1), {
    code: 'ERR_TRANSPORT_UNAVAILABLE',
    message: /mdns needs a real network/,
  });
  assert.throws(() => mdns({ interfase: 1 } as never), /mdns.interfase is not an option/);
  assert.throws(() => mdns({ interface: 1 as never }), TypeError);
});
