import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fixture } from '../support/fixture.ts';
import { NetworkParts } from '../support/network-parts.ts';
import { networkTrial } from '../support/network-trial.ts';

/** `npm run test:long -- sockets`: 100 nodes in 4 processes, each of which is killed. */
const nodes = Number(process.env.PEERLOOM_SOCKET_NODES ?? 12);
const isLong = nodes > 12;
const processes = isLong ? 4 : 3;

test(`${nodes} nodes of ${processes} processes make one network over TLS: while it forms and after kills, broadcasts reach all`, {
  timeout: 600_000,
}, async (t) => {
  const network = new NetworkParts(isLong ? undefined : 1_000);
  Fixture.of(t).defer(() => network.stop());
  const { spreads, others, states } = await networkTrial(network, {
    processes,
    nodesInEach: nodes / processes,
    kills: isLong ? 4 : 1,
    broadcasts: processes,
  });
  for (const [at, { heard }] of spreads.entries()) {
    assert.deepEqual(heard, Array(processes).fill(others[at]), `after ${at} kills`);
  }
  assert.ok(states.every(({ repeated }) => repeated === 0));
});
