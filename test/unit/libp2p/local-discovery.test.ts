import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Discovery, DiscoveryHost } from '../../../src/api/discovery.ts';
import type { EngineExtension } from '../../../src/libp2p/engine-extension.ts';
import { lan, libp2p, libp2pMdns } from '../../../src/libp2p/index.ts';
import type { Libp2pTransport } from '../../../src/libp2p/libp2p-transport.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';

/** Stands in for libp2p's multicast DNS: its listeners hear of packets while it runs. */
class FakeMdns extends EventTarget {
  isRunning = false;
  starts = 0;
  read = 0;
  _onMdnsQuery = (): void => void this.read++;
  _onMdnsResponse = (): void => void this.read++;
  _onMdnsWarning = (): void => void this.read++;

  async start(): Promise<void> {
    this.isRunning = true;
    this.starts += 1;
  }

  async stop(): Promise<void> {
    this.isRunning = false;
  }

  arrive(packets: number): void {
    for (let count = 0; count < packets && this.isRunning; count++) {
      [this._onMdnsQuery, this._onMdnsResponse, this._onMdnsWarning][count % 3]!();
    }
  }
}

async function startDiscovery(): Promise<{ fake: FakeMdns; runtime: VirtualRuntime; discovery: Discovery }> {
  const transport = libp2p(lan()) as Libp2pTransport;
  const extensions: EngineExtension[] = [];
  const fake = new FakeMdns();
  Object.assign(transport, {
    extend: (one: EngineExtension) => void extensions.push(one),
    engine: () => fake.start(),
  });
  const discovery = libp2pMdns(transport);
  const packages = { '@libp2p/mdns': { mdns: () => () => fake } };
  (extensions[0]!.peerDiscovery!(packages as never)[0] as (components: object) => unknown)({});
  const runtime = new VirtualRuntime();
  const host = { runtime, log: () => {}, found: () => {}, failed: () => {} };
  await discovery.start(host as unknown as DiscoveryHost);
  return { fake, runtime, discovery };
}

suite('the multicast DNS of libp2p', () => {
  test('that is flooded hears nothing for ten seconds, and listens again then', async () => {
    const { fake, runtime } = await startDiscovery();
    fake.arrive(100_000);
    assert.deepEqual([fake.read, fake.isRunning], [1_000, false]);
    await runtime.advance(9_999);
    assert.equal(fake.isRunning, false);
    await runtime.advance(2);
    assert.deepEqual([fake.starts, fake.isRunning], [2, true]);
    fake.arrive(1_000);
    assert.equal(fake.read, 2_000);
  });

  test('reads 200 packets a second for as long as they come', async () => {
    const { fake, runtime } = await startDiscovery();
    for (let second = 0; second < 60; second++) {
      fake.arrive(200);
      await runtime.advance(1_000);
    }
    assert.deepEqual([fake.read, fake.starts], [12_000, 1]);
  });

  test('that is deaf when its node stops stays closed', async () => {
    const { fake, runtime, discovery } = await startDiscovery();
    fake.arrive(2_000);
    await discovery.stop();
    await runtime.advance(60_000);
    assert.deepEqual([fake.starts, fake.isRunning], [1, false]);
  });
});
