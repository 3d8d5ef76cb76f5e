import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { type Data, Node, NodeConnection, type PeerStream } from '../../src/index.ts';
import { ChaosProxy } from '../support/chaos-proxy.ts';
import { withCode } from '../support/errors.ts';
import '../support/look-over.ts';
import '../support/peerloom-from-source.ts';

// Hooks work for what is loaded after them.
const { FileReceiver, sendFile } = await import('../../examples/file-transfer.ts');

const mebibyte = 2 ** 20;
const fromSource = new URL('../support/peerloom-from-source.ts', import.meta.url).href;
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
  override createNewConnection(...[link, details]: Parameters<Node['createNewConnection']>) {
    return new CountingConnection(this, link, details);
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
  /** One try; what was written, and where the bar was. */
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
    assert.equal(first.progress[0], 0);
    const second = await transfer();
    assert.equal(second.error, undefined);
    const start = second.progress[0]!;
    assert.ok(start > mebibyte && start <= first.writtenBytes, `goes on at ${start}`);
    assert.equal(second.writtenBytes, content.length - start);
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
    assert.ok(second.progress[0]! > 0, 'it went on with the damaged part');
    assert.deepEqual(await arrived(), []);
    const third = await transfer();
    assert.equal(third.error, undefined);
    assert.equal(third.writtenBytes, content.length);
    const [path] = await arrived();
    assert.equal(Buffer.compare(await readFile(path!), content), 0);
  });

  test('on a terminal prints above the bar, which goes on at what is there already', async () => {
    const output = await outputOnTerminal('examples/file-transfer.ts');
    const [, percent] = /goes on at (\d+) %\n/.exec(output)!;
    assert.deepEqual(screenOf(output), [
      'sender: begins',
      'sender: stopped by ERR_CONNECTION_CLOSED',
      `sender: goes on at ${percent} %`,
      'receiver: holiday.mp4 is here, and as it was sent',
      `${'='.repeat(40)} 100 %`,
      '',
    ]);
    const frames = Array.from(output.matchAll(/[=-]{40} (\d+) %|goes on/g), ([, percent]) => percent);
    assert.equal(frames[0], '0');
    assert.equal(frames[frames.indexOf(undefined) + 1], percent);
  });
});

/** Of a program that takes its output for a terminal. */
async function outputOnTerminal(path: string): Promise<string> {
  const pretence = 'data:text/javascript,process.stdout.isTTY=true';
  const program = resolve(import.meta.dirname, '../..', path);
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--import',
    fromSource,
    '--import',
    pretence,
    program,
  ]);
  return stdout;
}

/** The lines that a terminal shows of it, as far as cli-progress goes: it moves in the last one alone. */
function screenOf(output: string): string[] {
  const lines = [''];
  let column = 0;
  const commands: Record<string, () => void> = {
    '␛[1G': () => {
      column = 0;
    },
    '␛[2K': () => lines.splice(-1, 1, ''),
    '␛[0K': () => lines.push(lines.pop()!.slice(0, column)),
    '␛[?7l': () => {},
    '␛[?7h': () => {},
    '\n': () => {
      column = 0;
      lines.push('');
    },
  };
  for (const piece of output.replaceAll('\u001b', '␛').split(/(␛\[\??\d*[A-Za-z]|\n)/)) {
    if (commands[piece] !== undefined) commands[piece]();
    else {
      assert.ok(!piece.startsWith('␛'), piece);
      const line = lines.pop()!;
      lines.push(line.slice(0, column) + piece + line.slice(column + piece.length));
      column += piece.length;
    }
  }
  return lines;
}
