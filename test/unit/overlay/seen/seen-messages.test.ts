import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { suite, test } from 'node:test';
import { type Coming, SeenMessages } from '../../../../src/overlay/seen/seen-messages.ts';
import type { Envelope } from '../../../../src/secure/envelope.ts';
import { withCode } from '../../../support/errors.ts';
import { heldBytes } from '../../../support/memory.ts';
import { randomFrom } from '../../../support/random-from.ts';

const start = 1_000_000_000_000;
const timeWindowMs = 600_000;
const seed = { low: 1, high: 2 };
const tooMany = withCode('ERR_TOO_MANY_MESSAGES');
const replayed = withCode('ERR_REPLAYED');

function memoryFor(maxMessages: number): SeenMessages {
  return new SeenMessages({ timeWindowMs, maxMessages, seed });
}

/** What the memory looks at of an envelope that is proven. */
function message(author: string, time: number): Envelope {
  const hash = createHash('sha256').update(randomUUID()).digest('hex');
  return { author, time, hash, id: hash.slice(0, 32), kind: 'message', data: null, signature: '' };
}

/** Lets a message through. */
function take(seen: SeenMessages, envelope: Envelope, coming: Partial<Coming> = {}): void {
  seen.check(envelope, {
    now: start,
    source: 'neighbour',
    isByAuthor: false,
    timeliness: 'in the window',
    ...coming,
  })();
}

/** Lets messages through until one is refused. */
function flood(seen: SeenMessages, next: () => Envelope, coming: Partial<Coming>, limit = 1_000_000): number {
  for (let count = 0; count < limit; count++) {
    try {
      take(seen, next(), coming);
    } catch (error) {
      assert.ok(tooMany(error), String(error));
      return count;
    }
  }
  return limit;
}

