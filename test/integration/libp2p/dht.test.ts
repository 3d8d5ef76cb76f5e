import '../../support/libp2p-engines.ts';
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { suite, type TestContext, test } from 'node:test';
import { identify } from '@libp2p/identify';
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht';
import { noise } from '@libp2p/noise';
import { ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { createLibp2p } from 'libp2p';
import { Identity, type KnownNode, type NodeOptions } from '../../../src/index.ts';
import {
  type DhtOptions,
  internet,
  libp2p,
  libp2pDht,
  type Preset,
  relay,
} from '../../../src/libp2p/index.ts';
import { withCode } from '../../support/errors.ts';
import { Fixture } from '../../support/fixture.ts';
import type { RecordingNode } from '../../support/recording-node.ts';
import { makeNode } from '../../support/start-nodes.ts';
import { until } from '../../support/turns.ts';

async function start(
  t: TestContext,
  preset: Preset,
  { dht, ...options }: NodeOptions & { readonly dht?: DhtOptions } = {},
): Promise<RecordingNode> {
  const transports = [libp2p(preset)];
  const discovery = [libp2pDht(transports[0]!, { scope: 'local', ...dht })];
  const node = makeNode(t, { options: { transports, discovery, ...options } });
  await node.start();
  return node;
}

const startServer = (t: TestContext): Promise<RecordingNode> =>
  start(t, relay(), { name: 'server', dht: { seeksNetwork: false } });

/** A node of libp2p that is not ours, in the public DHT, that passes on whatever it is told. */
async function startStranger(
  t: TestContext,
  { isServer, announce = [] }: { readonly isServer: boolean; readonly announce?: readonly string[] },
) {
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'], announce: [...announce] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: {
      identify: identify(),
      ping: ping(),
      dht: kadDHT({
        protocol: '/ipfs/kad/1.0.0',
        clientMode: !isServer,
        peerInfoMapper: passthroughMapper,
        initialQuerySelfInterval: 50,
      }),
    },
  });
  Fixture.of(t).defer(() => node.stop());
  return node;
}

suite('nodes in a DHT', () => {
  test('find the nodes of their network, and any node by its id', async (t) => {
    const server = await startServer(t);
    const behind = internet({ listen: [], relays: server.addresses });
    const ada = await start(t, behind, { name: 'ada', network: 'chess' });
    const stranger = await start(t, behind, { name: 'stranger', network: 'go' });
    const ben = await start(t, behind, { name: 'ben', network: 'chess' });
    await until(() => ada.allNodes.length === 1 && ben.allNodes.length === 1, 'ada and ben are connected');
    assert.equal(ada.allNodes[0]!.id, ben.id);
    const [discovered] = [...ada.of('node_discovered'), ...ben.of('node_discovered')];
    assert.equal((discovered!.data as KnownNode).source, 'libp2p dht');
    assert.deepEqual(stranger.allNodes, []);
    const asker = await start(t, behind, { network: 'chess', dht: { seeksNetwork: false } });
    const peer = await asker.connectWithNode(ben.id);
    await peer.deliver('by the id');
    assert.equal(ben.messages[0], 'by the id');
    assert.equal(peer.path, 'relayed');
    const nobody = Identity.generate().id;
    await assert.rejects(stranger.connectWithNode(nobody), withCode('ERR_NODE_UNKNOWN'));
  });

  test('find each other again where the only server comes back', async (t) => {
    const identity = Identity.generate();
    const options = { name: 'server', identity, dht: { seeksNetwork: false } };
    const first = await start(t, relay(), options);
    const { addresses, port } = first;
    await first.stop();
    const ada = await start(t, internet({ listen: ['/ip4/127.0.0.1/tcp/0'] }), {
      dht: { bootstrap: addresses },
    });
    const ben = await start(t, internet({ listen: ['/ip4/127.0.0.1/tcp/0'] }), {
      dht: { bootstrap: addresses },
    });
    await start(t, relay({ listen: [`/ip4/127.0.0.1/tcp/${port}`] }), options);
    await until(() => ada.allNodes.length === 1 && ben.allNodes.length === 1, 'they are connected');
  });

  test('dial nothing on their own machine that a public DHT tells of', async (t) => {
    let visits = 0;
    const trap = createServer((socket) => {
      visits += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve));
    Fixture.of(t).defer(() => new Promise((resolve) => trap.close(resolve)));
    const { port } = trap.address() as { port: number };
    const server = await startStranger(t, { isServer: true });
    const [bootstrap] = server.getMultiaddrs().map((one) => one.toString());
    const liar = await startStranger(t, {
      isServer: false,
      announce: [`/ip4/127.0.0.1/tcp/${port}`, `${bootstrap}/p2p-circuit`],
    });
    await liar.dial(server.getMultiaddrs());
    const { multiformats, keyOfNetwork } = await keys();
    const cid = multiformats.CID.createV1(0x55, multiformats.digest.create(0x12, keyOfNetwork('chess')));
    for await (const _ of liar.services.dht.provide(cid));
    const preset = internet({ listen: [] });
    const dht: DhtOptions = { scope: 'public', bootstrap: [bootstrap!] };
    const node = await start(t, preset, { network: 'chess', dht });
    await node.event('node_discovered');
    const known = node.knownNodes.map(({ id, addresses }) => [id, addresses]);
    const id = liar.peerId.toString();
    assert.deepEqual(known, [[id, [`${bootstrap}/p2p-circuit/p2p/${id}`]]]);
    await until(() => node.knownNodes.length === 0, 'what nobody answered at is forgotten');
    assert.equal(visits, 0);
  });
});

async function keys() {
  const multiformats = await import('multiformats');
  const { createHash } = await import('node:crypto');
  const keyOfNetwork = (network: string): Uint8Array =>
    createHash('sha256').update(`peerloom network 1\0${network}`).digest();
  return { multiformats, keyOfNetwork };
}
