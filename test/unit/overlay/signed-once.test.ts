import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Identity } from '../../../src/index.ts';
import {
  draftBroadcast,
  idOf,
  readBroadcast,
  setSignature,
  signedBytes,
} from '../../../src/overlay/broadcast.ts';
import { isSignedOnce } from '../../../src/overlay/signed-once.ts';

suite('signatures that a simulation checks once', () => {
  test('are right or wrong however often they are asked about, and for their own bytes only', () => {
    const identity = Identity.generate();
    const payload = { format: 2, body: new TextEncoder().encode('text') };
    const right = draftBroadcast({ network: '', origin: identity.id, topic: '', timeUs: 1, payload });
    const signed = signedBytes(right.bytes, '');
    setSignature(right, identity.sign(signed));
    const forgedBytes = Uint8Array.from(right.bytes);
    forgedBytes[1]! ^= 1;
    const forged = readBroadcast(forgedBytes, idOf(signed));
    for (let count = 0; count < 2; count++) {
      assert.equal(isSignedOnce(right, signed), true);
      assert.equal(isSignedOnce(forged, signed), false);
      assert.equal(isSignedOnce(forged, signed), false);
    }
  });
});
