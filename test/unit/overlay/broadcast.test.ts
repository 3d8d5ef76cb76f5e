import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { suite, test } from 'node:test';
import { hexToBytes } from '@noble/hashes/utils.js';
import { Identity } from '../../../src/index.ts';
import { signedForBatch } from '../../../src/overlay/batch-signature.ts';
import { BatchTree } from '../../../src/overlay/batch-tree.ts';
import {
  type Broadcast,
  draftBroadcast,
  idOf,
  inBatch,
  isSignedByOrigin,
  maxBodyBytes,
  readBroadcast,
  setSignature,
  signedBytes,
} from '../../../src/overlay/broadcast.ts';
import { withCode } from '../../support/errors.ts';

const alice = Identity.fromSeed(new Uint8Array(32).fill(1));
const timeUs = 1_700_000_000_000_123;
const previousUs = 1_700_000_000_000_007;

function signed({ topic = 'chat', network = 'net', body = Uint8Array.of(104, 105) } = {}): Broadcast {
  const payload = { format: 2, body };
  const broadcast = draftBroadcast({ network, origin: alice.id, topic, timeUs, previousUs, payload });
  setSignature(broadcast, alice.sign(signedBytes(broadcast.bytes, network)));
  return broadcast;
}

function readIn(network: string, bytes: Uint8Array<ArrayBuffer>): Broadcast {
  return readBroadcast(bytes, idOf(signedBytes(bytes, network)));
}

function isSignedIn(network: string, broadcast: Broadcast): boolean {
  return isSignedByOrigin(broadcast, signedBytes(broadcast.bytes, network));
}

suite('a broadcast', () => {
  test('is read as it was written', () => {
    const written = signed();
    const read = readIn('net', written.bytes);
    assert.deepEqual(read, written);
    assert.equal(read.origin, alice.id);
    assert.equal(read.topic, 'chat');
    assert.equal(read.timeUs, timeUs);
    assert.equal(read.previousUs, previousUs);
    assert.ok(isSignedIn('net', read));
  });

  test('has the layout of protocol 14.2', () => {
    const { bytes, id } = signed();
    const times = Buffer.alloc(16);
    times.writeBigUInt64BE(BigInt(timeUs));
    times.writeBigUInt64BE(BigInt(previousUs), 8);
    const content = Buffer.concat([alice.publicKey, times, Buffer.from('\x04chat\x02hi')]);
    assert.deepEqual(Buffer.from(bytes.subarray(65)), content);
    const toSign = Buffer.concat([Buffer.from('peerloom broadcast 1\0\0\x03net'), content]);
    assert.equal(id, createHash('sha256').update(toSign).digest('hex'));
    assert.deepEqual(bytes.subarray(0, 65), Uint8Array.of(1, ...alice.sign(toSign)));
  });

  test('with any byte changed is another one, which its origin has not signed', () => {
    const { bytes, id } = signed();
    for (let at = 0; at < bytes.length; at++) {
      const changed = Uint8Array.from(bytes);
      changed[at]! ^= 1;
      let read: Broadcast;
      try {
        read = readIn('net', changed);
      } catch {
        continue; // no broadcast at all: another length of the topic, or no key
      }
      assert.ok(!isSignedIn('net', read), `byte ${at}`);
      assert.equal(read.id === id, at < 65, `byte ${at}`);
    }
  });

  test('of one network is none of another', () => {
    const { bytes, id } = signed({ network: 'net' });
    const elsewhere = readIn('other', bytes);
    assert.ok(!isSignedIn('other', elsewhere));
    assert.notEqual(elsewhere.id, id);
    assert.notEqual(readIn('ne', bytes).id, id);
  });

  test('that is cut is refused, wherever', () => {
    const { bytes } = signed({ body: Uint8Array.of() });
    for (let length = 0; length < bytes.length; length++)
      assert.throws(() => readIn('net', bytes.slice(0, length)), withCode('ERR_PROTOCOL'), `${length}`);
  });

  test('has a body of 1 MiB at most', () => {
    readIn('net', signed({ body: new Uint8Array(maxBodyBytes) }).bytes);
    assert.throws(
      () => readIn('net', signed({ body: new Uint8Array(maxBodyBytes + 1) }).bytes),
      withCode('ERR_MESSAGE_TOO_LARGE'),
    );
  });

  test('with a key of small order, or a topic that is not UTF-8, is refused', () => {
    const ofSmallOrder = Uint8Array.from(signed().bytes);
    ofSmallOrder.fill(0, 65, 97);
    assert.throws(() => readIn('net', ofSmallOrder), withCode('ERR_PROTOCOL'));
    const notUtf8 = Uint8Array.from(signed().bytes);
    notUtf8[65 + 32 + 16 + 1] = 0xff;
    assert.throws(() => readIn('net', notUtf8), withCode('ERR_PROTOCOL'));
  });

  test('that was signed together with others is read as it was written, and no other byte passes', () => {
    const drafts = [1, 2, 3, 4, 5].map((text) => signed({ body: Uint8Array.of(text) }));
    const tree = new BatchTree(drafts.map(({ id }) => hexToBytes(id)));
    const signature = alice.sign(signedForBatch(tree.root));
    for (const [index, draft] of drafts.entries()) {
      const member = inBatch(draft, { ...tree.proofOf(index), signature });
      assert.equal(member.id, draft.id);
      assert.deepEqual(readIn('net', member.bytes), member);
      assert.ok(isSignedIn('net', member));
      if (index !== 4) continue;
      for (let at = 0; at < member.bytes.length; at++) {
        const changed = Uint8Array.from(member.bytes);
        changed[at]! ^= 1;
        let read: Broadcast;
        try {
          read = readIn('net', changed);
        } catch {
          continue; // no broadcast at all
        }
        assert.ok(!isSignedIn('net', read), `byte ${at}`);
      }
    }
  });

  test('carries no other one that its origin has not signed: a node of the tree is no broadcast', () => {
    const [one, other] = [signed({ body: Uint8Array.of(1) }), signed({ body: Uint8Array.of(2) })];
    const tree = new BatchTree([one, other].map(({ id }) => hexToBytes(id)));
    const proof = tree.proofOf(0);
    const signature = alice.sign(signedForBatch(tree.root));
    assert.ok(isSignedIn('net', inBatch(one, { ...proof, signature })));
    const third = signed({ body: Uint8Array.of(3) });
    assert.ok(!isSignedIn('net', inBatch(third, { ...proof, signature })));
    const lone = alice.sign(signedBytes(one.bytes, 'net'));
    assert.ok(!isSignedIn('net', inBatch(one, { ...proof, signature: lone })));
    const alone = Uint8Array.from(one.bytes);
    alone.set(signature, 1);
    assert.ok(!isSignedIn('net', readIn('net', alone)));
  });
});
