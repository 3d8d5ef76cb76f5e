import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { sha256Hex } from '../../../../src/base/sha256.ts';
import type { Broadcast } from '../../../../src/overlay/broadcast.ts';
import type { HistoryFrame, OfKind } from '../../../../src/overlay/history/history-frames.ts';
import { KeptBroadcasts } from '../../../../src/overlay/history/kept-broadcasts.ts';
import { MemoryStore } from '../../../../src/overlay/history/memory-store.ts';
import { TopicHistory } from '../../../../src/overlay/history/topic-history.ts';

const startMs = 1_800_000_000_000;
const digest = '00'.repeat(16);
const room = { maxMessages: 1_000, maxBytes: 2 ** 24 };

/** A broadcast of some seconds before the beginning. */
function past(secondsAgo: number, { name = '', length = 100 } = {}): Broadcast {
  const id = sha256Hex(new TextEncoder().encode(`${secondsAgo} ${name}`));
  const bytes = new Uint8Array(length);
  const timeUs = (startMs - secondsAgo * 1_000) * 1_000;
  return { id, origin: 'origin', topic: 'chat', timeUs, previousUs: 0, format: 3, body: bytes, bytes };
}

const bytesOf = (id: string): Uint8Array => Buffer.from(id, 'hex');

/** A message that lists ids up to infinity. */
function listOf(ids: readonly string[]): Uint8Array {
  const count = ids.length < 128 ? [ids.length] : [128 + (ids.length >>> 7), ids.length & 127];
  return Uint8Array.from([0x61, 0, 0, 2, ...count, ...ids.flatMap((id) => [...bytesOf(id)])]);
}

type Answer = (frame: HistoryFrame) => void;

/** A history whose keepers the test plays. */
class Scene {
  nowMs = 0;
  readonly history: TopicHistory<string>;
  readonly caughtUp: string[] = [];
  readonly sent: { readonly to: string; readonly frame: HistoryFrame }[] = [];
  readonly unreachable = new Set<string>();
  readonly #answers = new Map<string, Answer>();
  readonly #waiting: { readonly to: string; readonly frame: HistoryFrame }[] = [];

  constructor(maxMessages = room.maxMessages) {
    const wallNow = (): number => startMs + this.nowMs;
    const options = {
      ...room,
      maxMessages,
      maxAgeMs: Number.POSITIVE_INFINITY,
      store: new MemoryStore(),
      wallNow,
    };
    this.history = new TopicHistory(digest, new KeptBroadcasts(options), {
      now: () => this.nowMs,
      wallNow,
      random: () => 0.5,
      send: (to, frame) => {
        this.sent.push({ to, frame });
        this.#waiting.push({ to, frame });
        return true;
      },
      isReachable: (peer) => !this.unreachable.has(peer),
      caughtUp: (_peer, broadcasts) => void this.caughtUp.push(...broadcasts.map(({ id }) => id)),
    });
  }

  /** A keeper that answers as the test says, or not at all. */
  meet(name: string, answer: Answer = () => {}): void {
    this.#answers.set(name, answer);
    this.history.keeps(name, room, true);
  }

  /** A keeper that has some broadcasts, and sends what it is asked for. */
  meetHonest(name: string, broadcasts: readonly Broadcast[]): void {
    this.meet(name, (frame) => {
      if (frame.kind === 'compare') {
        this.answer(name, frame, listOf(broadcasts.map(({ id }) => id)));
      } else if (frame.kind === 'fetch') {
        for (const each of broadcasts) if (this.history.takes(name, each.id)) this.history.arrived(each);
        this.history.fetched(name, { ...frame, kind: 'fetched', count: frame.ids.length });
      }
    });
  }

  answer(name: string, { run }: OfKind<'compare'>, message: Uint8Array): void {
    this.history.answered(name, { kind: 'answer', digest, run, message });
  }

  run(spanMs: number): void {
    const endMs = this.nowMs + spanMs;
    for (;;) {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
        this.#answers.get(next.to)!(next.frame);
      }
      const next = this.history.nextTick?.atMs ?? Number.POSITIVE_INFINITY;
      if (next > endMs) break;
      this.nowMs = Math.max(next, this.nowMs);
      this.history.tick();
    }
    this.nowMs = endMs;
  }

  count(kind: HistoryFrame['kind'], to?: string): number {
    return this.sent.filter(({ frame, to: peer }) => frame.kind === kind && (to ?? peer) === peer).length;
  }
}

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

