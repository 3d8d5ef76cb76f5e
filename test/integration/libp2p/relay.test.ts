import assert from 'node:assert/strict';
import { once } from 'node:events';
import { suite, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2';
import { identify } from '@libp2p/identify';
import type { Connection, IdentifyResult, Libp2p } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { Identity, Node, type NodeOptions } from '../../../src/index.ts';
import type { Engine } from '../../../src/libp2p/engine.ts';
import {
  type InternetOptions,
  internet,
  libp2p,
  type RelayOptions,
  relay,
} from '../../../src/libp2p/index.ts';
import { ObservedAddress } from '../../../src/libp2p/observed-address.ts';
import { RelayLimits } from '../../../src/libp2p/relay-limits.ts';
import '../../support/libp2p-engines.ts';
import { withCode } from '../../support/errors.ts';
import { Fixture } from '../../support/fixture.ts';
import { heldBytes } from '../../support/memory.ts';
import type { RecordingNode } from '../../support/recording-node.ts';
import { makeNode } from '../../support/start-nodes.ts';
import { pause, until } from '../../support/turns.ts';
import { Program } from '../cli/program.ts';

const visitor = fileURLToPath(new URL('../../support/programs/relay-visitor.ts', import.meta.url));

/** The address of a relay that is not there. */
const deadRelay = '/ip4/127.0.0.1/tcp/9/p2p/12D3KooWSrKnMZUcSxK8G7wmBbXdU8nFEfWGhLu6H8xjn8LmCSJb';

async function startRelay(
  t: TestContext,
  options: RelayOptions = {},
  { port = 0, ...more }: NodeOptions & { readonly port?: number } = {},
): Promise<RecordingNode> {
  const transports = [libp2p(relay(options))];
  const node = makeNode(t, { port, options: { name: 'relay', transports, ...more } });
  await node.start();
  return node;
}

/** A node that nobody can dial but through relays. */
async function startBehind(
  t: TestContext,
  relays: readonly string[],
  { options, internet: more }: { options?: NodeOptions; internet?: InternetOptions } = {},
): Promise<RecordingNode> {
  const transports = [libp2p(internet({ listen: [], relays, ...more }))];
  const node = makeNode(t, { options: { name: 'behind', transports, ...options } });
  await node.start();
  return node;
}

/** A node of libp2p that is none of ours. */
async function startStranger(t: TestContext): Promise<Libp2p> {
  const node = await createLibp2p({
    transports: [tcp(), circuitRelayTransport()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    services: { identify: identify() },
  });
  Fixture.of(t).defer(async () => {
    for (const connection of node.getConnections()) connection.abort(new Error('the test is over'));
    await node.stop();
  });
  return node;
}

suite('nodes behind a relay', () => {
  test('are reached through it, and both sides know the way', async (t) => {
    const carrier = await startRelay(t);
    const behind = await startBehind(t, carrier.addresses);
    const other = await startBehind(t, []);
    const address = behind.addresses[0]!;
    assert.equal(address, `${carrier.addresses[0]}/p2p-circuit/p2p/${behind.id}`);
    const connection = await other.connectWithNode(address);
    const use = { id: carrier.id, bytesLeft: undefined, secondsLeft: undefined };
    await connection.deliver('through the relay');
    assert.deepEqual(behind.messages, ['through the relay']);
    for (const side of [connection, behind.peer(other)]) {
      assert.equal(side.path, 'relayed');
      assert.deepEqual(side.relay, use);
    }
    assert.equal((await other.connectWithNode(carrier.addresses[0]!)).path, 'direct');
    await connection.deliver(new Uint8Array(3_000_000));
    assert.deepEqual(carrier.messages, []);
  });

  test('leave nothing at a relay of what it carried for them', async (t) => {
    const carrier = await startRelay(t);
    const ends = Array.from({ length: 2 }, () => {
      const transports = [libp2p(internet({ listen: [], relays: carrier.addresses }))];
      const node = new Node('127.0.0.1', 0, { transports }).on('node_message', () => {});
      Fixture.of(t).defer(() => node.stop());
      return node;
    }) as [Node, Node];
    const [behind, other] = ends;
    for (const node of ends) await node.start();
    await other.connectWithNode(behind.addresses[0]!);
    await behind.waitForNodes([other.id]);
    const piece = new Uint8Array(1_000_000);
    const exchange = () => Promise.all(ends.flatMap(({ allNodes }) => allNodes[0]!.deliver(piece)));
    await exchange();
    const before = heldBytes();
    for (let count = 0; count < 24; count++) await exchange();
    const grownBytes = heldBytes() - before;
    assert.ok(grownBytes < 8_000_000, `${grownBytes} bytes`);
  });

  test('share it with a stranger that floods a node that reads nothing', async (t) => {
    const carrier = await startRelay(t);
    const [address] = carrier.addresses;
    const behind = await startBehind(t, [address!]);
    const other = await startBehind(t, []);
    const connection = await other.connectWithNode(behind.addresses[0]!);
    // A process that has stopped reads nothing, whatever windows its streams have.
    const sleeper = new Program(
      t,
      [address!, behind.addresses[0]!],
      {},
      { script: visitor, input: 'ignore' },
    );
    await sleeper.prints(/^visiting$/m);
    const { id } = behind.allNodes.find(({ name }) => name === 'visitor')!;
    const flooder = await startStranger(t);
    const way = multiaddr(`${address}/p2p-circuit/p2p/${id}`);
    const stream = await flooder.dialProtocol(way, '/peerloom/1', { runOnLimitedConnection: true });
    sleeper.signal('SIGSTOP');
    Object.assign(stream, { sendWindowCapacity: Number.MAX_SAFE_INTEGER });
    const before = heldBytes();
    let sentBytes = 0;
    for (const piece = new Uint8Array(65_536); sentBytes < 256 * 2 ** 20; ) {
      sentBytes += piece.length;
      if (stream.send(piece)) continue;
      const drained = once(stream, 'drain').then(() => true);
      if (!(await Promise.race([drained, pause(2_000).then(() => false)]))) break;
    }
    // What waits on the way are windows, and buffers of the system.
    assert.ok(sentBytes < 48 * 2 ** 20, `${sentBytes} bytes went on their way`);
    const grownBytes = heldBytes() - before;
    assert.ok(grownBytes < 64 * 2 ** 20, `${grownBytes} bytes`);
    for (let count = 0; count < 20; count++) await connection.deliver(count);
    assert.deepEqual(behind.messages.slice(1), [...Array(20).keys()]);
    t.diagnostic(`${sentBytes} bytes sent, ${grownBytes} held by all`);
  });

  test('start without a relay that is down, and get their place once it is up', async (t) => {
    const identity = Identity.generate();
    const first = await startRelay(t, {}, { identity });
    const [address] = first.addresses;
    await first.stop();
    const behind = await startBehind(t, [deadRelay, address!]);
    assert.equal(behind.addresses.length, 2);
    const other = await startBehind(t, []);
    await assert.rejects(other.connectWithNode(behind.addresses[1]!), withCode('ERR_UNREACHABLE'));
    await startRelay(t, {}, { identity, port: first.port });
    await other.connectWithNode(behind.addresses[1]!, { retry: true });
    await until(() => behind.allNodes.length === 1, 'it is connected');
  });

  test('say of themselves at which relays they have a place, and where others see them', async (t) => {
    const carrier = await startRelay(t);
    const behind = await startBehind(t, [carrier.addresses[0]!, deadRelay]);
    const { lines } = behind.explain(behind.id);
    const [place, none] = lines.filter(({ about }) => about === 'relay');
    assert.match(place!.text, /^others reach this node through the relay /);
    assert.equal(place!.address, carrier.addresses[0]);
    assert.match(none!.text, /^no place at the relay .*: nothing listens at /);
    assert.match(none!.advice!, /asks again by itself/);
    const seen = lines.filter(({ about }) => about === 'network').map(({ text }) => text);
    assert.deepEqual(seen, ['one node that this one dialled sees this node from 127.0.0.1']);
    const unborn = makeNode(t, { options: { transports: [libp2p(internet({ relays: [deadRelay] }))] } });
    assert.deepEqual(
      unborn.explain(unborn.id).lines.filter(({ about }) => about === 'relay'),
      [],
    );
  });

  test('leave their places to others when they go', async (t) => {
    const carrier = await startRelay(t, { maxReservations: 1 });
    const identity = Identity.generate();
    const other = await startBehind(t, []);
    for (const each of [identity, Identity.generate(), identity]) {
      const behind = await startBehind(t, carrier.addresses, { options: { identity: each } });
      assert.equal((await other.connectWithNode(behind.addresses[0]!, { retry: true })).path, 'relayed');
      await behind.stop();
    }
  });

  test('count for the limits of an address by their ids', async (t) => {
    const carrier = await startRelay(t);
    const limits = { maxInboundPerAddress: 2 };
    const behind = await startBehind(t, carrier.addresses, { options: { limits } });
    for (let index = 0; index < 4; index++) {
      const other = await startBehind(t, []);
      await (await other.connectWithNode(behind.addresses[0]!)).deliver(index);
    }
    assert.deepEqual(behind.messages, [0, 1, 2, 3]);
  });

  test('move to a direct way that becomes known, in silence', async (t) => {
    const carrier = await startRelay(t);
    const behind = await startBehind(t, carrier.addresses, {
      internet: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    });
    const other = await startBehind(t, []);
    const address = behind.addresses.find((text) => text.includes('/p2p-circuit'))!;
    const connection = await other.connectWithNode(address);
    await behind.event('inbound_node_connected');
    const reverse = behind.peer(other);
    const numbers = Array.from({ length: 200 }, (_, index) => index);
    for (let index = 0; index < 200; index += 1) {
      connection.send(index);
      reverse.send(index);
      if (index === 20) await until(() => connection.path === 'direct', 'it has moved');
    }
    await Promise.all([connection.deliver('end'), reverse.deliver('end')]);
    assert.deepEqual([connection.path, reverse.path], ['direct', 'direct']);
    for (const node of [other, behind]) assert.deepEqual(node.messages, [...numbers, 'end']);
    assert.deepEqual(
      [...other.events, ...behind.events].map(({ name }) => name).filter((name) => name.includes('connect')),
      ['outbound_node_connected', 'inbound_node_connected'],
    );
  });

  test('keep within the limits that a relay sets, by moving through it anew', async (t) => {
    const carrier = await startRelay(t, { maxConnectionBytes: 131_072 });
    const behind = await startBehind(t, carrier.addresses);
    const other = await startBehind(t, []);
    const connection = await other.connectWithNode(behind.addresses[0]!);
    const { bytesLeft } = connection.relay!;
    assert.ok(bytesLeft! > 0 && bytesLeft! <= 131_072, `${bytesLeft} bytes left`);
    await behind.event('inbound_node_connected');
    const reverse = behind.peer(other);
    const large = new Uint8Array(400_000).fill(9);
    for (let index = 0; index < 12; index++) {
      reverse.send(new Uint8Array(10_000).fill(index));
      await connection.deliver(new Uint8Array(50_000).fill(index));
    }
    await Promise.all([connection.deliver(large), reverse.deliver(large)]);
    for (const { messages } of [behind, other]) {
      assert.deepEqual(
        messages.map((data) => (data as Uint8Array)[0]),
        [...Array.from({ length: 12 }, (_, index) => index), 9],
      );
    }
    assert.equal(other.of('outbound_node_disconnected').length, 0);
    assert.equal(connection.path, 'relayed');
  });

  test('move before the time of the relay is over', async (t) => {
    const carrier = await startRelay(t, { maxConnectionSeconds: 5 });
    const behind = await startBehind(t, carrier.addresses);
    const other = await startBehind(t, []);
    const connection = await other.connectWithNode(behind.addresses[0]!);
    assert.ok(connection.relay!.secondsLeft! <= 5, `${connection.relay!.secondsLeft} s left`);
    const endsAt = performance.now() + 6_500;
    let count = 0;
    for (; performance.now() < endsAt; count += 1) {
      await connection.deliver(count);
      await pause(50);
    }
    assert.deepEqual(
      behind.messages,
      Array.from({ length: count }, (_, index) => index),
    );
    assert.equal(other.of('outbound_node_disconnected').length, 0);
  });
});

/** What a node of libp2p is asked for here, in place of one. */
function fakeEngine(listening: readonly string[]) {
  const known = new Set<string>();
  const addressManager = {
    addPublicAddressMapping: (host: string, port: number, to: string) =>
      known.add(`${host}:${port} as ${to}`),
    removePublicAddressMapping: (host: string, port: number, to: string) =>
      known.delete(`${host}:${port} as ${to}`),
    confirmObservedAddr: (address: string) => known.add(address),
  };
  const transportManager = { getListeners: () => [{ getAddrs: () => listening }] };
  const node = { components: { addressManager, transportManager }, getConnections: () => connections };
  const connections: unknown[] = [];
  return { known, connections, engine: { node, multiaddr: (text: string) => text } as unknown as Engine };
}

suite('what other nodes say', () => {
  const listening = ['/ip4/127.0.0.1/tcp/10001', '/ip4/192.168.1.2/tcp/10001'];
  const heard = (host: string, how: { direction?: string; direct?: boolean; remotePeer?: string } = {}) =>
    ({
      observedAddr: `/ip4/${host}/tcp/54321`,
      connection: { direction: 'outbound', direct: true, remotePeer: 'a', ...how },
    }) as unknown as IdentifyResult;

  test('of the public address of a node counts if it has dialled them, and the last word counts', () => {
    const { engine, known } = fakeEngine(listening);
    const observed = new ObservedAddress(engine);
    observed.heard(heard('11.0.0.9', { direction: 'inbound' }));
    observed.heard(heard('11.0.0.9', { direct: false }));
    for (const host of ['192.168.1.9', '127.0.0.1', '224.0.0.1']) observed.heard(heard(host));
    assert.deepEqual([...known], []);
    for (let index = 0; index < 300; index += 1) observed.heard(heard(`11.0.1.${index % 250}`));
    observed.heard(heard('11.0.0.1'));
    assert.deepEqual(
      [...known].filter((one) => one.includes(' as ')),
      ['192.168.1.2:10001 as 11.0.0.1'],
    );
    assert.ok(known.has('/ip4/11.0.0.1/tcp/10001'));
    assert.equal(observed.isGuess('/ip4/11.0.0.1/tcp/10001'), true);
    assert.equal(observed.isGuess(listening[1]!), false);
  });

  test('of where they see a node is kept of the last 32, and what most say comes first', () => {
    const observed = new ObservedAddress(fakeEngine(listening).engine);
    for (let index = 0; index < 100; index += 1)
      observed.heard(heard(`11.0.0.${index}`, { remotePeer: `${index}` }));
    assert.equal(observed.seenAt.length, 32);
    for (const remotePeer of ['98', '99', 'new']) observed.heard(heard('11.0.1.1', { remotePeer }));
    assert.deepEqual(observed.seenAt[0], { host: '11.0.1.1', by: 3 });
    assert.equal(
      observed.seenAt.reduce((sum, { by }) => sum + by, 0),
      32,
    );
  });

  test('of an address that a node has itself is no guess', () => {
    const { engine, known } = fakeEngine(['/ip4/11.0.0.1/tcp/10001']);
    const observed = new ObservedAddress(engine);
    observed.heard(heard('11.0.0.1'));
    assert.deepEqual([...known], ['/ip4/11.0.0.1/tcp/10001']);
    assert.equal(observed.isGuess('/ip4/11.0.0.1/tcp/10001'), false);
  });

  test('of the time that a relay allows is in seconds, or in milliseconds from js-libp2p', () => {
    const { engine, connections } = fakeEngine([]);
    const limits = new RelayLimits(engine.node);
    const relay = '12D3KooWSrKnMZUcSxK8G7wmBbXdU8nFEfWGhLu6H8xjn8LmCSJb';
    const toRelay = { remotePeer: relay } as unknown as Connection;
    connections.push(toRelay);
    const relayed = (seconds: number) => {
      const remoteAddr = `/ip4/11.0.0.10/tcp/1/p2p/${relay}/p2p-circuit/p2p/${relay}`;
      return { remoteAddr, limits: { seconds } } as unknown as Connection & { limits: { seconds: number } };
    };
    assert.equal(limits.secondsLeftOf(relayed(7_200)), 7_200);
    limits.heard({ agentVersion: 'go-libp2p/0.52', connection: toRelay });
    assert.equal(limits.secondsLeftOf(relayed(7_200)), 7_200);
    limits.heard({ agentVersion: 'js-libp2p/3.3.11 node', connection: toRelay });
    const connection = relayed(120_000);
    assert.equal(limits.secondsLeftOf(connection), 120);
    const isNear = limits.nearEndOf(connection);
    connection.limits.seconds -= 89;
    assert.deepEqual([limits.secondsLeftOf(connection), isNear()], [31, false]);
    connection.limits.seconds -= 1;
    assert.equal(isNear(), true);
    assert.equal(limits.secondsLeftOf(relayed(120)), 120, 'should a version of it say seconds');
  });
});
