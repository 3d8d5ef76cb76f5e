import { createRequire } from 'node:module';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { type MdnsPacket, nodesIn, recordsOf } from '../../src/discovery/mdns-records.ts';
import { findFrame, foundFrame, readQuestionFrame, seenFrame } from '../../src/discovery/question-frames.ts';
import { Identity, PeerloomError } from '../../src/index.ts';
import {
  type AddressRecord,
  isSignedByOwner,
  signAddressRecord,
} from '../../src/overlay/membership/address-record.ts';
import { fuzz } from './fuzz.ts';

const { encode, decode } = createRequire(import.meta.url)('dns-packet') as {
  encode(packet: object): Uint8Array;
  decode(bytes: Uint8Array): MdnsPacket;
};

const identity = Identity.fromSeed(new Uint8Array(32).fill(9));
const { id } = identity;
const draft = { network: 'net', sequence: 1, addresses: ['tls://192.0.2.7:10001'] };
const record = signAddressRecord(identity, draft) as AddressRecord;
const number = '0123456789abcdef';

/** Some bytes, changed at some places. */
function changed(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  const change = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255));
  return fc.tuple(fc.array(change, { maxLength: 5 }), fc.nat(bytes.length)).map(([changes, cut]) => {
    const copy = Uint8Array.from(bytes);
    for (const [at, value] of changes) copy[at] = value;
    return copy.subarray(0, cut);
  });
}

/** Reads what a neighbour may send, as a node does. */
function read(bytes: Uint8Array): void {
  try {
    const frame = readQuestionFrame(bytes);
    if (frame.kind !== 'found' || !isSignedByOwner(frame.record, 'net')) return;
    if (frame.record.bytes.join() !== record.bytes.join()) throw new Error('a forged signature');
  } catch (error) {
    if (!(error instanceof PeerloomError)) throw error;
  }
}

suite('frames of questions', () => {
  test('of any bytes are read or refused with a PeerloomError', () => {
    const bytes = fc.tuple(fc.integer({ min: 47, max: 53 }), fc.uint8Array({ maxLength: 400 }));
    fuzz(
      'frames of questions',
      fc.property(bytes, ([kind, rest]) => read(Uint8Array.of(kind, ...rest))),
    );
  });

  test('with some bytes changed are read or refused, and never pass for signed', () => {
    for (const frame of [
      findFrame({ number, hops: 4, id, seenAs: '192.0.2.9' }),
      foundFrame(number, record),
      seenFrame({ number, host: '192.0.2.9', port: 1, wallMs: 1 }),
    ]) {
      fuzz('changed questions', fc.property(changed(frame), read));
    }
  });
});

test('packets of mDNS with some bytes changed lead to nodes or to none', () => {
  const self = { id, network: 'net', addresses: ['tls://0.0.0.0:10001'], hosts: ['192.0.2.7'] };
  const other = { ...self, id: Identity.fromSeed(new Uint8Array(32).fill(8)).id };
  const packet = encode({ type: 'response', answers: recordsOf(other) });
  fuzz(
    'packets of mDNS',
    fc.property(changed(packet), (bytes) => {
      let read: MdnsPacket;
      try {
        read = decode(bytes);
      } catch {
        return;
      }
      nodesIn(read, '192.0.2.7', self);
    }),
  );
});
