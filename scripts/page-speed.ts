// Measures how fast a page sends to Node.js: peerloom, a raw WebSocket, and libp2p over WebSocket and Noise.
//   node scripts/page-speed.ts [chromium|firefox]

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { noise } from '@libp2p/noise';
import { webSockets } from '@libp2p/websockets';
import { yamux } from '@libp2p/yamux';
import { createLibp2p } from 'libp2p';
import puppeteer from 'puppeteer-core';
import { WebSocketServer } from 'ws';
import { Node, tcp } from '../src/index.ts';
import { bundleInOneFile, pages } from '../test/browsers/bundle.ts';

const rounds = 5;
/** How long a sample should take, about. */
const sampleMs = 700;
const lengths = [100, 64 * 1024];

/** Bytes that have arrived, of whatever system, and what waits for them. */
let receivedBytes = 0;
let awaitedBytes = Number.POSITIVE_INFINITY;
let onReceived: (atMs: number) => void = () => {};

function receive(bytes: number): void {
  receivedBytes += bytes;
  if (receivedBytes < awaitedBytes) return;
  awaitedBytes = Number.POSITIVE_INFINITY;
  onReceived(performance.timeOrigin + performance.now());
}

function received(bytes: number): Promise<number> {
  receivedBytes = 0;
  awaitedBytes = bytes;
  return new Promise((resolve) => {
    onReceived = resolve;
  });
}

async function listenRaw(): Promise<string> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
  await new Promise((resolve) => server.on('listening', resolve));
  server.on('connection', (webSocket) => {
    webSocket.on('message', (message: Buffer) => receive(message.length));
  });
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function listenPeerloom(): Promise<string> {
  const transports = [tcp({ accept: ['tls', 'websocket'], webSocket: { origins: ['*'] } })];
  const node = new Node('127.0.0.1', 0, { transports, name: 'Node.js' });
  node.on('node_message', (_peer, data) => receive((data as Uint8Array).length));
  await node.start();
  return `ws://127.0.0.1:${node.port}`;
}

async function listenLibp2p(): Promise<string> {
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0/ws'] },
    transports: [webSockets()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ streamOptions: { maxStreamWindowSize: 4_000_000 } })],
    connectionMonitor: { enabled: false },
  });
  await node.handle('/speed/1.0.0', (stream) => {
    stream.maxReadBufferLength = 8 * 1024 * 1024;
    stream.addEventListener('message', ({ data }) => receive(data.byteLength));
  });
  return node.getMultiaddrs()[0]!.toString();
}

const listeners = { raw: listenRaw, peerloom: listenPeerloom, libp2p: listenLibp2p };
type System = keyof typeof listeners;
/** What a message takes in the stream of a system. */
const prefixBytes: Record<System, number> = { raw: 0, peerloom: 0, libp2p: 4 };

const { positionals } = parseArgs({ allowPositionals: true });
const isFirefox = positionals[0] === 'firefox';
const text = await bundleInOneFile(readFileSync(`${pages}/speed.ts`, 'utf8'));
const server = createServer(({ url }, response) => {
  const isProgram = url === '/page.js';
  response.setHeader('content-type', isProgram ? 'text/javascript' : 'text/html');
  response.end(isProgram ? text : '<!doctype html><script type="module" src="/page.js"></script>');
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const browser = await puppeteer.launch({
  browser: isFirefox ? 'firefox' : 'chrome',
  executablePath: isFirefox ? '/usr/bin/firefox-esr' : '/usr/bin/chromium',
  args: isFirefox ? [] : ['--no-sandbox', '--disable-dev-shm-usage'],
  headless: true,
});
const url = `http://localhost:${(server.address() as AddressInfo).port}/`;

async function open(system: System): Promise<(length: number, count: number) => Promise<number>> {
  const address = await listeners[system]();
  const tab = await browser.newPage();
  await tab.goto(url);
  const call = (name: string, ...args: unknown[]) =>
    tab.evaluate(
      (name, args) => {
        const { page } = globalThis as unknown as { page: Record<string, (...args: unknown[]) => unknown> };
        return page[name]!(...args);
      },
      name,
      args,
    );
  await call('connect', system, address);
  return async (length, count) => {
    await tab.bringToFront();
    const end = received(count * (length + prefixBytes[system]));
    const start = (await call('sendMany', length, count)) as number;
    return (await end) - start;
  };
}

const median = (values: readonly number[]): number =>
  values.toSorted((one, other) => one - other)[values.length >> 1]!;

const measure = new Map<System, (length: number, count: number) => Promise<number>>();
for (const system of Object.keys(listeners) as System[]) measure.set(system, await open(system));
console.log(await browser.version());
for (const length of lengths) {
  const rates = new Map<System, number[]>();
  const counts = new Map<System, number>();
  for (const [system, run] of measure) {
    const tryCount = length === 100 ? 20_000 : 400;
    await run(length, tryCount); // warms up
    const ms = await run(length, tryCount);
    counts.set(system, Math.ceil((tryCount * sampleMs) / ms));
    rates.set(system, []);
  }
  for (let round = 0; round < rounds; round++) {
    for (const [system, run] of measure) {
      const count = counts.get(system)!;
      rates.get(system)!.push((count * 1_000) / (await run(length, count)));
    }
  }
  const [raw, own, libp2p] = ['raw', 'peerloom', 'libp2p'].map((system) =>
    median(rates.get(system as System)!),
  ) as [number, number, number];
  const shown = (rate: number): string =>
    length === 100
      ? `${Math.round(rate).toLocaleString('en')}/s`
      : `${Math.round((rate * length) / 1e6)} MB/s`;
  console.log(
    `${length} bytes: peerloom ${shown(own)}, raw ${shown(raw)}, libp2p ${shown(libp2p)}: ${(own / raw).toFixed(2)} of raw, ${(own / libp2p).toFixed(1)} times libp2p`,
  );
}
await browser.close();
process.exit(0);
