import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { resolveOptions } from '../../../src/api/options.ts';
import { Identity, type NodeOptions, type PeerDetails } from '../../../src/index.ts';
import { Admission } from '../../../src/peers/admission.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import { limitedSource } from '../../../src/transport/address-limits.ts';

function admission(options: NodeOptions = {}) {
  const runtime = new VirtualRuntime();
  const wrongAnswers: string[] = [];
  const gate = new Admission(resolveOptions({ ...options, runtime }), ({ message }, direction) =>
    wrongAnswers.push(`${direction}: ${message}`),
  );
  let count = 0;
  /** Lets one more in; its token, or why not. */
  const enter = (address?: string): object | string => {
    const token = { count: count++ };
    const refusal = gate.reserve(token, address && limitedSource(true, address, 'id'));
    return refusal === undefined ? token : `${refusal.code}: ${refusal.message}`;
  };
  return { gate, runtime, enter, wrongAnswers };
}

const isIn = (outcome: object | string): boolean => typeof outcome === 'object';

suite('places for inbound connections', () => {
  test('are as many as the node allows, and free again when one leaves', () => {
    const { gate, enter } = admission({ maxConnections: 2 });
    const first = enter('127.0.0.1');
    assert.ok(isIn(first) && isIn(enter('127.0.0.1')));
    assert.equal(enter('127.0.0.1'), 'full: the node has as many connections as it allows');
    gate.release(first);
    assert.ok(isIn(enter('127.0.0.1')));
    assert.ok(!isIn(enter('127.0.0.1')));
  });

  test('are 128 by default, and without end when 0 is allowed', () => {
    const { enter } = admission();
    for (let index = 0; index < 128; index++) assert.ok(isIn(enter('127.0.0.1')));
    assert.ok(!isIn(enter('127.0.0.1')));
    const open = admission({ maxConnections: 0 });
    for (let index = 0; index < 1_000; index++) assert.ok(isIn(open.enter('::1')));
  });

  test('are not given back by who never had one', () => {
    const { gate, enter } = admission({ maxConnections: 1 });
    enter('127.0.0.1');
    gate.release({ count: 99 });
    assert.ok(!isIn(enter('127.0.0.1')));
  });
});

suite('one address', () => {
  test('gets eight connections; others have their own; loopback is exempt', () => {
    const { gate, enter } = admission();
    const tokens = Array.from({ length: 8 }, () => enter('192.0.2.1'));
    assert.ok(tokens.every(isIn));
    assert.equal(
      enter('192.0.2.1'),
      'full: the node allows 8 connections from one address (limits.maxInboundPerAddress)',
    );
    assert.ok(isIn(enter('192.0.2.2')));
    for (let index = 0; index < 50; index++) assert.ok(isIn(enter(index % 2 === 0 ? '127.0.0.5' : '::1')));
    gate.release(tokens[0]);
    assert.ok(isIn(enter('192.0.2.1')));
  });

  test('is nothing that connections within the process share', () => {
    const { enter } = admission();
    for (let index = 0; index < 100; index++) assert.ok(isIn(enter(undefined)));
  });

  test('of IPv6 is the network of one customer', () => {
    const { enter } = admission();
    for (let index = 0; index < 8; index++) assert.ok(isIn(enter(`2001:db8:1:2::${index}`)));
    assert.ok(!isIn(enter('2001:db8:1:2:ffff::1')));
    assert.ok(isIn(enter('2001:db8:1:3::1')));
  });

  test('gets as many as the limit says; 0: no limit', () => {
    const two = admission({ limits: { maxInboundPerAddress: 2, inboundPerSecondPerAddress: 100 } });
    assert.deepEqual(
      [1, 2, 3].map(() => isIn(two.enter('192.0.2.1'))),
      [true, true, false],
    );
    const open = admission({ limits: { maxInboundPerAddress: 0, inboundPerSecondPerAddress: 100 } });
    for (let index = 0; index < 60; index++) assert.ok(isIn(open.enter('192.0.2.1')));
  });

  test('gets ten a second, and ten at once; who left counts as well', async () => {
    const { gate, runtime, enter } = admission();
    const comeAndGo = (): boolean => {
      const outcome = enter('192.0.2.1');
      if (isIn(outcome)) gate.release(outcome);
      return isIn(outcome);
    };
    const attempts = (count: number): number =>
      Array.from({ length: count }, comeAndGo).filter(Boolean).length;
    assert.equal(attempts(20), 10);
    await runtime.advance(99);
    assert.equal(attempts(1), 0);
    await runtime.advance(1);
    assert.equal(attempts(5), 1);
    await runtime.advance(500);
    assert.equal(attempts(20), 5);
    await runtime.advance(3_600_000);
    assert.equal(attempts(20), 10, 'what was not used does not add up for ever');
    assert.ok(isIn(enter('192.0.2.2')));
  });
});

suite('a peer', () => {
  const [alice, bob] = [Identity.generate().id, Identity.generate().id];
  const peer: PeerDetails = {
    id: alice,
    name: 'Alice',
    host: '192.0.2.1',
    port: 10_001,
    direction: 'inbound',
    security: { protocol: 'tls', encrypted: true, authenticated: true },
  };
  const judged = async (options: NodeOptions): Promise<string> =>
    (await admission(options).gate.judge(peer))?.code ?? 'welcome';

  test('is welcome by default', async () => {
    assert.equal(await judged({}), 'welcome');
  });

  test('must be on the list of the allowed, where there is one', async () => {
    assert.equal(await judged({ allow: [alice, bob] }), 'welcome');
    assert.equal(await judged({ allow: [bob] }), 'refused');
    assert.equal(await judged({ allow: [] }), 'refused');
  });

  test('that proves nothing is on no list of the allowed, whatever it calls itself', async () => {
    const { gate } = admission({ allow: [alice] });
    const security = { ...peer.security, authenticated: false };
    assert.equal((await gate.judge({ ...peer, security }))?.code, 'refused');
  });

  test('must not be on the list of the denied, which wins', async () => {
    assert.equal(await judged({ deny: [bob] }), 'welcome');
    assert.equal(await judged({ deny: [alice], allow: [alice] }), 'refused');
  });

  test('is what authorize says, where true alone means yes', async () => {
    assert.equal(await judged({ authorize: () => true }), 'welcome');
    assert.equal(await judged({ authorize: async () => true }), 'welcome');
    for (const answer of [false, undefined, 1, 'yes', Promise.resolve(false)]) {
      assert.equal(await judged({ authorize: () => answer as boolean }), 'refused');
    }
  });

  test('is refused by an answer that is no boolean, which is told', async () => {
    const answers = [undefined, 'yes', Promise.resolve(1), {}, false, Promise.resolve(false), true];
    const { gate, wrongAnswers } = admission({ authorize: () => answers.shift() as boolean });
    while (answers.length > 0) await gate.judge({ ...peer, direction: 'outbound' });
    const rule = 'outbound: authorize must return a boolean, or a promise of one, not';
    assert.deepEqual(wrongAnswers, [`${rule} undefined`, `${rule} 'yes'`, `${rule} 1`, `${rule} an object`]);
  });

  test('that a list refuses is not shown to authorize', async () => {
    const authorize = (): boolean => assert.fail('it was asked');
    assert.equal(await judged({ deny: [alice], authorize }), 'refused');
  });

  test('is shown to authorize as it is', async (t) => {
    const authorize = t.mock.fn(() => true);
    await admission({ authorize }).gate.judge(peer);
    assert.deepEqual(
      authorize.mock.calls.map((call) => call.arguments),
      [[peer]],
    );
  });
});
