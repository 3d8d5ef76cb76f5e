import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { Identity, PeerloomError, systemRuntime } from '../../src/index.ts';
import {
  draftBroadcast,
  headerOf,
  idOf,
  isSignedByOrigin,
  readBroadcast,
  signedBytes,
} from '../../src/overlay/broadcast.ts';
import { readOverlayFrame } from '../../src/overlay/overlay-frames.ts';
import { TopicKey } from '../../src/overlay/topic-key.ts';
import { fuzz } from './fuzz.ts';

const origin = Identity.fromSeed(new Uint8Array(32).fill(9)).id;

/** Reads what a neighbour may send, as a node does. */
function read(bytes: Uint8Array): void {
  try {
    const frame = readOverlayFrame(bytes);
    if (frame.kind !== 'push') return;
    const signed = signedBytes(frame.broadcast, 'net');
    const broadcast = readBroadcast(frame.broadcast, idOf(signed));
    if (isSignedByOrigin(broadcast, signed)) throw new Error('a forged signature');
  } catch (error) {
    if (!(error instanceof PeerloomError)) throw error;
  }
}

suite('frames of the overlay', () => {
  test('of any bytes are read or refused with a PeerloomError', () => {
    const kind = fc.integer({ min: 0, max: 9 });
    const bytes = fc.uint8Array({ maxLength: 400 });
    fuzz(
      'frames of the overlay',
      fc.property(kind, bytes, (first, rest) => read(Uint8Array.of(first, ...rest))),
    );
  });

  test('that push a broadcast with some bytes changed are read or refused, and never pass for signed', () => {
    const payload = { format: 2, body: Uint8Array.from([1, 2, 3]) };
    const { bytes } = draftBroadcast({ network: 'net', origin, topic: 'topic', timeUs: 1, payload });
    const change = fc.tuple(fc.nat(bytes.length + 1), fc.nat(255));
    fuzz(
      'broadcasts',
      fc.property(fc.array(change, { maxLength: 5 }), fc.nat(bytes.length), (changes, cut) => {
        const frame = Uint8Array.of(1, 3, ...bytes).subarray(0, 2 + cut);
        for (const [at, value] of changes) if (at > 0 && at < frame.length) frame[at] = value;
        read(Uint8Array.from(frame));
      }),
    );
  });

  test('that are sealed with a topic key, with some bytes changed, are refused with a PeerloomError', async () => {
    const key = await TopicKey.derive({
      text: 'key',
      network: 'net',
      topic: 'topic',
      runtime: systemRuntime,
    });
    const payload = { format: 2, body: Uint8Array.from([1, 2, 3]) };
    const sealed = draftBroadcast({ network: 'net', origin, topic: 'topic', key, timeUs: 1, payload });
    const contentAt = sealed.bytes.length - sealed.body.length - headerOf(sealed).length;
    const opens = (bytes: Uint8Array<ArrayBuffer>): boolean => {
      try {
        const read = readBroadcast(bytes, '');
        key.open(headerOf(read), read.body);
        return true;
      } catch (error) {
        if (!(error instanceof PeerloomError)) throw error;
        return false;
      }
    };
    assert.ok(opens(sealed.bytes));
    const change = fc.tuple(fc.integer({ min: contentAt, max: sealed.bytes.length - 1 }), fc.nat(255));
    fuzz(
      'sealed broadcasts',
      fc.property(fc.array(change, { maxLength: 5 }), fc.nat(sealed.bytes.length), (changes, cut) => {
        const bytes = Uint8Array.from(sealed.bytes.subarray(0, cut));
        for (const [at, value] of changes) if (at < cut) bytes[at] = value;
        const isChanged = cut < sealed.bytes.length || bytes.some((byte, at) => byte !== sealed.bytes[at]);
        assert.equal(opens(bytes), !isChanged);
      }),
    );
  });
});
