import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ChaosProxy } from '../../support/chaos-proxy.ts';
import { chaosSchedule } from '../../support/chaos-schedule.ts';
import { Fixture } from '../../support/fixture.ts';
import { assertNothingLost } from '../../support/talk-report.ts';
import { TalkingProcess } from '../../support/talking-process.ts';
import { until, within } from '../../support/turns.ts';

/** `npm run chaos` does ten times as much. */
const { PEERLOOM_CUTS = '30', PEERLOOM_SEED = '1' } = process.env;
const cuts = Number(PEERLOOM_CUTS);
const seed = Number(PEERLOOM_SEED);
const timeoutMs = 4_000 * cuts;

const node = {
  reconnect: { minDelayMs: 1, maxDelayMs: 50 },
  // Black holes are found out fast, in handshakes too.
  limits: {
    pingAfterMs: 150,
    deadAfterMs: 600,
    handshakeTimeoutMs: 1_000,
    dialTimeoutMs: 1_000,
    queueMaxBytes: 8 * 1024 * 1024,
  },
};
const talk = {
  seed,
  messages: Math.ceil((1_000 * cuts) / 3),
  maxMessageBytes: 256 * 1024,
  requests: 15 * cuts,
  streams: Math.ceil(cuts / 4),
  streamBytes: 1024 * 1024,
};

test(`${talk.messages} messages each way, requests and streams, while the link is cut ${cuts} times: seed ${seed}`, {
  timeout: 2 * timeoutMs + 30_000,
}, async (t) => {
  const options = { host: '127.0.0.1', node, talk, progressEvery: 1_000 };
  const listener = await TalkingProcess.start(t, options);
  const dialler = await TalkingProcess.start(t, options);
  const schedule = chaosSchedule({ seed, cuts, meanBytes: 800_000 });
  const proxy = await ChaosProxy.start({ target: listener, schedule });
  Fixture.of(t).defer(() => proxy.stop());
  dialler.tell({ name: 'connect', host: '127.0.0.1', port: proxy.port });

  const both = [listener, dialler];
  const done = Promise.all(both.map((one) => one.event('done', 1, 2 * timeoutMs)));
  const cut = Promise.race([done, proxy.reached(cuts)]);
  await within(cut, () => `${cuts} cuts, there were ${proxy.cuts}`, timeoutMs);
  for (const one of both) one.tell({ name: 'finish' });
  for (const { report } of await done) {
    assertNothingLost(report, talk);
    t.diagnostic(`MiB held: ${report.heldBytes.map((bytes) => Math.round(bytes / 2 ** 20)).join(' ')}`);
  }
  assert.ok(proxy.cuts >= cuts);
  t.diagnostic(`${JSON.stringify(proxy.counts)}; connected ${dialler.count('connected')} times`);
  for (const one of both) {
    const links = (): number => one.count('connected') - one.count('disconnected');
    await until(() => links() === 1, 'each loss is told once');
  }
});
