import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { suite, test } from 'node:test';
import { promisify } from 'node:util';
import { engines } from '../support/engines.ts';
import { withCode } from '../support/errors.ts';
import { startPair } from '../support/start-nodes.ts';
import { startStream } from '../support/start-stream.ts';
import { turns, within } from '../support/turns.ts';

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;
const pieceBytes = 64 * kibibyte;
const inMemory = engines[0]!;

/** One window is on its way to the reader, another one waits to be sent; the last piece may pass that. */
const mostBytes = 2 * 256 * kibibyte + pieceBytes;

/** Writes while that is taken; how many bytes that were. */
async function writtenUntilHeldBack(write: (bytes: Uint8Array) => Promise<void>): Promise<number> {
  let written = 0;
  for (let isTaken = true; isTaken; ) {
    written += pieceBytes;
    assert.ok(written <= mostBytes, `${written} bytes were taken, and nobody reads`);
    const taken = write(new Uint8Array(pieceBytes)).then(() => true);
    isTaken = await Promise.race([taken, turns(200).then(() => false)]);
  }
  return written;
}

async function lengthOf(readable: AsyncIterable<Uint8Array>): Promise<number> {
  let length = 0;
  for await (const bytes of readable) length += bytes.length;
  return length;
}

suite('as a stream of Node.js', () => {
  test('it goes into a pipeline, both ways', async (t) => {
    const { b, connection } = await startPair(t);
    b.on('node_stream', async (_peer, stream) => {
      const duplex = stream.toDuplex();
      const upperCase = new Transform({
        transform: (bytes: Buffer, _encoding, done) => done(null, bytes.toString().toUpperCase()),
      });
      await pipeline(duplex, upperCase, duplex);
    });
    const stream = await connection.openStream();
    const duplex = stream.toDuplex();
    const text = 'to be written large '.repeat(100_000);
    const [received] = await Promise.all([duplex.toArray(), pipeline(Readable.from([text]), duplex)]);
    assert.equal(Buffer.concat(received).toString(), text.toUpperCase());
    await within(stream.closed, 'the stream is closed in an orderly way');
  });

  test('its reader holds the writer back, in both directions', async (t) => {
    const { stream, theirs } = await startStream(t, { engine: inMemory });
    const [ours, other] = [stream.toDuplex(), theirs.toDuplex()];
    const written: number[] = [];
    for (const duplex of [ours, other]) {
      const write = promisify((bytes: Uint8Array, done: () => void) => void duplex.write(bytes, done));
      written.push(await writtenUntilHeldBack(write));
    }
    const read = await Promise.all([other.end(), ours.end()].map(lengthOf));
    assert.deepEqual(read, written);
  });

  test('it still writes when its readable has ended', async (t) => {
    const { stream, theirs } = await startStream(t);
    const duplex = stream.toDuplex();
    theirs.end();
    await once(duplex.resume(), 'end');
    assert.ok(duplex.write('still '));
    await pipeline(Readable.from(['open']), duplex);
    assert.equal(Buffer.concat(await theirs.toDuplex().toArray()).toString(), 'still open');
    await within(Promise.all([stream.closed, theirs.closed]), 'both are closed in an orderly way');
  });

  test('destroying it aborts the stream, and an abort destroys it', async (t) => {
    const { stream, theirs } = await startStream(t);
    const duplex = theirs.toDuplex();
    const failed = new Promise<Error>((resolve) => duplex.once('error', resolve));
    const ours = stream.toDuplex();
    ours.on('error', () => {}).destroy(new Error('the disk is full'));
    assert.ok(withCode('ERR_STREAM_ABORTED', /^the disk is full$/)(await failed));
    assert.equal(duplex.destroyed, true);
    await assert.rejects(stream.closed, withCode('ERR_STREAM_ABORTED'));
  });

  test('a node that stops after a pipeline that succeeded does not end the process', async () => {
    const program = join(import.meta.dirname, '../support/programs/pipeline-then-stop.ts');
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [program], { timeout: 60_000 });
    assert.equal(stdout, 'after the pipeline: ERR_CONNECTION_CLOSED\n');
    assert.equal(stderr, '');
  });
});

suite('as web streams', () => {
  test('it is piped, both ways', async (t) => {
    const { b, connection } = await startPair(t);
    b.on('node_stream', async (_peer, stream) => {
      const { readable, writable } = stream.toWeb();
      await readable.pipeThrough(new CompressionStream('gzip') as never).pipeTo(writable);
    });
    const stream = await connection.openStream();
    const { readable, writable } = stream.toWeb();
    const content = randomBytes(mebibyte);
    const sent = new Blob([content]).stream().pipeTo(writable);
    const unzipped = readable.pipeThrough(new DecompressionStream('gzip') as never);
    const received = await new Response(unzipped).arrayBuffer();
    await sent;
    assert.equal(Buffer.compare(Buffer.from(received), content), 0);
    await within(stream.closed, 'the stream is closed in an orderly way');
  });

  test('its reader holds the writer back, in both directions', async (t) => {
    const { stream, theirs } = await startStream(t, { engine: inMemory });
    const [ours, other] = [stream.toWeb(), theirs.toWeb()];
    const writers = [ours, other].map(({ writable }) => writable.getWriter());
    const written: number[] = [];
    for (const writer of writers) written.push(await writtenUntilHeldBack((bytes) => writer.write(bytes)));
    const closed = writers.map((writer) => writer.close());
    const read = await Promise.all([other.readable, ours.readable].map(lengthOf));
    await Promise.all(closed);
    assert.deepEqual(read, written);
  });

  test('cancelling or aborting it aborts the stream, and an abort fails both', async (t) => {
    for (const giveUp of [
      ({ readable }: ReadableWritablePair) => readable.cancel('enough'),
      ({ writable }: ReadableWritablePair) => writable.abort('enough'),
    ]) {
      const { stream, theirs } = await startStream(t);
      const there = theirs.toWeb();
      const reader = there.readable.getReader();
      const writer = there.writable.getWriter();
      const enough = withCode('ERR_STREAM_ABORTED', /^enough$/);
      const ends = [assert.rejects(reader.read(), enough), assert.rejects(writer.closed, enough)];
      await giveUp(stream.toWeb());
      await within(Promise.all(ends), 'both ends of the other side fail');
      await assert.rejects(stream.closed, enough);
    }
  });
});
