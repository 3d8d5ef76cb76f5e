import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Identity } from '../../../../src/index.ts';
import { type AddressRecord, signAddressRecord } from '../../../../src/overlay/membership/address-record.ts';
import {
  encodeMembershipFrame,
  type MembershipFrame,
  maxRecords,
  readMembershipFrame,
} from '../../../../src/overlay/membership/membership-frames.ts';
import { withCode } from '../../../support/errors.ts';

const records = Array.from({ length: maxRecords + 1 }, (_, at) => {
  const identity = Identity.fromSeed(new Uint8Array(32).fill(at + 1));
  const draft = { network: '', sequence: at, addresses: [`192.0.2.${at}:10001`] };
  return signAddressRecord(identity, draft) as AddressRecord;
});
const [record] = records;

const frames: readonly MembershipFrame[] = [
  { kind: 'introduce', seenAs: '192.0.2.7', record },
  { kind: 'introduce', seenAs: '', record: undefined },
  { kind: 'join' },
  { kind: 'joinReply', isNeighbour: true, contacts: records.slice(0, 3) },
  { kind: 'joinReply', isNeighbour: false, contacts: [] },
  { kind: 'forwardJoin', hopsLeft: 6, contact: record! },
  { kind: 'ask', priority: 'high' },
  { kind: 'ask', priority: 'low' },
  { kind: 'ask', priority: 'swap' },
  { kind: 'answer', isNeighbour: true },
  { kind: 'answer', isNeighbour: false },
  { kind: 'drop' },
  { kind: 'shuffle', walk: 0xfedc_ba98, hopsLeft: 5, contacts: records.slice(0, maxRecords) },
  { kind: 'shuffleReply', walk: 1, contacts: records.slice(0, 2) },
  { kind: 'hold' },
  { kind: 'release' },
];

suite('frames about membership', () => {
  for (const frame of frames) {
    test(`are read as they were written: ${frame.kind}`, () => {
      assert.deepEqual(readMembershipFrame(encodeMembershipFrame(frame)), frame);
    });
  }

  test('have the layout of protocol 18.2', () => {
    const shuffle = encodeMembershipFrame({
      kind: 'shuffle',
      walk: 0x01020304,
      hopsLeft: 6,
      contacts: [record!],
    });
    const { bytes } = record!;
    assert.deepEqual([...shuffle], [23, 1, 2, 3, 4, 6, 0, bytes.length, ...bytes]);
    const introduce = encodeMembershipFrame({ kind: 'introduce', seenAs: 'ab', record });
    assert.deepEqual([...introduce], [16, 2, 97, 98, ...bytes]);
    assert.deepEqual([...encodeMembershipFrame({ kind: 'ask', priority: 'swap' })], [20, 2]);
  });
});

suite('attack: frames about membership', () => {
  test('that are cut, or have more behind them, are refused or shorter lists', () => {
    for (const frame of frames) {
      const bytes = encodeMembershipFrame(frame);
      for (let length = 0; length < bytes.length; length++) {
        try {
          const read = readMembershipFrame(bytes.subarray(0, length));
          assert.ok('contacts' in read || read.kind === 'introduce', `${frame.kind} cut to ${length}`);
        } catch (error) {
          assert.ok(withCode('ERR_PROTOCOL')(error), `${frame.kind} cut to ${length}`);
        }
      }
      assert.throws(
        () => readMembershipFrame(Uint8Array.of(...bytes, 0)),
        withCode('ERR_PROTOCOL'),
        frame.kind,
      );
    }
  });

  test('with more records than a list has, more hops than a walk has, or other flags, are refused', () => {
    const list = records.flatMap(({ bytes }) => [bytes.length >> 8, bytes.length & 0xff, ...bytes]);
    const refused = [
      [18, 1, ...list],
      [18, 2],
      [19, 17, ...record!.bytes],
      [20, 3],
      [20, 255],
      [21, 2],
      [23, 0, 0, 0, 0, 17],
      [24, 0, 0, 0, 0, ...list],
      [24, 0, 0, 0, 0, 0xff, 0xff],
      [16, 3, 97, 10, 98],
      [27],
      [31, 0],
      [],
    ];
    for (const bytes of refused) {
      assert.throws(() => readMembershipFrame(Uint8Array.from(bytes)), withCode('ERR_PROTOCOL'), `${bytes}`);
    }
  });
});
