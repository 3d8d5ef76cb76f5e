import '../support/libp2p-engines.ts';
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type NatKind, NatNetwork, natKinds, natsMissing, relayHost } from '../support/nat-network.ts';
import { expectedWay, findWay, type NatCondition, natConditions, natPairs } from '../support/nat-pairs.ts';

const bin = fileURLToPath(new URL('../../bin/peerloom.js', import.meta.url));
const stunServer = fileURLToPath(new URL('../support/programs/stun-server.ts', import.meta.url));

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

  for (const kind of isLong ? natKinds : (['symmetric'] as const)) {
    test(`peerloom doctor says the next step: ${kind}`, async (t) => {
      const network = await NatNetwork.make(t, [kind, 'open']);
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
