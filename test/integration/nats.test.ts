import '../support/libp2p-engines.ts';
import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type NatKind, NatNetwork, natKinds, natsMissing, relayHost } from '../support/nat-network.ts';

const bin = fileURLToPath(new URL('../../bin/peerloom.js', import.meta.url));
const stunServer = fileURLToPath(new URL('../support/programs/stun-server.ts', import.meta.url));
const program = fileURLToPath(new URL('../support/programs/nat-node.ts', import.meta.url));

const skip = natsMissing() ?? false;
/** `npm run test:long -- nats`: each pair, with and without a STUN server, and a table of the ways that were found. */
const isLong = process.env.PEERLOOM_NATS !== undefined;
const every = natKinds.flatMap((one, index) => natKinds.slice(index).map((other) => [one, other] as const));
const cases: readonly (readonly [kinds: readonly [NatKind, NatKind], hasStun: boolean])[] = isLong
  ? [false, true].flatMap((hasStun) => every.map((kinds) => [kinds, hasStun] as const))
  : [
      [['restricted', 'full cone'], false],
      [['restricted', 'double'], false],
      [['restricted', 'restricted'], true],
    ];

/** How long a better way than the relay may take where there is one, and where there is none, in milliseconds. */
const patienceMs = { found: 30_000, none: 8_000 };

interface Found {
  readonly way: string;
  readonly firstMs: number;
  /** Until the connection had moved to that way. */
  readonly wayMs: number;
  readonly megabytesPerSecond: number;
  /** How often its user was told that it broke. */
  readonly breaks: number;
}

/** The second host dials the first one through the relay. */
async function throughRelay(network: NatNetwork, hasStun: boolean, patienceMs: number): Promise<Found> {
  const stun = hasStun ? `stun:${relayHost}:3478` : '';
  if (hasStun) await network.start(network.relay, [stunServer, relayHost, '3478']).prints(/^listening$/m);
  const relay = network.start(network.relay, [bin, 'relay', '--host', relayHost, '--port', '10001']);
  const [, address] = await relay.prints(/^Relay at (\S+)$/m);
  const listener = network.start(network.hosts[0], [program, 'listen', address!, stun]);
  const [, id] = await listener.prints(/^id (\S+)$/m);
  const behindRelay = `${address}/p2p-circuit/p2p/${id}`;
  const dialler = network.start(network.hosts[1], [program, 'dial', behindRelay, stun, `${patienceMs}`]);
  const [, firstMs] = await dialler.prints(/^first (\d+)$/m);
  const [, way, wayMs] = await dialler.prints(/^way (\S+) (\d+)$/m);
  const [, speed] = await dialler.prints(/^speed (\d+)$/m);
  const [, breaks] = await dialler.prints(/^disconnected (\d+) times/m);
  return {
    way: way!,
    firstMs: Number(firstMs),
    wayMs: Number(wayMs),
    megabytesPerSecond: Number(speed),
    breaks: Number(breaks),
  };
}

/** What lets the other host in, or has no router before it, is reached by TCP; WebRTC also opens routers that keep ports. */
function expectedWay(kinds: readonly [NatKind, NatKind], hasStun: boolean): RegExp {
  const isOpen = (kind: NatKind): boolean => kind === 'open' || kind === 'full cone';
  const isRandom = (kind: NatKind): boolean => kind === 'symmetric' || kind === 'CGNAT';
  if (kinds.some(isOpen)) return hasStun ? /^(direct|webrtc)$/ : /^direct$/;
  if (kinds.some(isRandom)) return /^relayed$/;
  return hasStun ? /^(direct|webrtc)$/ : /^direct$/;
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
  for (const [kinds, hasStun] of cases) {
    const stun = hasStun ? 'STUN' : '';
    test(`${kinds.join(' and ')}: begin at the relay and move to a direct way ${stun}`, async (t) => {
      const expected = expectedWay(kinds, hasStun);
      const patience = expected.test('relayed') ? patienceMs.none : patienceMs.found;
      const found = await throughRelay(await make(t, kinds), hasStun, patience);
      const { way, firstMs, wayMs, megabytesPerSecond, breaks } = found;
      const time = way === 'relayed' ? '' : `${wayMs} ms`;
      t.diagnostic(
        `| ${kinds.join(' | ')} | ${stun} | ${way} | ${firstMs} ms | ${time} | ${megabytesPerSecond} MB/s |`,
      );
      assert.match(way, expected);
      assert.equal(breaks, 0);
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
