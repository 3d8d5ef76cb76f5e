import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { sha256Hex } from '../../../src/base/sha256.ts';
import type { ChannelStream } from '../../../src/channel/streams/stream.ts';
import { ChunkStream, writeChunks } from '../../../src/secure/vault/chunk-stream.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import { within } from '../../support/turns.ts';

const chunks = [Uint8Array.of(1, 2, 3, 4, 5), new Uint8Array(0), Uint8Array.of(6)];
const hashes = chunks.map(sha256Hex);

/** A stream that gives some bytes in pieces, and then ends, or never does. */
class FakeStream {
  isAborted = false;
  readonly #pieces: Uint8Array[];
  readonly #end: 'ends' | 'hangs';
  readonly #aborted = Promise.withResolvers<undefined>();

  constructor(pieces: readonly Uint8Array[], end: 'ends' | 'hangs' = 'ends') {
    this.#pieces = [...pieces];
    this.#end = end;
    this.#aborted.promise.catch(() => {});
  }

  async read(): Promise<Uint8Array | undefined> {
    if (this.#pieces.length > 0 || this.#end === 'ends') return this.#pieces.shift();
    return this.#aborted.promise;
  }

  abort(): void {
    this.isAborted = true;
    this.#aborted.reject(new Error('aborted'));
  }
}

function reader(stream: FakeStream | undefined, runtime = new VirtualRuntime()) {
  const opened: number[] = [];
  const open = async (number: number) => {
    opened.push(number);
    return stream as unknown as ChannelStream | undefined;
  };
  return { opened, runtime, chunkStream: new ChunkStream({ open, runtime }) };
}

async function written(): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let isEnded = false;
  const stream = {
    write: (bytes: Uint8Array) => pieces.push(bytes) % 2 === 0,
    drained: async () => {},
    end: () => {
      isEnded = true;
    },
  };
  await writeChunks(stream as unknown as ChannelStream, chunks, new VirtualRuntime());
  assert.ok(isEnded);
  return new Uint8Array(Buffer.concat(pieces));
}

suite('a stream of chunks', () => {
  test('comes back whole, wherever it was cut', async () => {
    const bytes = await written();
    for (let at = 0; at <= bytes.length; at++) {
      const { chunkStream, opened } = reader(new FakeStream([bytes.subarray(0, at), bytes.subarray(at)]));
      for (const [number, hash] of hashes.entries()) {
        assert.deepEqual(await chunkStream.next(number, hash), chunks[number]);
      }
      assert.equal(await chunkStream.next(3, hashes[0]!), undefined);
      assert.deepEqual(opened, [0], 'opened once, for the first that is asked for');
    }
  });

  test('is given up with the first chunk that is another one, is too long, or is cut off', async () => {
    const bytes = await written();
    const tooLong = Uint8Array.of(0, 0x10, 0, 0x11, 1);
    for (const pieces of [[bytes.with(4, 9)], [tooLong], [bytes.subarray(0, 6)], []]) {
      const stream = new FakeStream(pieces);
      const { chunkStream } = reader(stream);
      assert.equal(await chunkStream.next(0, hashes[0]!), undefined);
      assert.equal(stream.isAborted, true);
      assert.equal(await chunkStream.next(1, hashes[1]!), undefined, 'nothing more is believed');
    }
  });

  test('is given up at once when it announces more than a MiB: no memory is taken for it', async () => {
    for (const length of [2 ** 20 + 17, 2 ** 31, 2 ** 32 - 1]) {
      const prefix = new Uint8Array(4);
      new DataView(prefix.buffer).setUint32(0, length);
      const stream = new FakeStream([prefix], 'hangs');
      const { chunkStream, runtime } = reader(stream);
      assert.equal(await within(chunkStream.next(0, hashes[0]!), 'it is given up', 5_000), undefined);
      assert.deepEqual([stream.isAborted, runtime.pending], [true, []]);
    }
    const largest = new Uint8Array(2 ** 20 + 16);
    const { chunkStream } = reader(new FakeStream([Uint8Array.of(0, 0x10, 0, 0x10), largest]));
    assert.equal((await chunkStream.next(0, sha256Hex(largest)))!.length, largest.length);
  });

  test('is waited for no longer than half a minute', async () => {
    const stream = new FakeStream([], 'hangs');
    const { chunkStream, runtime } = reader(stream);
    const next = chunkStream.next(0, hashes[0]!);
    await runtime.advance(29_999);
    assert.equal(stream.isAborted, false);
    await runtime.advance(1);
    assert.equal(stream.isAborted, true);
    assert.equal(await next, undefined);
  });

  test('need not be there', async () => {
    assert.equal(await reader(undefined).chunkStream.next(0, hashes[0]!), undefined);
    const open = () => Promise.reject(new Error('nobody has streams'));
    const chunkStream = new ChunkStream({ open, runtime: new VirtualRuntime() });
    assert.equal(await chunkStream.next(0, hashes[0]!), undefined);
    chunkStream.close();
  });

  test('whose reader takes nothing for 30 s is aborted, and no timer is left', async () => {
    const runtime = new VirtualRuntime();
    const drained = Promise.withResolvers<void>();
    let isAborted = false;
    const stream = {
      write: () => {
        if (isAborted) throw new Error('the stream was aborted');
        return false;
      },
      drained: () => drained.promise,
      abort: () => {
        isAborted = true;
        drained.resolve();
      },
      end: () => assert.fail('it has not come to its end'),
    };
    const writing = writeChunks(stream as unknown as ChannelStream, chunks, runtime);
    await runtime.advance(29_999);
    assert.equal(isAborted, false);
    await Promise.all([runtime.advance(1), assert.rejects(writing, /was aborted/)]);
    assert.deepEqual(runtime.pending, []);
  });
});
