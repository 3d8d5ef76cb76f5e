import '../support/libp2p-engines.ts';
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  type NatKind,
  NatNetwork,
  natKinds,
  natsMissing,
  otherRelayHost,
  relayHost,
} from '../support/nat-network.ts';
import { expectedWay, findWay, type NatCondition, natConditions, natPairs } from '../support/nat-pairs.ts';

const bin = fileURLToPath(new URL('../../bin/peerloom.js', import.meta.url));
const stunServer = fileURLToPath(new URL('../support/programs/stun-server.ts', import.meta.url));

const natPmpServer = fileURLToPath(new URL('../support/programs/nat-pmp-server.ts', import.meta.url));

const skip = natsMissing() ?? false;
/** `npm run test:long -- nats`: each pair under all conditions. `scripts/nat-table.ts` makes a table of the same. */
const isLong = process.env.PEERLOOM_NATS !== undefined;
const cases: readonly (readonly [kinds: readonly [NatKind, NatKind], condition: NatCondition])[] = isLong
  ? natConditions.flatMap((condition) => natPairs.map((kinds) => [kinds, condition] as const))
  : [
      [['restricted', 'full cone'], 'relay'],
      [['restricted', 'double'], 'relay'],
      [['restricted', 'restricted'], 'relay, STUN'],
      [['restricted', 'open'], 'no relay'],
    ];

suite('nodes behind routers', { skip }, () => {
  for (const [kinds, condition] of cases) {
    const expected = expectedWay(kinds, condition);
    test(`${kinds.join(' and ')}: find the best way there is (${condition})`, async (t) => {
      const found = await findWay(await NatNetwork.make(t, kinds), kinds, condition);
      t.diagnostic(JSON.stringify({ kinds, condition, ...found }));
      assert.match(found.way, expected);
      assert.equal(found.breaks, 0);
    });
  }

  for (const kind of isLong ? natKinds : (['CGNAT'] as const)) {
    test(`peerloom doctor says the next step: ${kind}`, async (t) => {
      const network = await NatNetwork.make(t, [kind, 'open']);
      const [host] = network.hosts;
      const relay = network.start(network.relay, [bin, 'relay', '--host', relayHost, '--port', '10001']);
      const [, address] = await relay.prints(/^Relay at (\S+)$/m);
      const ports = ['3478', '3479'];
      const stun = network.start(network.relay, [stunServer, `${relayHost},${otherRelayHost}`, ...ports]);
      await stun.prints(/^listening$/m);
      const look = (...args: readonly string[]) => network.start(host, [bin, 'doctor', ...args]);
      const alone = look('--port', '10005', address!);
      await alone.prints(/seen as: relay sees this machine at 11\.0\.0\.1 /);
      await alone.prints(kind === 'open' ? /✔ next step: .* 11\.0\.0\.1 itself/ : stepAlone);
      const servers = ports.map((port) => `stun:${relayHost}:${port}`);
      const full = look('--relay', address!, '--stun', ...servers);
      await full.prints(/✔ relay: others reach a node here through /);
      await full.prints(steps[kind]);
      if (kind === 'open') return;
      await full.prints(filters[kind]);
      const router = network.routerOf(0);
      await network.start(router.name, [natPmpServer, router.inside, router.outside]).prints(/^listening$/m);
      const told = look('--port', '10005', address!);
      await told.prints(routerLines[kind]);
      await told.prints(stepsTold[kind]);
      if (kind === 'full cone') await look('--port', '10005', '--stun', ...servers).prints(stepFullCone);
    });
  }
});

const stepAlone =
  /· next step: .* behind a router with the address 11\.0\.0\.1\n {2}→ either forward TCP port 10005 .*, or use a relay/;
const stepFullCone =
  /· next step: .* lets everybody in by UDP\n {2}→ .* try peerloom ping 11\.0\.0\.1:PORT from another network/;
const byWebRtc = /✔ next step: .* a router .* through a relay; they then connect directly .* by WebRTC/;
const staysRelayed =
  /· next step: .* through a relay\n {2}→ connections .* stay relayed, because this router/;

type Routed = Exclude<NatKind, 'open'>;

const steps: Readonly<Record<NatKind, RegExp>> = {
  open: /✔ next step: this machine has the public address 11\.0\.0\.1 itself/,
  'full cone': byWebRtc,
  restricted: byWebRtc,
  symmetric: staysRelayed,
  double: byWebRtc,
  CGNAT: staysRelayed,
};

const onlyAnswers = /✔ UDP: only answers are let in .*\(restricted by port\)/;
const newPorts = /· UDP: .* \(symmetric NAT\)/;

/** Whom routers let in, by what a STUN server with two addresses sees. */
const filters: Readonly<Record<Routed, RegExp>> = {
  'full cone': /✔ UDP: everybody is let in .*\(full cone\)/,
  restricted: onlyAnswers,
  symmetric: newPorts,
  double: onlyAnswers,
  CGNAT: newPorts,
};

const ownAddress = /✔ router: 192\.168\.1\.1 has the address 11\.0\.0\.1$/m;
const forward =
  /→ either forward TCP port 10005 at the router 192\.168\.1\.1 to this machine, or use a relay/;

/** The same with routers that say which address they have. */
const routerLines: Readonly<Record<Routed, RegExp>> = {
  'full cone': ownAddress,
  restricted: ownAddress,
  symmetric: ownAddress,
  double: /· router: 192\.168\.1\.1 has the address 10\.64\.1\.2, which is private: a second router/,
  CGNAT: /· router: 192\.168\.1\.1 has the address 100\.64\.1\.2, which is .* \(CGNAT\)/,
};
const stepsTold: Readonly<Record<Routed, RegExp>> = {
  'full cone': forward,
  restricted: forward,
  symmetric: forward,
  double:
    /· next step: .* behind two routers.*\n {2}→ .* and, at the router before it, to 10\.64\.1\.2, or use/,
  CGNAT: /· next step: .* \(CGNAT\).*\n {2}→ forwarding a port at 192\.168\.1\.1 does not help/,
};
