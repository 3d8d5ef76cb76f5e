import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { runNow } from '../../../src/base/steps.ts';
import type { Data } from '../../../src/index.ts';
import { Identity, systemRuntime } from '../../../src/index.ts';
import { hashOf, signHash } from '../../../src/secure/digest.ts';
import { type Envelope, sign } from '../../../src/secure/envelope.ts';
import { Notary } from '../../../src/secure/notary.ts';
import { withCode } from '../../support/errors.ts';
import { samples } from '../../support/samples.ts';

const alice = Identity.generate();
const mallory = Identity.generate();
const minute = 60_000;
/** Passes on what others wrote. */
const neighbour = { id: Identity.generate().id, source: 'neighbour', isEncrypted: true };

/** A notary of somebody else, whose clock a test can move. */
function reader(now = 1_000_000_000_000) {
  const clock = { now };
  const notary = notaryOf(Identity.generate(), clock);
  return { notary, clock };
}

function notaryOf(identity: Identity, clock: { now: number }, maxSeenMessages = 1_000): Notary {
  return new Notary({
    identity,
    runtime: { ...systemRuntime, wallNow: () => clock.now },
    timeWindowMs: 5 * minute,
    maxSeenMessages,
  });
}

function written(data: Data, clock: { now: number }): Envelope {
  return notaryOf(alice, clock).sign('message', data) as Envelope;
}

