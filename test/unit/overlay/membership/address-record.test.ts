import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Identity } from '../../../../src/index.ts';
import {
  type AddressDraft,
  type AddressRecord,
  isSignedByOwner,
  maxRecordAddresses,
  maxRecordBytes,
  readAddressRecord,
  signAddressRecord,
} from '../../../../src/overlay/membership/address-record.ts';
import { withCode } from '../../../support/errors.ts';

const alice = Identity.fromSeed(new Uint8Array(32).fill(1));
const bob = Identity.fromSeed(new Uint8Array(32).fill(2));
const addresses = ['tls://192.0.2.7:10001', '[2001:db8::1]:10001'];

function record(draft: Partial<AddressDraft> = {}): AddressRecord {
  const written = signAddressRecord(alice, { network: 'net', sequence: 7, addresses, ...draft });
  assert.ok(!(written instanceof Promise));
  return written;
}

suite('an address record', () => {
  test('is read as it was written', () => {
    const written = record();
    const read = readAddressRecord(written.bytes);
    assert.deepEqual(read, written);
    assert.equal(read.id, alice.id);
    assert.equal(read.sequence, 7);
    assert.deepEqual(read.addresses, addresses);
    assert.ok(isSignedByOwner(read, 'net'));
  });

  test('has the layout of protocol 15.1', () => {
    const { bytes } = record({ addresses: ['a:1', 'bc:22'] });
    const sequence = Buffer.alloc(8);
    sequence.writeBigUInt64BE(7n);
    const content = Buffer.concat([alice.publicKey, sequence, Buffer.from('\x02\x03a:1\x05bc:22')]);
    assert.deepEqual(Buffer.from(bytes.subarray(64)), content);
    const toSign = Buffer.concat([Buffer.from('peerloom addresses 1\0\0\x03net'), content]);
    assert.deepEqual(bytes.subarray(0, 64), alice.sign(toSign));
  });

  test('holds the first addresses that fit', () => {
    const many = Array.from({ length: 20 }, (_, index) => `10.0.0.${index}:10001`);
    assert.deepEqual(record({ addresses: many }).addresses, many.slice(0, maxRecordAddresses));
    const long = 'x'.repeat(255);
    const fitting = record({ addresses: ['x'.repeat(256), long, 'two words:1', long, long, long, 'a:1'] });
    assert.deepEqual(fitting.addresses, [long, long, long, 'a:1']);
    assert.ok(fitting.bytes.length <= maxRecordBytes);
    assert.deepEqual(readAddressRecord(fitting.bytes), fitting);
    assert.throws(() => record({ addresses: [] }), RangeError);
    assert.throws(() => record({ sequence: 1.5 }), RangeError);
  });

  test('of an identity that signs asynchronously comes later', async () => {
    const slow = {
      id: alice.id,
      publicKey: alice.publicKey,
      sign: async (text: Uint8Array) => alice.sign(text),
    };
    const written = signAddressRecord(slow, { network: 'net', sequence: 7, addresses });
    assert.ok(written instanceof Promise);
    assert.deepEqual(await written, record());
  });
});

suite('attack: an address record', () => {
  test('with any bit changed is none of its owner', () => {
    const { bytes } = record();
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Uint8Array.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      let read: AddressRecord;
      try {
        read = readAddressRecord(changed);
      } catch (error) {
        assert.ok(withCode('ERR_PROTOCOL')(error), `bit ${bit}`);
        continue;
      }
      assert.ok(!isSignedByOwner(read, 'net'), `bit ${bit}`);
    }
  });

  test('cut anywhere, or with more behind it, is refused', () => {
    const { bytes } = record();
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(
        () => readAddressRecord(bytes.subarray(0, length)),
        withCode('ERR_PROTOCOL'),
        `${length}`,
      );
    }
    assert.throws(() => readAddressRecord(Uint8Array.of(...bytes, 0)), withCode('ERR_PROTOCOL'));
  });

  test('of another network, or of another node, does not count', () => {
    const elsewhere = record({ network: 'other' });
    assert.ok(!isSignedByOwner(readAddressRecord(elsewhere.bytes), 'net'));
    const stolen = Uint8Array.from(record().bytes);
    stolen.set(bob.publicKey, 64);
    const read = readAddressRecord(stolen);
    assert.equal(read.id, bob.id);
    assert.ok(!isSignedByOwner(read, 'net'));
  });

  test('with no address, too many, or more bytes than a record has, is refused before its key is looked at', () => {
    const head = record().bytes.subarray(0, 104);
    const refused = [
      Uint8Array.of(...head, 0),
      Uint8Array.of(...head, 9, ...Array<number[]>(9).fill([1, 65]).flat()),
      Uint8Array.of(...head, 1, 0),
      Uint8Array.of(...head, 1, 1, 0x20),
      Uint8Array.of(...head, 1, 2, 0xc3, 0xa9),
      Uint8Array.of(
        ...head,
        8,
        ...Array<number[]>(8)
          .fill([255, ...Array<number>(255).fill(65)])
          .flat(),
      ),
    ];
    for (const bytes of refused) assert.throws(() => readAddressRecord(bytes), withCode('ERR_PROTOCOL'));
  });

  test('with a sequence that no number can hold, or a key of small order, is refused', () => {
    const huge = Uint8Array.from(record().bytes);
    huge.fill(255, 96, 104);
    assert.throws(() => readAddressRecord(huge), withCode('ERR_PROTOCOL'));
    const weak = Uint8Array.from(record().bytes);
    weak.fill(0, 64, 96);
    weak[64] = 1;
    assert.throws(() => readAddressRecord(weak), withCode('ERR_PROTOCOL'));
  });
});
