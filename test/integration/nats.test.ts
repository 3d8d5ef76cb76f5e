import '../support/libp2p-engines.ts';
import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type NatKind, NatNetwork, natKinds, natsMissing, relayHost } from '../support/nat-network.ts';

const bin = fileURLToPath(new URL('../../bin/peerloom.js', import.meta.url));
const stunServer = fileURLToPath(new URL('../support/programs/stun-server.ts', import.meta.url));
const program = fileURLToPath(new URL('../support/programs/nat-node.ts', import.meta.url));

const skip = natsMissing() ?? false;
/** `npm run test:long -- nats`: each pair, and a table of the ways that were found. */
const isLong = process.env.PEERLOOM_NATS !== undefined;
const short: readonly (readonly [NatKind, NatKind])[] = [['restricted', 'symmetric']];
const every = natKinds.flatMap((one, index) => natKinds.slice(index).map((other) => [one, other] as const));

/** How long after the first data a direct way may still be found, in milliseconds. */
const patienceMs = isLong ? 4_000 : 0;

interface Found {
  readonly way: 'direct' | 'relayed';
  readonly firstMs: number;
  readonly megabytesPerSecond: number;
}

/** The second host dials the first one through the relay. */
async function throughRelay(network: NatNetwork): Promise<Found> {
  const relay = network.start(network.relay, [bin, 'relay', '--host', relayHost, '--port', '10001']);
  const [, address] = await relay.prints(/^Relay at (\S+)$/m);
  const listener = network.start(network.hosts[0], [program, 'listen', address!]);
  const [, id] = await listener.prints(/^id (\S+)$/m);
  const dialler = network.start(network.hosts[1], [program, 'dial', `${address}/p2p-circuit/p2p/${id}`]);
  const [, firstMs] = await dialler.prints(/^first (\d+)$/m);
  const [, speed] = await dialler.prints(/^speed (\d+)$/m);
  await new Promise((resolve) => setTimeout(resolve, patienceMs));
  const hosts = new Set([
    ...(await network.connectedWith(network.hosts[0])),
    ...(await network.connectedWith(network.hosts[1])),
  ]);
  hosts.delete(relayHost);
  return {
    way: hosts.size > 0 ? 'direct' : 'relayed',
    firstMs: Number(firstMs),
    megabytesPerSecond: Number(speed),
  };
}

/** The second host dials the public address of the first one. @returns what comes of it. */
async function withoutRelay(network: NatNetwork): Promise<string> {
  const listener = network.start(network.hosts[0], [program, 'listen', '']);
  const [, id] = await listener.prints(/^id (\S+)$/m);
  const address = `/ip4/${network.publicHostOf(0)}/tcp/10001/p2p/${id}`;
  const dialler = network.start(network.hosts[1], [program, 'dial', address]);
  const [outcome] = await dialler.prints(/^(first|failed) (.+)$/m);
  return outcome;
}

async function make(t: TestContext, kinds: readonly [NatKind, NatKind]): Promise<NatNetwork> {
  return NatNetwork.make(t, kinds);
}

suite('nodes behind routers', { skip }, () => {
  for (const kinds of isLong ? every : short) {
    test(`${kinds.join(' and ')}: find a way through a relay`, async (t) => {
      const { way, firstMs, megabytesPerSecond } = await throughRelay(await make(t, kinds));
      t.diagnostic(`| ${kinds.join(' | ')} | ${way} | ${firstMs} ms | ${megabytesPerSecond} MB/s |`);
      if (kinds.includes('symmetric') && !kinds.includes('open') && !kinds.includes('full cone'))
        assert.equal(way, 'relayed');
    });
  }

  test('without a relay, a restricted router lets nobody in, and a full cone does', async (t) => {
    if (isLong) assert.match(await withoutRelay(await make(t, ['full cone', 'symmetric'])), /^first/);
    assert.match(await withoutRelay(await make(t, ['restricted', 'open'])), /^failed ERR_/);
  });

  for (const kind of isLong ? natKinds : (['symmetric'] as const)) {
    test(`peerloom doctor says the next step: ${kind}`, async (t) => {
      const network = await make(t, [kind, 'open']);
      const [host] = network.hosts;
      const relay = network.start(network.relay, [bin, 'relay', '--host', relayHost, '--port', '10001']);
      const [, address] = await relay.prints(/^Relay at (\S+)$/m);
      const stun = network.start(network.relay, [stunServer, relayHost, '3478', '3479']);
      await stun.prints(/^listening$/m);
      const alone = network.start(host, [bin, 'doctor', '--port', '10005', address!]);
      await alone.prints(/seen as: relay sees this machine at 11\.0\.0\.1 /);
      await alone.prints(kind === 'open' ? /✔ next step: .* 11\.0\.0\.1 itself/ : stepAlone);
      const servers = [`stun:${relayHost}:3478`, `stun:${relayHost}:3479`];
      const full = network.start(host, [bin, 'doctor', '--relay', address!, '--stun', ...servers]);
      await full.prints(/✔ relay: others reach a node here through /);
      await full.prints(steps[kind]);
    });
  }
});

const stepAlone =
  /· next step: .* behind a router with the address 11\.0\.0\.1\n {2}→ either forward TCP port 10005 .*, or use a relay/;
const byWebRtc = /✔ next step: .* a router .* through a relay; with the option stun, .* directly by WebRTC/;
const staysRelayed =
  /· next step: .* through a relay\n {2}→ connections .* stay relayed, because this router/;

const steps: Readonly<Record<NatKind, RegExp>> = {
  open: /✔ next step: this machine has the public address 11\.0\.0\.1 itself/,
  'full cone': byWebRtc,
  restricted: byWebRtc,
  symmetric: staysRelayed,
  double: byWebRtc,
  CGNAT: staysRelayed,
};
