// Sends a file through a stream, checks that it arrived unchanged, and resumes a transfer that broke off.
// Run it: node examples/file-transfer.ts
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream, statSync } from 'node:fs';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Data, Node, type NodeConnection, type PeerStream } from 'peerloom';

async function sha256Of(path: string) {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Sends the bytes that the receiver lacks; resolves when the receiver has checked the whole file. */
export async function sendFile(peer: NodeConnection, path: string, onProgress: (sent: number) => void) {
  const sha256 = await sha256Of(path);
  const start = await peer.request<number>(sha256);
  const stream = await peer.openStream({ name: basename(path), sha256, start });
  const file = createReadStream(path, { start });
  for await (const bytes of file) {
    onProgress(start + file.bytesRead);
    if (!stream.write(bytes)) await stream.drained();
  }
  stream.end();
  await stream.closed;
}

/** Until a file is complete, its name is its hash, so that any node that has the file can send the rest. */
export class FileReceiver extends Node {
  folder = tmpdir();

  override nodeRequest(_peer: NodeConnection, sha256: Data) {
    return statSync(join(this.folder, basename(sha256 as string)), { throwIfNoEntry: false })?.size ?? 0;
  }

  override async nodeStream(_peer: NodeConnection, stream: PeerStream) {
    const { name, sha256, start } = stream.header as { name: string; sha256: string; start: number };
    console.log(`receiver: ${name}, from byte ${start}`);
    const part = join(this.folder, basename(sha256)); // basename: a peer must not choose the folder
    await pipeline(stream, createWriteStream(part, { flags: start === 0 ? 'w' : 'r+', start }));
    const isWhole = (await sha256Of(part)) === sha256;
    await (isWhole ? rename(part, join(this.folder, basename(name))) : rm(part));
    if (!isWhole) return stream.abort(`${name} arrived damaged: send it again`);
    console.log(`receiver: ${name} arrived unchanged`);
    stream.end();
  }
}

if (import.meta.main) {
  const [sender, receiver] = [new Node('127.0.0.1', 0), new FileReceiver('127.0.0.1', 0)];
  await Promise.all([sender.start(), receiver.start()]);
  const folder = await mkdtemp(join(tmpdir(), 'file-transfer-'));
  receiver.folder = await mkdtemp(join(folder, 'received-'));
  const path = join(folder, 'holiday.mp4');
  await writeFile(path, randomBytes(16_000_000));
  for (const breakAt of [8_000_000, Number.POSITIVE_INFINITY]) {
    const peer = await sender.connectWithNode('127.0.0.1', receiver.port);
    const stopHalfWay = (sent: number) => void (sent > breakAt && peer.stop());
    await sendFile(peer, path, stopHalfWay).catch(({ code }) => console.log(`sender: ${code}`));
  }
  await Promise.all([sender.stop(), receiver.stop(), rm(folder, { recursive: true })]);
}
