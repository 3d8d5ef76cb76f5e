// A file through a stream: with a progress bar, a check of what arrived, and resumption where a break left off.
// Run it: node examples/file-transfer.ts
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { MultiBar } from 'cli-progress';
import { type Data, Node, type NodeConnection, type PeerStream } from 'peerloom';

const bars = new MultiBar({ format: '{bar} {percentage} %', forceRedraw: true, stream: process.stdout });

/** Prints a line, above the bar where there is one. */
function say(line: string) {
  if (!bars.isActive) return console.log(line);
  bars.log(`${line}\n`);
  bars.update();
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Sends what the other node lacks of a file; resolves when that has checked it. */
export async function sendFile(
  connection: NodeConnection,
  path: string,
  onProgress: (sentBytes: number) => void,
) {
  const sha256 = await sha256Of(path);
  const start = (await connection.request({ partOf: sha256 })) as number;
  onProgress(start);
  const percent = Math.floor((100 * start) / statSync(path).size);
  say(`sender: ${start === 0 ? 'begins' : `goes on at ${percent} %`}`);
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

/** Takes files into its folder; what is there in part has its hash for a name. */
export class FileReceiver extends Node {
  folder = '.';

  override nodeRequest(_peer: NodeConnection, data: Data) {
    const part = this.#partOf((data as { partOf: string }).partOf);
    return existsSync(part) ? statSync(part).size : 0;
  }

  override async nodeStream(_peer: NodeConnection, stream: PeerStream) {
    const { name, sha256, start } = stream.header as { name: string; sha256: string; start: number };
    const part = this.#partOf(sha256);
    await pipeline(stream, createWriteStream(part, { flags: start === 0 ? 'w' : 'r+', start }));
    if ((await sha256Of(part)) !== sha256) {
      await rm(part); // otherwise each further try would send nothing, and fail again
      stream.abort(`${name} arrived damaged: send it again`);
      return;
    }
    await rename(part, join(this.folder, basename(name)));
    say(`receiver: ${name} is here, and as it was sent`);
    stream.end();
  }

  #partOf(sha256: string): string {
    return join(this.folder, `${basename(sha256)}.part`);
  }
}

async function demonstrate() {
  const folder = await mkdtemp(join(tmpdir(), 'file-transfer-'));
  const path = join(folder, 'holiday.mp4');
  const size = 16 * 2 ** 20;
  const sender = new Node('127.0.0.1', 0);
  const receiver = new FileReceiver('127.0.0.1', 0);
  receiver.folder = join(folder, 'received');
  await Promise.all([mkdir(receiver.folder), writeFile(path, randomBytes(size))]);
  await Promise.all([sender.start(), receiver.start()]);
  const bar = bars.create(size, 0);
  for (const breakAt of [size / 2, Number.POSITIVE_INFINITY]) {
    const connection = await sender.connectWithNode('127.0.0.1', receiver.port);
    await sendFile(connection, path, (sent) => {
      bar.update(sent);
      if (sent > breakAt) void connection.stop();
    }).catch(({ code }) => say(`sender: stopped by ${code}`));
  }
  if (bars.isActive) bars.stop();
  await Promise.all([sender.stop(), receiver.stop(), rm(folder, { recursive: true })]);
}

if (import.meta.main) await demonstrate();
