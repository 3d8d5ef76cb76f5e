import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import puppeteer, { type Page } from 'puppeteer-core';
import { Fixture } from '../support/fixture.ts';
import { type NatKind, NatNetwork, natsMissing, relayHost } from '../support/nat-network.ts';
import { pause } from '../support/turns.ts';
import { bundleInOneFile, pages } from './bundle.ts';

const chromium = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);

/** Two instances of Chromium take long to start: test/browsers/libp2p.ts tests pages and a relay in one of them. */
const skip =
  process.env.PEERLOOM_PAGE_TO_PAGE === undefined
    ? 'it takes long: npm run test:long -- page-to-page'
    : (natsMissing() ?? (chromium === undefined ? 'Chromium is not installed' : false));

/** Whether pages behind them connect directly: a router with a new port for each destination is in the way. */
const pairs: readonly { readonly kinds: readonly [NatKind, NatKind]; readonly isDirect: boolean }[] = [
  { kinds: ['restricted', 'restricted'], isDirect: true },
  { kinds: ['double', 'full cone'], isDirect: true },
  { kinds: ['restricted', 'CGNAT'], isDirect: false },
];

const megabytes = 4;

/** How long a direct way may still be found, in milliseconds. */
const patienceMs = 5_000;

const programOf = (name: string): string =>
  fileURLToPath(new URL(`../support/programs/${name}`, import.meta.url));

type Call = <Result>(name: string, ...args: unknown[]) => Promise<Result>;

/** Opens the page in a Chromium of its own, in a namespace. */
async function openIn(t: TestContext, namespace: string, script: string): Promise<Call> {
  const folder = mkdtempSync(join(tmpdir(), 'peerloom-chromium-'));
  const command = join(folder, 'chromium.sh');
  writeFileSync(command, `#!/bin/sh\nexec ip netns exec ${namespace} ${chromium} "$@"\n`);
  chmodSync(command, 0o755);
  const browser = await puppeteer.launch({
    executablePath: command,
    // The port for its commands would lie in the namespace.
    pipe: true,
    headless: true,
    protocolTimeout: 60_000,
    userDataDir: join(folder, 'profile'),
    // Otherwise Chromium asks for names of local addresses by multicast.
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-features=WebRtcHideLocalIpsWithMdns'],
  });
  Fixture.of(t).defer(async () => {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const page = await browser.newPage();
  await serve(page, script);
  await page.goto('http://localhost/');
  return async <Result>(name: string, ...args: unknown[]) =>
    (await page.evaluate(
      (name, args) => (globalThis as unknown as WithFunctions).page[name]!(...args),
      name,
      args,
    )) as Result;
}

interface WithFunctions {
  readonly page: Record<string, (...args: unknown[]) => unknown>;
}

/** Answers what the page asks for by itself: nothing else listens in the namespace. */
async function serve(page: Page, script: string): Promise<void> {
  await page.setRequestInterception(true);
  page.on('request', (request) => {
    const isScript = request.url().endsWith('/page.js');
    void request.respond({
      contentType: isScript ? 'text/javascript' : 'text/html; charset=utf-8',
      body: isScript ? script : '<!doctype html><script type="module" src="/page.js"></script>',
    });
  });
}

suite('two pages behind routers', { skip }, () => {
  for (const { kinds, isDirect } of pairs) {
    test(`${kinds.join(' and ')}: talk through a relay, ${isDirect ? 'and then directly' : 'and stay there'}`, async (t) => {
      const network = await NatNetwork.make(t, kinds);
      const relay = network.start(network.relay, [programOf('page-relay.ts'), relayHost, '10001']);
      const [, address] = await relay.prints(/^Relay at (\S+)$/m);
      const server = network.start(network.relay, [programOf('stun-server.ts'), relayHost, '3478']);
      await server.prints(/^listening$/m);
      const program = await bundleInOneFile(readFileSync(resolve(pages, 'libp2p.ts'), 'utf8'));
      const [one, other] = [
        await openIn(t, network.hosts[0], program),
        await openIn(t, network.hosts[1], program),
      ];
      const stun = [`stun:${relayHost}:3478`];
      const addresses = await one<string[]>('start', 'one', address, stun);
      await other('start', 'other', address, stun);
      const id = await one<string>('id');
      const relayed = addresses.find((text) => text.endsWith(`/p2p-circuit/p2p/${id}`));
      const relayId = address!.split('/').at(-1);
      assert.deepEqual(await other('dial', relayed), { id, path: 'relayed', relay: relayId });
      await other('deliver', id, 'through the relay');
      if (!isDirect) {
        await pause(patienceMs);
        assert.equal(await other('path', id), 'relayed');
        await other('deliver', id, 'through the relay again');
        assert.deepEqual(await one('texts'), ['through the relay', 'through the relay again']);
        return;
      }
      const startedAt = performance.now();
      while ((await other('path', id)) !== 'webrtc') await pause(20);
      const directMs = performance.now() - startedAt;
      await other('deliver', id, 'directly');
      assert.deepEqual(await other('ended'), []);
      // The relay has nothing to do with it any more.
      await relay.stop();
      const sentAt = performance.now();
      await other('sendMany', id, megabytes * 1_000_000);
      const speed = (megabytes * 1_000) / (performance.now() - sentAt);
      assert.deepEqual(await one('texts'), ['through the relay', 'directly', 'all sent']);
      assert.ok((await one<number>('receivedBytes')) >= megabytes * 1_000_000);
      t.diagnostic(
        `| ${kinds.join(' | ')} | direct after ${Math.round(directMs)} ms | ${speed.toFixed(0)} MB/s |`,
      );
    });
  }
});
