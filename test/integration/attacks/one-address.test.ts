import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { Fixture } from '../../support/fixture.ts';
import { type Namespace, NamespacePair, namespacesMissing } from '../../support/namespaces.ts';
import { Child } from './support/child.ts';
import type { OneAddressCommands } from './support/one-address.ts';
import type { VictimCommands, VictimOptions } from './support/victim.ts';

/** On the build server they must run. */
const skip = process.env.CI === 'true' ? false : (namespacesMissing() ?? false);

suite('one address that is not loopback', { skip }, () => {
  test('has 4 places for handshakes, and keeps nobody else out', async (t) => {
    // Nothing but the bound on one address ends any of them.
    const limits = { maxHalfOpen: 1_000, handshakeTimeoutMs: 600_000 };
    const { target, attacker, neighbour } = await startScene(t, { limits });
    await attacker.call('openSilent', { ...target, count: 100, left: 4 });
    assert.deepEqual(await neighbour.call('connectNodes', { ...target, count: 1 }), ['connected']);
  });

  test('has 8 connections', async (t) => {
    const { target, attacker, neighbour } = await startScene(t, {
      limits: { inboundPerSecondPerAddress: 1_000 },
    });
    const outcomes = await attacker.call('connectNodes', { ...target, count: 10 });
    assert.deepEqual(outcomes.slice(0, 8), Array(8).fill('connected'));
    for (const outcome of outcomes.slice(8)) assert.match(outcome, /allows 8 connections from one address/);
    assert.deepEqual(await neighbour.call('connectNodes', { ...target, count: 1 }), ['connected']);
  });
});

/** A victim in one namespace, an attacker in another, and a neighbour of the victim with an address of its own. */
async function startScene(t: TestContext, options: VictimOptions) {
  const { a, b } = await NamespacePair.make(t);
  for (const one of [a, b]) await one.setLoopback('up');
  const start = <Commands extends Record<string, (argument: never) => unknown>>(
    program: string,
    { prefix }: Namespace,
    given: unknown = {},
  ): Child<Commands> => {
    const child = new Child<Commands>(program, given, prefix);
    Fixture.of(t).defer(() => child.stop());
    return child;
  };
  const victim = start<VictimCommands>('victim.ts', b, { ...options, host: b.address });
  const { port } = await victim.call('start');
  return {
    target: { host: b.address, port },
    attacker: start<OneAddressCommands>('one-address.ts', a),
    neighbour: start<OneAddressCommands>('one-address.ts', b),
  };
}
