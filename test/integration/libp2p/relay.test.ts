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

  test('see the limits that a relay sets, and resume where it ends a connection', async (t) => {
    const carrier = await startRelay(t, { maxConnectionBytes: 200_000 });
    const behind = await startBehind(t, carrier.addresses);
    const other = await startBehind(t, []);
    const connection = await other.connectWithNode(behind.addresses[0]!, { reconnect: true });
    const { bytesLeft } = connection.relay!;
    assert.ok(bytesLeft! > 0 && bytesLeft! <= 200_000, `${bytesLeft} bytes left`);
    for (let index = 0; index < 12; index++) await connection.deliver(new Uint8Array(50_000).fill(index));
    assert.deepEqual(
      behind.messages.map((data) => (data as Uint8Array)[0]),
      Array.from({ length: 12 }, (_, index) => index),
    );
    assert.ok(other.of('outbound_node_disconnected').length > 0, 'the relay ended connections');
  });
});
