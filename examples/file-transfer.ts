// A file through a stream: with a progress bar, a check of what arrived, and resumption where a break left off.
// Run it: node examples/file-transfer.ts
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, statSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { SingleBar } from 'cli-progress';
import { Node, type NodeConnection, type PeerStream } from '../src/index.ts';

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Sends what the other node lacks of a file; resolves when that has checked it. */
async function sendFile(connection: NodeConnection, path: string, onProgress: (sentBytes: number) => void) {
  const sha256 = await sha256Of(path);
  const start = (await connection.request({ partOf: sha256 })) as number;
  console.log(`sender: ${start === 0 ? 'begins' : 'goes on'}`);
  const stream = await connection.openStream({ name: basename(path), sha256, start });
  let sent = start;
  for await (const bytes of createReadStream(path, { start })) {
    if (!stream.write(bytes)) await stream.drained();
    sent += bytes.length;
    onProgress(sent);
  }
  stream.end();
  await stream.closed;
}

async function receiveFile(stream: PeerStream) {
  const { name, sha256, start } = stream.header as { name: string; sha256: string; start: number };
  const part = join(folder, basename(sha256));
  await pipeline(stream, createWriteStream(part, { flags: start === 0 ? 'w' : 'r+', start }));
  if ((await sha256Of(part)) !== sha256) throw new Error(`${name} is damaged`); // which aborts the stream
  console.log(`receiver: ${name} is here, and as it was sent`);
  stream.end();
}

const folder = await mkdtemp(join(tmpdir(), 'received-'));
const receiver = new Node('127.0.0.1', 0).on('node_stream', (_peer, stream) => receiveFile(stream));
receiver.on('node_request', (_peer, data) => {
  const part = join(folder, basename((data as { partOf: string }).partOf));
  return existsSync(part) ? statSync(part).size : 0;
});
const sender = new Node('127.0.0.1', 0);
const path = join(folder, 'holiday.mp4');
const size = 16 * 2 ** 20;
await Promise.all([sender.start(), receiver.start(), writeFile(path, randomBytes(size))]);
for (const breakAt of [size / 2, Number.POSITIVE_INFINITY]) {
  const connection = await sender.connectWithNode('127.0.0.1', receiver.port);
  const bar = new SingleBar({ format: 'sender: {bar} {percentage} %' });
  bar.start(size, 0);
  await sendFile(connection, path, (sent) => {
    bar.update(sent);
    if (sent > breakAt) void connection.stop();
  }).catch(({ code }) => console.log(`sender: stopped by ${code}`));
  bar.stop();
}
await Promise.all([sender.stop(), receiver.stop(), rm(folder, { recursive: true })]);
