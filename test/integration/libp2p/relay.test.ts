import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { Identity, type NodeOptions } from '../../../src/index.ts';
import {
  type InternetOptions,
  internet,
  libp2p,
  type RelayOptions,
  relay,
} from '../../../src/libp2p/index.ts';
import '../../support/libp2p-engines.ts';
import { withCode } from '../../support/errors.ts';
import type { RecordingNode } from '../../support/recording-node.ts';
import { makeNode } from '../../support/start-nodes.ts';
import { until } from '../../support/turns.ts';

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
});
