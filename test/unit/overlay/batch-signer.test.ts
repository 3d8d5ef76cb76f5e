import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Identity } from '../../../src/index.ts';
import { BatchSigner } from '../../../src/overlay/batch-signer.ts';
import { maxBatch } from '../../../src/overlay/batch-tree.ts';
import {
  type Broadcast,
  draftBroadcast,
  idOf,
  isSignedByOrigin,
  readBroadcast,
  signedBytes,
} from '../../../src/overlay/broadcast.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';

const network = 'net';

/** @param delayed whether signatures come later, as those of a key server do. */
function signer({ delayed = false } = {}) {
  const runtime = new VirtualRuntime();
  const identity = Identity.generate();
  const signed: Broadcast[] = [];
  const failures: unknown[] = [];
  let signatures = 0;
  let failsWith: Error | undefined;
  const own = new BatchSigner({
    identity: {
      id: identity.id,
      publicKey: identity.publicKey,
      sign(message) {
        signatures += 1;
        const signature = identity.sign(message);
        if (failsWith !== undefined) return Promise.reject(failsWith);
        return delayed ? Promise.resolve(signature) : signature;
      },
    },
    network,
    runtime,
    onSigned: (broadcast) => signed.push(broadcast),
    onFailure: (error) => failures.push(error),
  });
  let timeUs = 1_700_000_000_000_000;
  const add = (text: string): void => {
    const payload = { format: 2, body: new TextEncoder().encode(text) };
    own.add(draftBroadcast({ network, origin: identity.id, topic: 'chat', timeUs: timeUs++, payload }));
  };
  return {
    own,
    runtime,
    signed,
    failures,
    add,
    texts: () => signed.map(({ body }) => new TextDecoder().decode(body)),
    signatures: () => signatures,
    fails: (error: Error) => {
      failsWith = error;
    },
  };
}

function assertSigned(broadcasts: readonly Broadcast[]): void {
  for (const broadcast of broadcasts) {
    const signed = signedBytes(broadcast.bytes, network);
    assert.deepEqual(readBroadcast(broadcast.bytes, idOf(signed)), broadcast);
    assert.ok(isSignedByOrigin(broadcast, signed));
  }
}

suite('broadcasts of one turn', () => {
  test('are signed together when it ends, but for the first, which is signed at once', async () => {
    const { own, runtime, signed, add, texts, signatures } = signer();
    add('a');
    assert.deepEqual(texts(), ['a']);
    for (const text of ['b', 'c', 'd']) add(text);
    assert.deepEqual(texts(), ['a']);
    assert.ok(own.waitingBytes > 300);
    await runtime.advance(0);
    assert.deepEqual(texts(), ['a', 'b', 'c', 'd']);
    assert.equal(signatures(), 2);
    assertSigned(signed);
    assert.equal(own.waitingBytes, 0);
    add('e');
    assert.deepEqual(texts().slice(4), ['e'], 'the next turn begins anew');
    await runtime.advance(0);
    assert.deepEqual(runtime.pending, []);
  });

  test('are signed when there are as many as a batch may have', () => {
    const { signed, add, signatures } = signer();
    for (let count = 0; count < 1 + 2 * maxBatch; count++) add(`${count}`);
    assert.equal(signed.length, 1 + 2 * maxBatch);
    assert.equal(signatures(), 3);
    assertSigned(signed);
  });

  test('are signed at once when the node is about to stop', () => {
    const { own, add, texts } = signer();
    for (const text of ['a', 'b', 'c']) add(text);
    own.flush();
    assert.deepEqual(texts(), ['a', 'b', 'c']);
  });

  test('are signed together by a signer that takes its time, and reported if it fails', async () => {
    const { runtime, signed, failures, add, texts, fails } = signer({ delayed: true });
    for (const text of ['a', 'b', 'c']) add(text);
    await runtime.advance(0);
    assert.deepEqual(texts(), ['a', 'b', 'c']);
    assertSigned(signed);
    const error = new Error('no token');
    fails(error);
    for (const text of ['d', 'e', 'f']) add(text);
    await runtime.advance(0);
    assert.deepEqual(failures, [error, error]);
    assert.equal(signed.length, 3);
  });
});