suite('a history and its keepers', () => {
  test('compare when they meet, again when that is settled, and then only when something came', () => {
    const scene = new Scene();
    const there = [past(300), past(200)];
    scene.meetHonest('a', there);
    scene.run(minuteMs);
    assert.deepEqual(
      scene.caughtUp,
      there.map(({ id }) => id),
    );
    scene.run(minuteMs);
    const compared = scene.count('compare');
    scene.run(hourMs);
    assert.equal(scene.count('compare'), compared);
    assert.equal(scene.history.nextTick, undefined);
    const came = past(-3_700);
    there.push(came);
    scene.history.add(came);
    scene.run(minuteMs);
    assert.equal(scene.count('compare'), compared + 1);
  });

  test('tell the other keepers soon what one of them had', () => {
    const scene = new Scene();
    const there: Broadcast[] = [];
    scene.meetHonest('a', there);
    scene.meetHonest('b', []);
    scene.run(10 * minuteMs);
    const compared = scene.count('compare', 'b');
    there.push(past(100));
    scene.history.offered('a', [there[0]!.id]);
    scene.run(2_000);
    assert.equal(scene.caughtUp.length, 1);
    assert.equal(scene.count('compare', 'b'), compared + 1);
    assert.equal(scene.count('offer', 'b'), 1);
  });

  test('wait for a keeper that has no link at the moment', () => {
    const scene = new Scene();
    scene.unreachable.add('a');
    scene.meetHonest('a', [past(100)]);
    scene.run(hourMs);
    assert.equal(scene.sent.length, 0);
    assert.ok(scene.history.nextTick?.isWatching);
    scene.unreachable.clear();
    scene.run(2_000);
    assert.equal(scene.caughtUp.length, 1);
  });
});