suite('envelopes', () => {
  test('every kind of data is signed and proven', () => {
    const { notary, clock } = reader();
    for (const data of Object.values(samples)) {
      const envelope = notary.examine(written(data, clock), neighbour);
      assert.deepStrictEqual(envelope.data, data);
      assert.equal(envelope.author, alice.id);
    }
  });

  test('what is signed is exactly the hash, for the purpose of an envelope', () => {
    const letter = { author: alice.id, time: 5, id: '0'.repeat(32), kind: 'message', data: 'hello' };
    const envelope = sign(alice, letter);
    assert.equal(envelope.hash, hashOf(letter));
    const signature = Buffer.from(signHash(alice, 'peerloom-envelope-1', envelope.hash)).toString(
      'base64url',
    );
    assert.equal(envelope.signature, signature);
  });

  test('a changed field is found', () => {
    const { notary, clock } = reader();
    const envelope = written({ amount: 1, of: Uint8Array.of(1) }, clock);
    const changes: Partial<Envelope>[] = [
      { data: { amount: 2, of: Uint8Array.of(1) } },
      { data: { amount: 1, of: Int8Array.of(1) } },
      { author: mallory.id },
      { time: envelope.time + 1 },
      { id: 'f'.repeat(32) },
      { kind: 'request' },
      { to: mallory.id },
    ];
    for (const change of changes) {
      assert.throws(
        () => notary.examine({ ...envelope, ...change } as Data, neighbour),
        withCode('ERR_HASH_MISMATCH'),
      );
    }
    assert.equal(notary.examine(envelope, neighbour), envelope, 'and the true one is still welcome');
  });

  test('a forged author is found, whoever signed', () => {
    const { notary, clock } = reader();
    const { hash: _, signature: __, ...letter } = written('pay mallory', clock);
    const forged = { ...sign(mallory, letter), author: alice.id };
    assert.throws(() => notary.examine(forged, neighbour), withCode('ERR_SIGNATURE_INVALID'));
    const hash = hashOf(letter);
    const otherPurpose = Buffer.from(signHash(alice, 'peerloom-data-1', hash)).toString('base64url');
    const lifted = { ...letter, hash, signature: otherPurpose };
    assert.throws(() => notary.examine(lifted, neighbour), withCode('ERR_SIGNATURE_INVALID'));
  });

  test('a replay is found until it is too old, then it is too old', () => {
    const { notary, clock } = reader();
    const envelope = written('once', clock);
    notary.examine(envelope, neighbour);
    assert.throws(() => notary.examine({ ...envelope }, neighbour), withCode('ERR_REPLAYED'));
    clock.now += 5 * minute;
    assert.throws(() => notary.examine(envelope, neighbour), withCode('ERR_REPLAYED'));
    clock.now += 1;
    assert.throws(() => notary.examine(envelope, neighbour), withCode('ERR_TIME_WINDOW'));
  });

  test('a clock that is moved is found, in both directions', () => {
    const { notary, clock } = reader();
    const early = written('from the past', { now: clock.now - 5 * minute - 1 });
    const late = written('from the future', { now: clock.now + 5 * minute + 1 });
    assert.throws(() => notary.examine(early, neighbour), withCode('ERR_TIME_WINDOW'));
    assert.throws(() => notary.examine(late, neighbour), withCode('ERR_TIME_WINDOW'));
    notary.examine(written('just in time', { now: clock.now - 5 * minute }), neighbour);
    notary.examine(written('just not too early', { now: clock.now + 5 * minute }), neighbour);
  });

  test('own messages that somebody brings back are no news', () => {
    const clock = { now: 1_000_000_000_000 };
    const own = notaryOf(alice, clock);
    assert.throws(() => own.examine(own.sign('message', 'hello'), neighbour), withCode('ERR_REPLAYED'));
  });

  test('what is no envelope is refused', () => {
    const { notary, clock } = reader();
    const envelope = written('hello', clock);
    const { data: _, ...noData } = envelope;
    const offences: Data[] = [
      'hello',
      null,
      [],
      Uint8Array.of(1),
      {},
      noData,
      { ...envelope, author: 'alice' },
      { ...envelope, time: 1.5 },
      { ...envelope, id: 'x' },
      { ...envelope, kind: 'NO' },
      { ...envelope, to: 'bob' },
      { ...envelope, hash: '00' },
      { ...envelope, signature: '' },
      { ...envelope, more: 1 },
    ];
    for (const data of offences) {
      assert.throws(
        () => notary.examine(data, neighbour),
        withCode('ERR_ENVELOPE_INVALID'),
        JSON.stringify(data),
      );
    }
    const half = { ...envelope, data: '\udead' };
    assert.throws(() => notary.examine(half, neighbour), withCode('ERR_ENVELOPE_INVALID'));
  });

  test('what no message can hold is not signed', () => {
    const { clock } = reader();
    for (const data of [undefined, () => 1, 10n ** 5_000n, new Date(), '\udead']) {
      assert.throws(() => written(data as never, clock), TypeError);
    }
  });

  test('what a neighbour says to this node alone is not too old, when nobody else can put it into the link', () => {
    const clock = { now: 1_000_000_000_000 };
    const bob = Identity.generate();
    const notary = notaryOf(bob, clock);
    const link = { id: alice.id, source: alice.id, isEncrypted: true };
    const written = (to: string | undefined, kind = 'message', time = clock.now): Envelope =>
      notaryOf(alice, { now: time }).sign(kind, 'it waited', to) as Envelope;
    const [toBob, again, overPlain, byOthers] = Array.from({ length: 4 }, () => written(bob.id));
    const toAll = written(undefined);
    const carried = ['letter', 'survey'].map((kind) => written(bob.id, kind));
    clock.now += 60 * minute;
    notary.examine(toBob!, link);
    const tooOld = withCode('ERR_TIME_WINDOW');
    assert.throws(() => notary.examine(overPlain!, { ...link, isEncrypted: false }), tooOld);
    assert.throws(() => notary.examine(byOthers!, neighbour), tooOld);
    for (const envelope of [toAll, ...carried]) assert.throws(() => notary.examine(envelope, link), tooOld);
    clock.now -= 60 * minute;
    notary.examine(again!, link);
    assert.throws(() => notary.examine(again!, link), withCode('ERR_REPLAYED'));
    const early = clock.now + 5 * minute + 1;
    assert.throws(() => notary.examine(written(bob.id, 'message', early), link), tooOld);
    const question = written(bob.id, 'request', early);
    assert.throws(() => notary.examine(question, { ...link, isEncrypted: false }), tooOld);
    notary.examine(question, link);
  });

  test('a large message is examined in steps, and the same one that comes another way meanwhile counts once', () => {
    const { notary, clock } = reader();
    const large = written(Array(100_000).fill(1), clock);
    const [one, other] = [notary, notary].map((each) => each.examineSteps(large as never, neighbour));
    for (const steps of [one!, other!]) assert.equal(steps.next().done, false);
    assert.equal(runNow(one!), large);
    assert.throws(() => runNow(other!), withCode('ERR_REPLAYED'));
    assert.throws(() => notary.examine(large, neighbour), withCode('ERR_REPLAYED'));
    const altered = { ...written(Array(100_000).fill(1), clock), data: Array(100_000).fill(2) };
    assert.throws(() => notary.examine(altered, neighbour), withCode('ERR_HASH_MISMATCH'));
    assert.throws(
      () => notary.examine(altered, neighbour),
      withCode('ERR_HASH_MISMATCH'),
      'it is not remembered',
    );
  });
});
