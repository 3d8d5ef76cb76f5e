import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { Fixture } from '../../support/fixture.ts';
import { NamespacePair, namespacesMissing } from '../../support/namespaces.ts';
import { Child } from './support/child.ts';
import type { OneAddressCommands } from './support/one-address.ts';
import type { VictimOptions } from './support/victim.ts';
import { WatchedVictim, Watchers } from './support/watched-victim.ts';

/** On the build server they must run. */
const skip = process.env.CI === 'true' ? false : (namespacesMissing() ?? false);

suite('one address that is not loopback', { skip }, () => {
  test('has 4 places for handshakes, and keeps nobody else out', async (t) => {
    // Nothing but the bound on one address ends any of them.
    const limits = { maxHalfOpen: 1_000, handshakeTimeoutMs: 600_000 };
    await attack(t, { limits }, async ({ target, attacker, neighbour }) => {
      await attacker.call('openSilent', { ...target, count: 100, left: 4 });
      assert.deepEqual(await neighbour.call('connectNodes', { ...target, count: 1 }), ['connected']);
    });
  });

  test('has 8 connections', async (t) => {
    const limits = { inboundPerSecondPerAddress: 1_000 };
    await attack(t, { limits }, async ({ target, attacker, neighbour }) => {
      const outcomes = await attacker.call('connectNodes', { ...target, count: 10 });
      assert.deepEqual(outcomes.slice(0, 8), Array(8).fill('connected'));
      for (const outcome of outcomes.slice(8)) assert.match(outcome, /allows 8 connections from one address/);
      assert.deepEqual(await neighbour.call('connectNodes', { ...target, count: 1 }), ['connected']);
    });
  });

  test('connects 10 times a second', async (t) => {
    await attack(t, {}, async ({ target, attacker, neighbour }) => {
      const { outcomes, seconds } = await attacker.call('comeAndGo', { ...target, count: 100 });
      const connected = outcomes.filter((outcome) => outcome === 'connected').length;
      const allowed = 10 + Math.ceil(10 * seconds);
      assert.ok(connected >= 10 && connected <= allowed, `${connected} connected in ${seconds} s`);
      t.diagnostic(`${connected} of 100 connected in ${seconds} s`);
      assert.deepEqual(await neighbour.call('connectNodes', { ...target, count: 1 }), ['connected']);
    });
  });

  test('floods the port, and disturbs nobody', async (t) => {
    await attack(t, {}, async ({ target, attacker, neighbour }) => {
      const flood = attacker.call('flood', { ...target, count: 2_000 });
      for (let visits = 0; visits < 3; visits++)
        assert.deepEqual(await neighbour.call('connectNodes', { ...target, count: 1 }), ['connected']);
      await flood;
    });
  });
});

interface Cast {
  readonly target: { readonly host: string; readonly port: number };
  readonly attacker: Child<OneAddressCommands>;
  readonly neighbour: Child<OneAddressCommands>;
}

/** A victim and its watchers in one namespace, an attacker in another, and a neighbour of the victim, with its address. */
async function attack(
  t: TestContext,
  options: VictimOptions,
  act: (cast: Cast) => Promise<void>,
): Promise<void> {
  const { a, b } = await NamespacePair.make(t);
  for (const one of [a, b]) await one.setLoopback('up');
  const watchers = new Watchers({ host: b.address }, b.prefix);
  const watched = new WatchedVictim({ ...options, host: b.address }, watchers);
  const attacker = new Child<OneAddressCommands>('one-address.ts', {}, a.prefix);
  const neighbour = new Child<OneAddressCommands>('one-address.ts', {}, b.prefix);
  Fixture.of(t).defer(() => watchers.stop());
  Fixture.of(t).defer(() => watched.stop());
  for (const one of [attacker, neighbour]) Fixture.of(t).defer(() => one.stop());
  await watched.start();
  await watched.attackBegins();
  await act({ target: watched.address, attacker, neighbour });
  await watched.attackEnds();
}
