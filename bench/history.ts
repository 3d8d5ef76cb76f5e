// What it costs two nodes to compare their histories: bytes with the headers of frames, and time.
// Run it: node bench/history.ts
import { performance } from 'node:perf_hooks';
import { sha256Hex } from '../src/base/sha256.ts';
import type { Broadcast } from '../src/overlay/broadcast.ts';
import { type HistoryFrame, writeHistoryFrame } from '../src/overlay/history/history-frames.ts';
import { KeptBroadcasts } from '../src/overlay/history/kept-broadcasts.ts';
import { MemoryStore } from '../src/overlay/history/memory-store.ts';
import { TopicHistory, type TopicHistoryEffects } from '../src/overlay/history/topic-history.ts';
import { encodeText } from '../src/wire/payloads/text.ts';

const headerBytes = 8;
const nowMs = 1_800_000_000_000;
const capacity = { maxMessages: 100_000, maxBytes: 2 ** 30 };
const digest = '00'.repeat(16);

type Peer = 'one' | 'other';
const elsewhere = { one: 'other', other: 'one' } as const;

/** Two histories that talk to each other without a network. */
function pair(): {
  histories: Record<Peer, TopicHistory<Peer>>;
  talk: () => { frames: number; bytes: number };
} {
  const sent: { from: Peer; frame: HistoryFrame }[] = [];
  let clockMs = 0;
  const make = (self: Peer): TopicHistory<Peer> => {
    const effects: TopicHistoryEffects<Peer> = {
      now: () => clockMs,
      wallNow: () => nowMs,
      random: () => 0,
      send: (_peer, frame) => sent.push({ from: self, frame }) > 0,
      isReachable: () => true,
      caughtUp: () => {},
    };
    const kept = new KeptBroadcasts({
      ...capacity,
      maxAgeMs: Infinity,
      store: new MemoryStore(),
      wallNow: () => nowMs,
    });
    return new TopicHistory(digest, kept, effects);
  };
  const histories = { one: make('one'), other: make('other') };
  const talk = (): { frames: number; bytes: number } => {
    let frames = 0;
    let bytes = 0;
    clockMs += 60_000;
    histories.one.tick();
    for (let next = sent.shift(); next !== undefined; next = sent.shift()) {
      const { from, frame } = next;
      frames += 1;
      bytes += headerBytes + writeHistoryFrame(frame).length;
      const to = histories[elsewhere[from]];
      if (frame.kind === 'compare') sent.push({ from: elsewhere[from], frame: to.compare(from, frame) });
      else if (frame.kind === 'answer') to.answered(from, frame);
      else if (frame.kind === 'refuse') to.refused(from, frame);
    }
    return { frames, bytes };
  };
  return { histories, talk };
}

function broadcast(number: number): Broadcast {
  const id = sha256Hex(encodeText(`${number}`));
  const bytes = new Uint8Array(200);
  // One each second.
  const timeUs = (nowMs - 200_000_000 + number * 1_000) * 1_000;
  return { id, origin: '', topic: '', timeUs, previousUs: 0, format: 2, body: bytes, bytes };
}

for (const count of [1_000, 10_000, 100_000]) {
  const { histories, talk } = pair();
  const { one, other } = histories;
  for (let number = 0; number < count; number++) {
    one.add(broadcast(number));
    other.add(broadcast(number));
  }
  one.keeps('other', capacity, true);
  const measure = (what: string): void => {
    const begunAt = performance.now();
    const { frames, bytes } = talk();
    console.log(
      `${count} each, ${what}: ${frames} frames, ${bytes} bytes, ${(performance.now() - begunAt).toFixed(1)} ms`,
    );
  };
  measure('the first time, equal');
  one.add(broadcast(150_000));
  other.add(broadcast(150_000));
  measure('equal');
  for (let number = 0; number < 5; number++) {
    one.kept.add(broadcast(number * 0.1 * count + 0.25));
    other.kept.add(broadcast(number * 0.1 * count + 0.75));
  }
  one.add(broadcast(150_001));
  other.add(broadcast(150_001));
  measure('10 differences');
}
