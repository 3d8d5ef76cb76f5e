// What streams promise, at full size, between two processes over TLS: a 1 GiB file with less than 64 MiB of
// growth on either side, at least 0.8 of the speed of large messages, and 32 streams that share alike.
// Run it: node scripts/streams-trial.js
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Node } from '../src/index.ts';

const mebibyte = 2 ** 20;
const fileMiB = 1024;
const rounds = 7;
const roundMiB = 256;
const streamCount = 32;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

function idleMiB() {
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().rss / mebibyte;
}

function peakMiB() {
  return process.resourceUsage().maxRSS / 1024;
}

async function sha256Of(path) {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** The other side, in a process of its own. */
async function receive() {
  const node = new Node('127.0.0.1', 0);
  const received = [];
  node.on('node_message', () => {});
  node.on('node_request', (_peer, question) => ({ idleMiB, peakMiB, received: () => received })[question]());
  node.on('node_stream', async (_peer, stream, { path, index }) => {
    if (path !== undefined) await pipeline(stream, createWriteStream(path));
    received[index] = 0;
    for await (const bytes of stream) received[index] += bytes.length;
    stream.end();
  });
  await node.start();
  process.send(node.port);
  process.once('disconnect', () => process.exit());
}

/** Sends pieces through a stream, until the other side has read them all. */
async function send(connection, header, pieces) {
  const stream = await connection.openStream(header);
  for await (const bytes of pieces) if (!stream.write(bytes)) await stream.drained();
  stream.end();
  await stream.closed;
}

/** A file read into the same memory again and again: a stream copies what is written to it. */
async function* piecesOf(path) {
  const memory = new Uint8Array(256 * 1024);
  await using file = await open(path);
  for (;;) {
    const { bytesRead } = await file.read(memory);
    if (bytesRead === 0) return;
    yield memory.subarray(0, bytesRead);
  }
}

async function crossing(connection, folder) {
  const [from, to] = [join(folder, 'sent'), join(folder, 'received')];
  const file = await open(from, 'w');
  const piece = new Uint8Array(mebibyte);
  for (let count = 0; count < fileMiB; count++) {
    crypto.getRandomValues(piece.subarray(0, 65_536));
    await file.write(piece);
  }
  await file.close();
  await send(connection, { index: 0 }, Array(16).fill(piece)); // compiles the code
  const idle = [idleMiB(), await connection.request('idleMiB')];
  await send(connection, { path: to }, piecesOf(from));
  const growth = [peakMiB() - idle[0], (await connection.request('peakMiB')) - idle[1]];
  const isWhole = (await sha256Of(from)) === (await sha256Of(to));
  const text = `a file of ${fileMiB} MiB: ${growth.map(Math.round).join(' and ')} MiB of growth`;
  report(isWhole && Math.max(...growth) < 64, isWhole ? text : `${text}, and it is damaged`);
}

async function speed(connection) {
  const message = new Uint8Array(mebibyte).fill(7);
  const timeOf = async (work) => {
    const startedAt = performance.now();
    await work();
    return performance.now() - startedAt;
  };
  const messages = async () => {
    for (let count = 0; count < roundMiB; count++) if (!connection.send(message)) await connection.drained();
    await connection.request('received');
  };
  const stream = () => send(connection, { index: 0 }, Array(roundMiB).fill(message));
  const times = { messages: [], stream: [] };
  for (let round = 0; round < rounds; round++) {
    times.messages.push(await timeOf(messages));
    times.stream.push(await timeOf(stream));
  }
  const [ofMessages, ofStream] = Object.values(times).map((all) => all.sort((a, b) => a - b)[rounds >> 1]);
  const [fast, own] = [ofMessages, ofStream].map((ms) => Math.round((roundMiB * mebibyte) / ms / 1000));
  const ratio = ofMessages / ofStream;
  report(ratio >= 0.8, `${own} MB/s, messages ${fast} MB/s: ${ratio.toFixed(2)} of their speed`);
}

async function fairness(connection) {
  const piece = new Uint8Array(100_000);
  const indices = Array.from({ length: streamCount }, (_, index) => index);
  const streams = await Promise.all(indices.map((index) => connection.openStream({ index })));
  let isOver = false;
  const writing = streams.map(async (stream) => {
    while (!isOver) if (!stream.write(piece)) await stream.drained();
  });
  let before;
  let now = [];
  const least = () => Math.min(...indices.map((index) => (now[index] ?? 0) - (before?.[index] ?? 0)));
  for (const enough of [4 * mebibyte, 32 * mebibyte]) {
    before = now;
    while (least() < enough) now = await connection.request('received');
  }
  isOver = true;
  await Promise.all(writing);
  const grown = now.map((bytes, index) => bytes - before[index]);
  const mean = grown.reduce((sum, bytes) => sum + bytes, 0) / streamCount;
  const [smallest, largest] = [Math.min(...grown) / mean, Math.max(...grown) / mean];
  const text = `${streamCount} streams: from ${smallest.toFixed(2)} to ${largest.toFixed(2)} of an equal share`;
  report(smallest > 0.8 && largest < 1.2, text);
}

function report(isKept, text) {
  console.log(`${isKept ? 'kept  ' : 'MISSED'}  ${text}`);
  if (!isKept) process.exitCode = 1;
}

if (process.send !== undefined) {
  await receive();
} else {
  const receiver = fork(import.meta.filename);
  const [port] = await once(receiver, 'message');
  const node = new Node('127.0.0.1', 0);
  await node.start();
  const connection = await node.connectWithNode('127.0.0.1', port);
  const folder = await mkdtemp(join(tmpdir(), 'streams-trial-'));
  try {
    await crossing(connection, folder);
    await speed(connection);
    await fairness(connection);
  } finally {
    await rm(folder, { recursive: true });
    receiver.kill();
    await node.stop();
  }
}
