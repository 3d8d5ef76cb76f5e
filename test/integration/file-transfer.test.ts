import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { type ConnectionDetails, type Data, Node, NodeConnection, type PeerStream } from '../../src/index.ts';
import { ChaosProxy } from '../support/chaos-proxy.ts';
import { withCode } from '../support/errors.ts';
import '../support/look-over.ts';
import '../support/peerloom-from-source.ts';

// Hooks work for what is loaded after them.
const { FileReceiver, sendFile } = await import('../../examples/file-transfer.ts');

const mebibyte = 2 ** 20;
const content = randomBytes(8 * mebibyte);

/** Counts what is written to its streams. */
class CountingConnection extends NodeConnection {
  writtenBytes = 0;

  override async openStream(header?: Data): Promise<PeerStream> {
    const stream = await super.openStream(header);
    const write = stream.write.bind(stream);
    stream.write = (bytes) => {
      this.writtenBytes += bytes.length;
      return write(bytes);
    };
    return stream;
  }
}

class Sender extends Node {
  override createNewConnection(details: ConnectionDetails) {
    return new CountingConnection(this, details);
  }
}

/** A file, and a receiver behind a proxy that cuts the first link half-way. */
async function startTransfer(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'file-transfer-'));
  const path = join(folder, 'original');
  await writeFile(path, content);
  const [sender, receiver] = [new Sender('127.0.0.1', 0), new FileReceiver('127.0.0.1', 0)];
  receiver.folder = await mkdtemp(join(folder, 'received-'));
  await Promise.all([sender.start(), receiver.start()]);
  const cut = { kind: 'cut', afterBytes: content.length / 2, durationMs: 0, towards: 'client' } as const;
  const schedule = (link: number) => (link === 0 ? [cut] : []);
  const proxy = await ChaosProxy.start({ target: receiver, schedule });
  t.after(async () => {
    await Promise.all([sender.stop(), receiver.stop()]);
    await proxy.stop();
    await rm(folder, { recursive: true });
  });
  /** One attempt: the error if it failed, the progress that was reported, and how much was written. */
  const transfer = async () => {
    const connection = (await sender.connectWithNode('127.0.0.1', proxy.port)) as CountingConnection;
    connection.writtenBytes = 0;
    const progress: number[] = [];
    const sending = sendFile(connection, path, (sentBytes) => progress.push(sentBytes));
    const error: Error | undefined = await sending.then(
      () => undefined,
      (error) => error,
    );
    return { error, progress, writtenBytes: connection.writtenBytes };
  };
  /** The files that have arrived, whole or in part. */
  const arrived = async () => {
    const names = await readdir(receiver.folder);
    return names.map((name) => join(receiver.folder, name));
  };
  return { transfer, arrived };
}

suite('examples/file-transfer.ts', () => {
  test('sends nothing but the rest after the link was cut', async (t) => {
    const { transfer, arrived } = await startTransfer(t);
    const first = await transfer();
    assert.ok(withCode('ERR_CONNECTION_CLOSED')(first.error!));
    const second = await transfer();
    assert.equal(second.error, undefined);
    const start = content.length - second.writtenBytes;
    assert.ok(start > mebibyte && start <= first.writtenBytes, `resumed at ${start}`);
    assert.ok(second.progress[0]! > start);
    assert.equal(second.progress.at(-1), content.length);
    const [path, ...others] = await arrived();
    assert.deepEqual(others, []);
    assert.equal(Buffer.compare(await readFile(path!), content), 0);
  });

  test('says that what arrived is damaged, and begins anew the next time', async (t) => {
    const { transfer, arrived } = await startTransfer(t);
    await transfer();
    const [part] = await arrived();
    const bytes = await readFile(part!);
    bytes[1_000]! ^= 1;
    await writeFile(part!, bytes);
    const second = await transfer();
    assert.ok(withCode('ERR_STREAM_ABORTED', /^original arrived damaged: send it again$/)(second.error!));
    assert.ok(second.writtenBytes < content.length, 'it resumed with the damaged part');
    assert.deepEqual(await arrived(), []);
    const third = await transfer();
    assert.equal(third.error, undefined);
    assert.equal(third.writtenBytes, content.length);
    const [path] = await arrived();
    assert.equal(Buffer.compare(await readFile(path!), content), 0);
  });
});