suite('messages that were seen', () => {
  test('no message is let through twice, whoever floods, however clocks move', () => {
    for (const round of [1, 2, 3]) {
      const random = randomFrom(round);
      const below = (count: number): number => Math.floor(random() * count);
      const seen = memoryFor(200);
      const taken = new Set<Envelope>();
      const written: Envelope[] = [];
      let now = start;
      for (let step = 0; step < 20_000; step++) {
        now += below(200) - (random() < 0.001 ? 50_000 : 0);
        const isNew = random() < 0.5 || written.length === 0;
        const skew = random() < 0.02 ? 600_000 : 1_000;
        const envelope = isNew
          ? message(`author ${below(random() < 0.3 ? 1_000 : 5)}`, now + below(2 * skew) - skew)
          : written[below(written.length)]!;
        if (isNew) written.push(envelope);
        try {
          take(seen, envelope, { now, source: `source ${below(4)}` });
          assert.ok(!taken.has(envelope), `step ${step} of round ${round}`);
          taken.add(envelope);
        } catch (error) {
          assert.ok((error as { code?: string }).code !== undefined, String(error));
        }
      }
      assert.ok(taken.size > 1_000, `${taken.size} were let through`);
    }
  });

  test('a flood of new authors does not make the memory forget an author, nor one whose clock is ahead', () => {
    const seen = memoryFor(4_096);
    const payments = [
      message('alice', start),
      message('bob', start + 300_000),
      message('carol', start - 300_000),
    ];
    for (const payment of payments) take(seen, payment);
    for (let source = 0; source < 30; source++) {
      const authorOf = (count: number): string => `author ${count % 20} of ${source}`;
      let count = 0;
      flood(
        seen,
        () => message(authorOf(count), start + 200_000 + count++),
        { source: `mallory ${source}` },
        5_000,
      );
      flood(seen, () => message(randomUUID(), start + 200_000), { source: `mallory ${source}` });
    }
    for (const payment of payments) {
      assert.throws(() => take(seen, payment), replayed);
      const justInTime = payment.time + timeWindowMs;
      assert.throws(() => take(seen, payment, { now: justInTime, source: 'another' }), replayed);
      assert.throws(() => take(seen, payment, { now: justInTime + 1 }), withCode('ERR_TIME_WINDOW'));
    }
  });

  test('a neighbour that floods with new authors is refused, and leaves room for those of others', () => {
    const seen = memoryFor(4_096);
    const known = message('known to all', start);
    take(seen, known, { source: 'mallory' });
    const newAuthor = (): Envelope => message(randomUUID(), start);
    const first = flood(seen, newAuthor, { source: 'mallory' });
    assert.ok(first > 500 && first < 1_024, `a quarter of what is free, not ${first}`);
    assert.throws(() => take(seen, newAuthor(), { source: 'mallory' }), tooMany);
    take(seen, message('known to all', start), { source: 'mallory' });
    for (let other = 0; other < 20; other++) take(seen, newAuthor(), { source: `honest ${other}` });
    const nextNeighbours = [1, 2, 3, 4, 5, 6].map((next) =>
      flood(seen, newAuthor, { source: `mallory ${next}` }),
    );
    assert.ok(
      nextNeighbours.every((count) => count > 100),
      `each has room: ${nextNeighbours}`,
    );
    take(seen, newAuthor(), { source: 'honest' });
  });

  test('a neighbour may speak for itself when what it brings of others is refused', () => {
    const seen = memoryFor(4_096);
    flood(seen, () => message(randomUUID(), start), { source: 'address' });
    take(seen, message('neighbour', start), { source: 'address', isByAuthor: true });
    assert.throws(() => take(seen, message('stranger', start), { source: 'address' }), tooMany);
  });

  test('a neighbour that says much at one moment is heard, also when its share is used up', () => {
    const seen = memoryFor(4_096);
    flood(seen, () => message(randomUUID(), start), { source: 'address' });
    for (let count = 0; count < 60; count++) {
      take(seen, message('neighbour', start), { source: 'address', isByAuthor: true });
    }
  });

  test('even neighbours that speak for themselves do not pass the limit', () => {
    const seen = memoryFor(64);
    const taken = flood(seen, () => message(randomUUID(), start), { isByAuthor: true }, 1_000);
    assert.equal(taken, 64);
  });

  test('an author who floods loses own late messages, and nobody else does', () => {
    const seen = memoryFor(4_096);
    take(seen, message('calm', start));
    for (let count = 1; count <= 10_000; count++) take(seen, message('flood', start + count));
    assert.throws(() => take(seen, message('flood', start)), replayed);
    take(seen, message('flood', start + 10_001));
    take(seen, message('calm', start - 1));
    take(seen, message('late to come', start - 2));
  });

  test('an author who floods keeps the latest of its messages in memory, in whatever order they come', () => {
    const seen = memoryFor(4_096);
    const times = Array.from({ length: 5_000 }, (_, index) => start + ((index * 2_003) % 5_000));
    let tooLate = 0;
    for (const time of times) {
      try {
        take(seen, message('flood', time));
      } catch (error) {
        assert.ok(replayed(error));
        tooLate += 1;
      }
    }
    assert.ok(tooLate > 1_000, `${tooLate} were too late`);
    for (let time = start + 4_900; time < start + 4_950; time++) take(seen, message('flood', time));
  });

  test('an author whose clock was ahead, and is set right, is heard', () => {
    const seen = memoryFor(4_096);
    for (let count = 0; count < 50; count++) take(seen, message('author', start + 500_000 + count));
    for (let count = 0; count < 1_000; count++) take(seen, message('author', start + count));
  });

  test('an author whose clock is ahead makes nobody else late', () => {
    const seen = memoryFor(4_096);
    take(seen, message('alice', start - 1));
    for (let count = 0; count < 2_000; count++) {
      take(seen, message(`mallory ${count % 4}`, start + timeWindowMs - 2_000 + count));
    }
    take(seen, message('alice', start - 2));
    take(seen, message('bob', start - timeWindowMs));
  });

  test('a flood that is refused makes nobody late', () => {
    const seen = memoryFor(4_096);
    flood(seen, () => message(randomUUID(), start - 1), { source: 'mallory' });
    take(seen, message('bob', start - 2), { source: 'honest' });
  });

  test('many authors of one neighbour who all say much leave room for a new one', () => {
    const seen = memoryFor(4_096);
    for (let count = 0; count < 50_000; count++) take(seen, message(`author ${count % 30}`, start + count));
    for (let author = 0; author < 10; author++) take(seen, message(`new ${author}`, start));
  });

  test('room comes back when messages are out of date', () => {
    const seen = memoryFor(1_024);
    const newAuthor = (): Envelope => message(randomUUID(), start);
    flood(seen, newAuthor, {});
    const now = start + timeWindowMs + 1;
    assert.ok(flood(seen, () => message(randomUUID(), now), { now }) > 150);
  });

  test('what is out of date is refused when the clock is set back, and what is newer is not', () => {
    const seen = memoryFor(1_024);
    const old = message('alice', start);
    take(seen, old);
    const later = start + timeWindowMs + 1;
    for (let count = 0; count < 2_000; count++) take(seen, message('bob', later + count), { now: later });
    assert.throws(() => take(seen, old, { now: start + 1 }), replayed);
    take(seen, message('alice', start + 1), { now: start + 1 });
  });

  test('a message takes less than 100 bytes, be it the only one of its author', () => {
    const maxMessages = 65_536;
    const before = heldBytes();
    const seen = memoryFor(maxMessages);
    flood(seen, () => message(randomUUID(), start), { isByAuthor: true }, maxMessages);
    assert.throws(() => take(seen, message('one more', start), { isByAuthor: true }), tooMany);
    const bytes = (heldBytes() - before) / maxMessages;
    assert.ok(bytes < 100, `${bytes} bytes a message`);
    assert.ok(seen.heldBytes / maxMessages <= 80, `${seen.heldBytes / maxMessages} bytes a message`);
  });

  test('messages that are out of date leave no memory to grow', () => {
    const seen = memoryFor(1_024);
    let now = start;
    const takeMany = (): number => {
      for (let count = 0; count < 10_000; count++) {
        now += 10_000;
        take(seen, message(randomUUID(), now), { now, source: randomUUID() });
      }
      return seen.heldBytes;
    };
    assert.equal(takeMany(), takeMany());
  });

  test('a late message passes where only its link can bring it, and one from the future where its kind allows it', () => {
    const seen = memoryFor(64);
    const [old, future] = [start - timeWindowMs - 1, start + timeWindowMs + 1];
    const outside = withCode('ERR_TIME_WINDOW', /check both clocks/);
    assert.throws(() => take(seen, message('alice', old)), outside);
    assert.throws(() => take(seen, message('alice', future)), outside);
    take(seen, message('alice', old), { timeliness: 'late' });
    assert.throws(() => take(seen, message('alice', future), { timeliness: 'late' }), outside);
    take(seen, message('alice', old), { timeliness: 'whenever' });
    take(seen, message('alice', future), { timeliness: 'whenever' });
    take(seen, message('alice', start - timeWindowMs));
    take(seen, message('alice', start + timeWindowMs), { timeliness: 'late' });
  });
});
