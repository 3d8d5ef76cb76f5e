import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Identity } from '../../../../src/index.ts';
import { type AddressRecord, signAddressRecord } from '../../../../src/overlay/membership/address-record.ts';
import { Contacts } from '../../../../src/overlay/membership/contacts.ts';

const hour = 3_600_000;

function recordOf(number: number, sequence = 1, address = `192.0.2.1:${number}`): AddressRecord {
  const seed = new Uint8Array(32);
  new DataView(seed.buffer).setUint32(0, number);
  const draft = { network: 'net', sequence, addresses: [address] };
  return signAddressRecord(Identity.fromSeed(seed), draft) as AddressRecord;
}

function contactsWith({ isOfUse = () => false }: { isOfUse?: (id: string) => boolean } = {}) {
  const clock = { nowMs: 0 };
  const contacts = new Contacts({ network: 'net', runtime: { now: () => clock.nowMs }, isOfUse });
  return { contacts, clock };
}

const anywhere = (): boolean => true;

suite('the nodes that a node has heard of', () => {
  test('have the latest record that they signed', () => {
    const { contacts } = contactsWith();
    const contact = contacts.learn(recordOf(1, 5), anywhere)!;
    assert.deepEqual(contact.addresses, ['192.0.2.1:1']);
    assert.equal(contacts.learn(recordOf(1, 4, 'old:1'), anywhere), contact);
    assert.deepEqual(contact.addresses, ['192.0.2.1:1']);
    contacts.learn(recordOf(1, 6, 'new:1'), anywhere);
    assert.deepEqual(contact.addresses, ['new:1']);
    const forged = recordOf(1, 7, 'forged:1');
    forged.bytes[0]! ^= 1;
    assert.equal(contacts.learn(forged, anywhere), undefined);
    assert.deepEqual(contact.addresses, ['new:1']);
  });

  test('are proven for a day, and anew when they move', () => {
    const { contacts, clock } = contactsWith();
    const contact = contacts.learn(recordOf(1, 1), anywhere)!;
    assert.ok(!contacts.isProven(contact));
    contacts.proven(contact);
    contacts.learn(recordOf(1, 2), anywhere);
    clock.nowMs += 23 * hour;
    assert.ok(contacts.isProven(contact));
    clock.nowMs += hour;
    assert.ok(!contacts.isProven(contact));
    contacts.proven(contact);
    contacts.learn(recordOf(1, 3, 'elsewhere:1'), anywhere);
    assert.ok(!contacts.isProven(contact));
  });

  test('have only addresses that may be dialled', () => {
    const { contacts } = contactsWith();
    const contact = contacts.learn(recordOf(1), (address) => address !== '192.0.2.1:1')!;
    assert.deepEqual(contact.addresses, []);
  });

  test('are 512 at most, and those of use stay', () => {
    const useful = new Set<string>();
    const { contacts } = contactsWith({ isOfUse: (id) => useful.has(id) });
    for (let count = 0; count < 10; count++) useful.add(contacts.of(`useful ${count}`).id);
    const kept = contacts.of('useful 0');
    for (let count = 0; count < 5_000; count++) {
      contacts.of(`stranger ${count}`);
      assert.ok(contacts.size <= 512);
    }
    assert.equal(contacts.of('useful 0'), kept);
  });
});
