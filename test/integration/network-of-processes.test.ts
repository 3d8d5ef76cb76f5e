import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fixture } from '../support/fixture.ts';
import { NetworkParts } from '../support/network-parts.ts';

test('12 nodes of 3 processes make one network over TLS; one process is killed, and broadcasts reach all others', async (t) => {
  const network = new NetworkParts(1_000);
  Fixture.of(t).defer(() => network.stop());
  await network.start(3, 4);
  await network.whole(20_000);
  assert.deepEqual(await network.broadcast(3, 10_000), [11, 11, 11]);
  await network.kill();
  await network.whole(20_000);
  assert.deepEqual(await network.broadcast(4, 10_000), [7, 7, 7, 7]);
});