suite('a keeper that', () => {
  test('never answers holds up the others for 15 seconds, and is asked ever less often', () => {
    const scene = new Scene();
    scene.meet('silent');
    scene.meetHonest('honest', [past(100)]);
    scene.run(16_000);
    assert.equal(scene.caughtUp.length, 1);
    scene.run(24 * hourMs);
    assert.ok(scene.count('compare', 'silent') < 160, `${scene.count('compare', 'silent')}`);
  });

  test('compares without end is given up after some messages', () => {
    const scene = new Scene(100);
    const fingerprint = Array<number>(16).fill(7);
    scene.meet('endless', (frame) => {
      if (frame.kind === 'compare')
        scene.answer('endless', frame, Uint8Array.of(0x61, 0, 0, 1, ...fingerprint));
    });
    for (let count = 0; count < 100; count++) scene.history.add(past(count + 10));
    scene.run(1_000);
    assert.ok(scene.count('compare') <= 20, `${scene.count('compare')}`);
    scene.run(24 * hourMs);
    assert.ok(scene.count('compare') < 20 * 160, `${scene.count('compare')}`);
  });

  test('lists more than the node can keep is not asked further', () => {
    const scene = new Scene(100);
    let listed = 0;
    scene.meet('boaster', (frame) => {
      if (frame.kind === 'compare') {
        const ids = Array.from({ length: 900 }, () => sha256Hex(new TextEncoder().encode(`${listed++}`)));
        const fingerprint = Uint8Array.of(0, 0, 1, ...Array<number>(16).fill(7));
        // A list up to the time 1, and a fingerprint of all the rest.
        const list = listOf(ids);
        const message = Uint8Array.of(0x61, 2, 0, ...list.subarray(3), ...fingerprint);
        scene.answer('boaster', frame, message);
      } else if (frame.kind === 'fetch') {
        scene.history.fetched('boaster', { ...frame, kind: 'fetched', count: frame.ids.length });
      }
    });
    scene.run(1_000);
    assert.equal(listed, 900);
    assert.equal(scene.count('compare'), 1);
    assert.equal(scene.caughtUp.length, 0);
    scene.run(hourMs);
    assert.ok(scene.count('compare') < 20);
  });

  test('names ever higher floors is given up', () => {
    const scene = new Scene();
    let floorUs = 0;
    scene.meet('liar', (frame) => {
      if (frame.kind === 'compare') {
        floorUs += 1;
        scene.history.refused('liar', { kind: 'refuse', digest, run: frame.run, floorUs });
      }
    });
    scene.run(1_000);
    assert.equal(scene.count('compare'), 2);
    scene.run(24 * hourMs);
    assert.ok(scene.count('compare') < 320);
  });

  test('names a floor in the future is left alone until something comes', () => {
    const scene = new Scene();
    scene.meet('liar', (frame) => {
      if (frame.kind !== 'compare') return;
      scene.history.refused('liar', {
        kind: 'refuse',
        digest,
        run: frame.run,
        floorUs: Number.MAX_SAFE_INTEGER,
      });
    });
    scene.history.add(past(100));
    scene.run(hourMs);
    assert.ok(scene.count('compare') <= 3);
    assert.equal(scene.count('offer'), 0);
  });

  test('sends what lies outside of what was compared gives the node nothing', () => {
    const scene = new Scene(2);
    for (const seconds of [300, 200, 100]) scene.history.add(past(seconds));
    const wrong = [past(400), past(1), past(-500)];
    scene.meetHonest('liar', wrong);
    scene.run(1_000);
    assert.equal(scene.count('fetch'), 1);
    assert.deepEqual(scene.caughtUp, []);
    assert.equal(scene.history.kept.size, 2);
  });

  test('offers what is to be sent in the future gives the node nothing', () => {
    const scene = new Scene();
    const there: Broadcast[] = [];
    scene.meetHonest('liar', there);
    scene.run(minuteMs);
    there.push(past(-3_600));
    scene.history.offered('liar', [there[0]!.id]);
    scene.run(minuteMs);
    assert.equal(scene.count('fetch'), 1);
    assert.deepEqual(scene.caughtUp, []);
  });

  test('sends part after part, and ever so slowly, is set aside for the others', () => {
    const scene = new Scene();
    const there = Array.from({ length: 200 }, (_, count) => past(1_000 - count));
    scene.meet('slow', (frame) => {
      if (frame.kind === 'compare') {
        scene.answer('slow', frame, listOf(there.map(({ id }) => id)));
      } else if (frame.kind === 'fetch') {
        scene.nowMs += 10_000;
        const first = there.find(({ id }) => id === frame.ids[0])!;
        scene.history.takes('slow', first.id);
        scene.history.arrived(first);
        scene.history.fetched('slow', { ...frame, kind: 'fetched', count: 1 });
      }
    });
    scene.meetHonest('honest', [past(50)]);
    scene.run(80_000);
    assert.ok(scene.caughtUp.includes(past(50).id));
    assert.ok(scene.caughtUp.length < 20, `${scene.caughtUp.length}`);
  });

  test('sends nothing of what it offers is heard no more for a while', () => {
    const scene = new Scene();
    scene.meet('boaster', (frame) => {
      if (frame.kind === 'compare') scene.answer('boaster', frame, Uint8Array.of(0x61));
      else if (frame.kind === 'fetch')
        scene.history.fetched('boaster', { ...frame, kind: 'fetched', count: 0 });
    });
    scene.run(minuteMs);
    for (let second = 0; second < 3_600; second++) {
      scene.history.offered('boaster', [past(1, { name: `${second}` }).id]);
      scene.run(1_000);
    }
    assert.ok(scene.count('fetch') < 20, `${scene.count('fetch')}`);
  });

  test('offers without end fills no more memory than the node keeps broadcasts', () => {
    const scene = new Scene(100);
    scene.meet('a');
    scene.meet('b');
    let offered = 0;
    for (let frames = 0; frames < 200; frames++) {
      for (const name of ['a', 'b']) {
        scene.history.offered(
          name,
          Array.from({ length: 10 }, () => past(1, { name: `${offered++}` }).id),
        );
      }
    }
    assert.equal(scene.history.offeredCount, 100);
  });

  test('sends large ones for what it was asked has them kept as they come, not all at once', () => {
    const scene = new Scene();
    const there = Array.from({ length: 40 }, (_, count) => past(100 - count, { length: 2 ** 20 }));
    const keptMeanwhile: number[] = [];
    scene.meet('large', (frame) => {
      if (frame.kind === 'compare') scene.answer('large', frame, listOf(there.map(({ id }) => id)));
      if (frame.kind !== 'fetch') return;
      for (const each of there) {
        if (scene.history.takes('large', each.id)) scene.history.arrived(each);
        keptMeanwhile.push(scene.caughtUp.length);
      }
      scene.history.fetched('large', { ...frame, kind: 'fetched', count: frame.ids.length });
    });
    scene.run(1_000);
    assert.deepEqual(
      keptMeanwhile.slice(0, 40),
      there.map((_, index) => index + 1),
    );
    assert.equal(scene.history.kept.size, 16, 'as many as there is room for');
  });
});
