import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Identity, systemRuntime } from '../../../../src/index.ts';
import { OwnRecord, type OwnRecordOptions } from '../../../../src/overlay/membership/own-record.ts';

function ownRecord(options: Partial<OwnRecordOptions> = {}) {
  let changes = 0;
  const own = new OwnRecord({
    identity: Identity.generate(),
    network: '',
    runtime: { ...systemRuntime, wallNow: () => 1_000 },
    addresses: () => ['tls://192.0.2.1:10001'],
    onChange: () => {
      changes += 1;
    },
    onFailure: assert.ifError,
    ...options,
  });
  return { own, changes: () => changes };
}

suite('what a node says of its own addresses', () => {
  test('is where it listens', () => {
    const { own, changes } = ownRecord();
    assert.deepEqual(own.record!.addresses, ['tls://192.0.2.1:10001']);
    assert.equal(own.record!.sequence, 1_000);
    own.seenAs('198.51.100.1', 'peer');
    assert.equal(changes(), 1, 'what others see matters only where it listens everywhere');
  });

  test('is nothing if it listens nowhere, or nobody has said from where it is heard', () => {
    assert.equal(ownRecord({ addresses: () => [] }).own.record, undefined);
    assert.equal(ownRecord({ addresses: () => ['tls://0.0.0.0:10001'] }).own.record, undefined);
  });

  test('names the two hosts that most peers name, out of 16', () => {
    const { own } = ownRecord({ addresses: () => ['tls://0.0.0.0:10001', 'tls://[::]:10001'] });
    const say = (host: string, count: number): void => {
      for (let peer = 0; peer < count; peer++) own.seenAs(host, `peer ${peer}`);
    };
    say('192.0.2.1', 3);
    for (let liar = 0; liar < 100; liar++) own.seenAs(`10.0.0.${liar}`, 'liar');
    say('2001:db8::1', 2);
    assert.ok(own.record!.addresses.includes('tls://192.0.2.1:10001'));
    assert.ok(own.record!.addresses.length <= 4);
    assert.ok(own.record!.sequence > 1_000, 'each record has a higher number');
  });

  test('comes later from an identity that signs asynchronously', async () => {
    const identity = Identity.generate();
    const slow = {
      id: identity.id,
      publicKey: identity.publicKey,
      sign: async (text: Uint8Array) => identity.sign(text),
    };
    const { own, changes } = ownRecord({ identity: slow });
    assert.equal(own.record, undefined);
    await new Promise(setImmediate);
    assert.equal(changes(), 1);
    assert.equal(own.record!.id, identity.id);
  });
});
