import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import type { Limits } from '../../../src/index.ts';
import { type BadLine, badLineMissing, NamespacePair, namespacesMissing } from '../../support/namespaces.ts';
import type { TalkOptions } from '../../support/talk.ts';
import { assertNothingLost } from '../../support/talk-report.ts';
import { TalkingProcess } from '../../support/talking-process.ts';

interface Scene {
  readonly badLine?: BadLine;
  readonly limits: Partial<Limits>;
  readonly talk: TalkOptions;
  /** What happens to the line while they talk, each time until they have lost each other. */
  readonly breaks: readonly ((pair: NamespacePair) => Promise<void>)[];
  /** What makes it whole again. */
  readonly mend: (pair: NamespacePair) => Promise<void>;
}

const full: TalkOptions = {
  seed: 1,
  messages: 2_000,
  maxMessageBytes: 256 * 1024,
  requests: 50,
  streams: 2,
  streamBytes: 1024 * 1024,
};

const alert = {
  pingAfterMs: 200,
  deadAfterMs: 800,
  dialAddressTimeoutMs: 1_000,
  handshakeTimeoutMs: 2_000,
  queueMaxBytes: 8 * 1024 * 1024,
};

/** Two nodes, each in a namespace, talk while the line between them breaks; nothing of it is lost. */
async function converse(t: TestContext, { badLine, limits, talk, breaks, mend }: Scene): Promise<void> {
  assert.equal(badLine === undefined ? namespacesMissing() : badLineMissing(), undefined);
  const pair = await NamespacePair.make(t, badLine);
  t.diagnostic(`the line: ${pair.line}`);
  const node = { reconnect: { minDelayMs: 5, maxDelayMs: 50 }, limits };
  const start = ({ address, prefix } = pair.a): Promise<TalkingProcess> =>
    TalkingProcess.start(t, { host: address, node, talk, progressEvery: talk.messages / 10 }, prefix);
  const [dialler, listener] = [await start(pair.a), await start(pair.b)];
  const both = [dialler, listener];
  const progress = () => Promise.all(both.map((one) => one.next('progress')));
  const all = (name: 'connected' | 'disconnected', nth: readonly number[]) =>
    Promise.all(both.map((one, index) => one.event(name, nth[index])));

  dialler.tell({ name: 'connect', host: pair.b.address, port: listener.port });
  for (const breakLine of breaks) {
    await progress();
    // A busy machine may have lost the link by itself before.
    const connected = both.map((one) => one.count('connected'));
    await breakLine(pair);
    await all('disconnected', connected);
    await mend(pair);
    await all(
      'connected',
      connected.map((count) => count + 1),
    );
  }
  await progress();
  for (const one of both) one.tell({ name: 'finish' });
  for (const one of both) assertNothingLost((await one.event('done', 1)).report, talk);
  assert.ok(dialler.count('connected') > breaks.length);
}

/** False where the test can run, and on the build server, where it must. */
function skipFor(missing: string | undefined): string | false {
  return process.env.CI === 'true' ? false : (missing ?? false);
}

suite('nodes in two network namespaces lose nothing', { skip: skipFor(namespacesMissing()) }, () => {
  test('when the link goes down and up, on either side', async (t) => {
    await converse(t, {
      limits: alert,
      talk: full,
      breaks: [({ a }) => a.setLink('down'), ({ b }) => b.setLink('down'), ({ a }) => a.setLink('down')],
      mend: async ({ a, b }) => {
        await a.setLink('up');
        await b.setLink('up');
      },
    });
  });

  test('when the address of the one that dialled changes', async (t) => {
    await converse(t, {
      limits: alert,
      talk: full,
      breaks: [({ a }) => a.moveTo('10.97.0.3'), ({ a }) => a.moveTo('10.97.0.1')],
      mend: async () => {},
    });
  });

  const lossy = 'when 5 % of all packets are lost and each is 100 ms late, and the link goes down as well';
  test(lossy, { skip: skipFor(badLineMissing()) }, async (t) => {
    await converse(t, {
      badLine: { lossPercent: 5, delayMs: 100 },
      limits: { ...alert, pingAfterMs: 1_000, deadAfterMs: 3_000, handshakeTimeoutMs: 10_000 },
      talk: {
        seed: 1,
        messages: 200,
        maxMessageBytes: 4_096,
        requests: 20,
        streams: 2,
        streamBytes: 20_000,
        confirmEvery: 20,
      },
      breaks: [({ a }) => a.setLink('down')],
      mend: ({ a }) => a.setLink('up'),
    });
  });
});
