import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Data, Identity, systemRuntime } from '../../../src/index.ts';
import type { Envelope } from '../../../src/secure/envelope.ts';
import { type Bringer, DuplicateMessage, Notary } from '../../../src/secure/notary.ts';
import { withCode } from '../../support/errors.ts';

const [alice, bob, carol] = [Identity.generate(), Identity.generate(), Identity.generate()];
const now = 1_700_000_000_000;
const timeWindowMs = 60_000;

/** A notary whose clock a test moves. */
function notaryOf(identity: Identity, maxSeenMessages = 4_096) {
  const clock = { now };
  const notary = new Notary({
    identity,
    runtime: { ...systemRuntime, wallNow: () => clock.now },
    timeWindowMs,
    maxSeenMessages,
  });
  return { notary, clock };
}

const bobsLink: Bringer = { id: bob.id, source: bob.id, isEncrypted: true };

/** What somebody signs at some time. */
function signed(
  by: Identity,
  kind: string,
  to: string | undefined,
  { data = 1 as Data, time = now } = {},
): Data {
  const { notary, clock } = notaryOf(by);
  clock.now = time;
  return notary.sign(kind, data, to) as unknown as Data;
}

suite('a message outside of the time window', () => {
  const [old, future] = [now - timeWindowMs - 1, now + timeWindowMs + 1];

  /** When a message may still come: `old`, `future`. */
  function allowed(kind: string, { by = bob, to = alice.id as string | null, link = bobsLink } = {}) {
    const { notary } = notaryOf(alice);
    const isTaken = (time: number): boolean => {
      try {
        notary.examine(signed(by, kind, to ?? undefined, { time }), link);
        return true;
      } catch (error) {
        assert.ok(withCode('ERR_TIME_WINDOW')(error));
        return false;
      }
    };
    return { old: isTaken(old), future: isTaken(future) };
  }

  test('is taken late when only its author can have brought it; questions and answers at any time', () => {
    assert.deepEqual(allowed('message'), { old: true, future: false });
    for (const kind of ['request', 'response', 'ask', 'stream', 'fetch', 'returned']) {
      assert.deepEqual(allowed(kind), { old: true, future: true }, kind);
    }
  });

  test('is refused when others may have brought it as well', () => {
    const refused = { old: false, future: false };
    for (const kind of ['message', 'request', 'response']) {
      assert.deepEqual(allowed(kind, { by: carol }), refused, 'a neighbour passes it on');
      assert.deepEqual(allowed(kind, { to: null }), refused, 'it is for all');
      assert.deepEqual(allowed(kind, { to: carol.id }), refused, 'it is for another node');
      const link = { ...bobsLink, isEncrypted: false };
      assert.deepEqual(allowed(kind, { link }), refused, 'anybody may have put it into the link');
    }
    for (const kind of ['letter', 'survey']) assert.deepEqual(allowed(kind), refused, kind);
  });

  test('begins after the last millisecond of the window', () => {
    const { notary } = notaryOf(alice);
    for (const time of [old + 1, future - 1])
      notary.examine(signed(bob, 'message', undefined, { time }), bobsLink);
  });
});

suite('a message that came before', () => {
  test('and is for all is a duplicate, if it is what came; anything else is a replay', () => {
    const { notary } = notaryOf(alice);
    const forAll = signed(carol, 'message', undefined);
    notary.examine(forAll, bobsLink);
    assert.throws(() => notary.examine(forAll, bobsLink), DuplicateMessage);
    const altered = { ...(forAll as object), data: 2 };
    assert.throws(() => notary.examine(altered, bobsLink), withCode('ERR_HASH_MISMATCH'));
    for (const other of [signed(bob, 'message', alice.id), signed(bob, 'letter', undefined)]) {
      notary.examine(other, bobsLink);
      const isReplay = withCode('ERR_REPLAYED');
      assert.throws(
        () => notary.examine(other, bobsLink),
        (error) => isReplay(error) && !(error instanceof DuplicateMessage),
      );
    }
  });

  test('and is of this node is a duplicate, unless somebody else signed it', () => {
    const { notary } = notaryOf(alice);
    const own = notary.sign('message', 1) as unknown as Data;
    assert.throws(() => notary.examine(own, bobsLink), DuplicateMessage);
    const { signature } = signed(bob, 'message', undefined) as unknown as Envelope;
    const forged = { ...(own as object), signature };
    assert.throws(() => notary.examine(forged, bobsLink), withCode('ERR_SIGNATURE_INVALID'));
  });

  test('another way while it was being proven is taken once', () => {
    const { notary } = notaryOf(alice);
    const large = signed(carol, 'message', undefined, { data: Array(100_000).fill(1) });
    const [first, second] = [notary.examineSteps(large, bobsLink), notary.examineSteps(large, bobsLink)];
    const results: unknown[] = [];
    const finish = (steps: typeof first): void => {
      try {
        let step = steps.next();
        while (!step.done) step = steps.next();
        results.push('taken');
      } catch (error) {
        results.push(error);
      }
    };
    assert.equal(first.next().done, false, 'it takes several steps');
    assert.equal(second.next().done, false);
    finish(first);
    finish(second);
    assert.equal(results[0], 'taken');
    assert.ok(results[1] instanceof DuplicateMessage, String(results[1]));
  });
});

suite('the envelopes that a notary gives out', () => {
  test('are proven ones as they are, and new ones for anything else', () => {
    const { notary } = notaryOf(alice);
    const proven = notary.examine(signed(carol, 'message', undefined), bobsLink);
    const own = notary.sign('message', 1);
    for (const envelope of [proven, own]) {
      assert.equal(notary.envelopeFor(envelope as unknown as Data, 'message', bob.id), envelope);
    }
    for (const data of [{ ...proven }, signed(carol, 'message', undefined), null, 'text'] as Data[]) {
      const { author, kind, to, data: content } = notary.envelopeFor(data, 'message', bob.id) as Envelope;
      assert.deepEqual([author, kind, to, content], [alice.id, 'message', bob.id, data]);
    }
  });

  test('name the author, a whole time, and an id of their own', () => {
    const { notary, clock } = notaryOf(alice);
    clock.now = now + 0.7;
    const [one, other] = [1, 2].map((data) => notary.sign('message', data) as Envelope) as [
      Envelope,
      Envelope,
    ];
    assert.deepEqual([one.author, one.time, Object.hasOwn(one, 'to')], [alice.id, now, false]);
    assert.match(one.id, /^[0-9a-f]{32}$/);
    assert.notEqual(one.id, other.id);
  });
});

suite('the memory for messages', () => {
  test('always has room for what a neighbour says itself, when what it brings of others has none', () => {
    const { notary } = notaryOf(alice, 64);
    const bring = (by: Identity) => notary.examine(signed(by, 'message', undefined), bobsLink);
    assert.throws(() => {
      for (let count = 0; count < 64; count++) bring(Identity.generate());
    }, withCode('ERR_TOO_MANY_MESSAGES'));
    assert.equal(bring(bob).author, bob.id);
    assert.throws(() => bring(Identity.generate()), withCode('ERR_TOO_MANY_MESSAGES'));
  });
});
