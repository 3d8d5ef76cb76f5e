import assert from 'node:assert/strict';
import type { TalkOptions, TalkReport } from './talk.ts';

/** What two nodes hold at the most while they talk: queues out and in, and streams, each within its limit. */
const maxGrowthBytes = 24 * 1024 * 1024;

/** Everything came once, in order and undamaged, and nothing was kept. */
export function assertNothingLost(report: TalkReport, least: TalkOptions): void {
  const { announced, messages, asked, answered, streams, damagedStreams, heldBytes } = report;
  const inOrder = { skipped: 0, outOfTurn: 0, damaged: 0 };
  assert.deepEqual(messages, { count: announced, ...inOrder }, 'each message arrives once, in order');
  assert.deepEqual(asked, { count: asked.count, ...inOrder }, 'each question arrives once, in order');
  assert.deepEqual(answered, { count: answered.count, ...inOrder }, 'each question has its answer');
  assert.equal(damagedStreams, 0, 'what is written to a stream arrives');
  assert.ok(announced >= least.messages, `${announced} messages`);
  assert.ok(answered.count >= least.requests, `${answered.count} answers`);
  assert.ok(streams >= least.streams, `${streams} streams`);
  const [first, ...later] = heldBytes;
  const growth = Math.max(...later) - first!;
  assert.ok(growth < maxGrowthBytes, `the process has grown by ${growth} bytes: ${heldBytes.join(', ')}`);
}
