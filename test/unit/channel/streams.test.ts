import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { ChannelStream } from '../../../src/channel/streams/stream.ts';
import { FrameKind, idBytes, idOf } from '../../../src/wire/frames/frame.ts';
import type { Frame } from '../../../src/wire/frames/frame-reader.ts';
import { streamDataHeaderBytes } from '../../../src/wire/frames/stream-frames.ts';
import { withCode } from '../../support/errors.ts';
import { turns } from '../../support/turns.ts';
import { abort, credit, data, end, Line, LineEnd, open, openStreams, readAll } from './streams-line.ts';

const kibibyte = 1024;
const { streamOpen, streamData, streamCredit, streamAbort, message } = FrameKind;

/** What a list of frames is about: kind and stream. */
function summary(frames: readonly Frame[]): [number, number][] {
  return frames.map(({ kind, body }) => [kind, kind === message ? 0 : idOf(kind, body)]);
}

/** So many different bytes. */
function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8)) % 256);
}

suite('a stream', () => {
  test('carries what is written, however it is cut, and never beyond the credit', async () => {
    const anyWrites = fc.array(fc.integer({ min: 0, max: 5 * kibibyte }), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(
        anyWrites,
        anyWrites,
        fc.integer({ min: kibibyte, max: 9 * kibibyte }),
        async (...cases) => {
          const [forth, back, streamWindowBytes] = cases;
          const line = new Line({ streamWindowBytes });
          const [ours, theirs] = await line.stream();
          const sent = [forth, back].map((lengths) =>
            pattern(lengths.reduce((sum, length) => sum + length, 0)),
          );
          for (const [stream, lengths, bytes] of [
            [ours, forth, sent[0]!],
            [theirs, back, sent[1]!],
          ] as const) {
            let at = 0;
            for (const length of lengths) {
              stream.write(bytes.subarray(at, at + length));
              at += length;
            }
            stream.end();
          }
          const received = Promise.all([readAll(theirs), readAll(ours), ours.closed, theirs.closed]);
          await line.flow();
          const [there, here] = await received;
          assert.deepEqual(
            [Buffer.from(there), Buffer.from(here)],
            sent.map((bytes) => Buffer.from(bytes)),
          );
        },
      ),
      { numRuns: 100 },
    );
  });

  test('leaves what was written to its owner', async () => {
    const line = new Line();
    const [ours, theirs] = await line.stream();
    const bytes = Uint8Array.of(1, 2, 3);
    ours.write(bytes);
    bytes.fill(9);
    await line.flow();
    assert.deepEqual([...(await theirs.read())!], [1, 2, 3]);
  });

  test('has the same odd number on both sides when the dialler opened it, an even one otherwise', async () => {
    const line = new Line();
    const pairs = [await line.stream(), await line.stream()];
    assert.deepEqual(
      pairs.map((pair) => pair.map(({ id }) => id)),
      [
        [1, 1],
        [3, 3],
      ],
    );
    const opening = line.listener.streams.open('back');
    await line.flow();
    assert.equal((await opening).id, 2);
    assert.equal(line.dialler.arrived[0]!.stream.id, 2);
    assert.equal(line.dialler.arrived[0]!.header, 'back');
  });

  test('says false at a window of bytes, and is drained at half of it', async () => {
    const line = new Line({ streamWindowBytes: 4 * kibibyte });
    const [ours, theirs] = await line.stream();
    assert.equal(ours.write(new Uint8Array(4 * kibibyte - 1)), true);
    assert.equal(ours.write(new Uint8Array(1)), false);
    await line.flow(); // 4 KiB, less the header of a frame, go at once
    assert.equal(ours.write(new Uint8Array(4 * kibibyte)), false);
    let isDrained = false;
    const drained = ours.drained().then(() => {
      isDrained = true;
    });
    await line.flow();
    assert.equal(isDrained, false);
    await theirs.read();
    await line.flow();
    await drained;
    assert.equal(ours.write(new Uint8Array(1)), true);
  });

  test('takes no more than the cap from who does not wait, and loses nothing of what it took', async () => {
    const line = new Line({ queueMaxBytes: 100 * kibibyte, streamWindowBytes: kibibyte });
    const [ours, theirs] = await line.stream();
    ours.write(pattern(100 * kibibyte));
    assert.throws(() => ours.write(Uint8Array.of(1)), withCode('ERR_QUEUE_FULL', /drained\(\)/));
    ours.end();
    const received = readAll(theirs);
    await line.flow();
    assert.equal(Buffer.compare(await received, pattern(100 * kibibyte)), 0);
  });

  test('that one side has ended goes on in the other direction', async () => {
    const line = new Line();
    const [ours, theirs] = await line.stream();
    ours.end();
    ours.end();
    await line.flow();
    assert.equal(await theirs.read(), undefined);
    assert.throws(() => ours.write(Uint8Array.of(1)), withCode('ERR_STREAM_ENDED'));
    theirs.write(Uint8Array.of(5));
    theirs.end();
    await line.flow();
    assert.deepEqual([...(await ours.read())!], [5]);
    assert.equal(await ours.read(), undefined);
    await Promise.all([ours.closed, theirs.closed]);
  });

  test('may be read ahead of what arrives, in order', async () => {
    const line = new Line();
    const [ours, theirs] = await line.stream();
    const reads = [theirs.read(), theirs.read(), theirs.read()];
    for (const byte of [1, 2]) {
      ours.write(Uint8Array.of(byte));
      await line.flow();
    }
    ours.end();
    await line.flow();
    assert.deepEqual(
      (await Promise.all(reads)).map((bytes) => bytes && [...bytes]),
      [[1], [2], undefined],
    );
  });
});

suite('the turns of the link', () => {
  test('streams with data send a frame each', async () => {
    const side = new LineEnd('outbound');
    const streams = await openStreams(side, 3);
    side.link.take(0);
    for (const stream of streams) stream.write(new Uint8Array(600 * kibibyte));
    for (let pieces = 0; pieces < 6; pieces++) {
      side.link.take(1);
      await turns(1);
    }
    const order = summary(side.sent()).map(([, id]) => id);
    assert.deepEqual(order, [1, 3, 5, 1, 3, 5]);
  });

  test('messages and streams take turns, and neither waits for the other', async () => {
    const side = new LineEnd('outbound');
    const [stream] = await openStreams(side, 1);
    side.link.take(0);
    side.outgoing.send(message, { format: 3, compression: 0, body: new Uint8Array(10) }); // takes the room
    await turns(1);
    side.sent();
    for (let count = 0; count < 4; count++) {
      side.outgoing.send(message, { format: 3, compression: 0, body: new Uint8Array(60 * kibibyte) });
      stream!.write(new Uint8Array(60 * kibibyte));
    }
    for (let pieces = 0; pieces < 6; pieces++) {
      side.link.take(1);
      await turns(1);
    }
    const kinds = summary(side.sent()).map(([kind]) => kind);
    const pieces = kinds.map((kind) => (kind === streamData ? 'stream' : 'message'));
    assert.equal(pieces.filter((piece) => piece === 'stream').length, 3, pieces.join());
    assert.doesNotMatch(pieces.join(), /stream,stream/);
  });

  test('streams that only wait for credit get equal shares', async () => {
    const mebibyte = 1024 * kibibyte;
    for (const count of [2, 8, 20, 32]) {
      const line = new Line();
      const received = Array.from({ length: count }, () => 0);
      const total = (): number => received.reduce((sum, bytes) => sum + bytes, 0);
      const streams: [ChannelStream, ChannelStream][] = [];
      while (streams.length < count) streams.push(await line.stream());
      for (const [index, [ours, theirs]] of streams.entries()) {
        void (async () => {
          for (;;) if (!ours.write(new Uint8Array(100_000))) await ours.drained();
        })().catch(() => {});
        void (async () => {
          for (;;) received[index]! += (await theirs.read())!.length;
        })().catch(() => {});
      }
      // Few frames at a time, as they come from a socket: those of the first streams then tend to run ahead.
      const carryMore = async (bytes: number): Promise<void> => {
        for (const end = total() + bytes; total() < end; ) await line.step(3);
      };
      await carryMore(count * mebibyte);
      const before = received.slice();
      await carryMore(count * 4 * mebibyte);
      const shares = received.map((bytes, index) => (bytes - before[index]!) / (4 * mebibyte));
      assert.ok(Math.max(...shares) < 1.1 && Math.min(...shares) > 0.9, `of ${count}: ${shares.join()}`);
      line.dialler.close();
      line.listener.close();
    }
  });

  /** A stream with credit for 200 KiB, and how to look at what it sends. */
  async function openedStream() {
    const side = new LineEnd('outbound');
    const opening = side.streams.open(null);
    await turns(1);
    side.sent();
    side.receive(credit(1, 200 * kibibyte));
    const lengths = async (): Promise<number[]> => {
      await turns(1);
      return side.sent().map(({ body }) => body.length - idBytes);
    };
    return { side, stream: await opening, lengths };
  }

  test('what there is no credit for is not cut into ever smaller frames', async () => {
    const { side, stream, lengths } = await openedStream();
    const whole = 64 * kibibyte - streamDataHeaderBytes;
    for (let count = 0; count < 16; count++) stream.write(new Uint8Array(whole));
    assert.deepEqual(await lengths(), [whole, whole, whole]);
    side.receive(credit(1, 50 * kibibyte)); // with 8 KiB left over
    assert.deepEqual(await lengths(), []);
    side.receive(credit(1, 10 * kibibyte));
    assert.deepEqual(await lengths(), [whole]);
    side.close();
  });

  test('what is written at once goes in large frames, and waits for half of the first window at most', async () => {
    const { side, stream, lengths } = await openedStream();
    const large = 256 * kibibyte - streamDataHeaderBytes;
    const half = 100 * kibibyte;
    stream.write(new Uint8Array(1024 * kibibyte));
    assert.deepEqual(await lengths(), [200 * kibibyte - streamDataHeaderBytes], 'as much as there is credit');
    side.receive(credit(1, 55 * kibibyte));
    assert.deepEqual(await lengths(), []);
    side.receive(credit(1, kibibyte + streamDataHeaderBytes));
    assert.deepEqual(await lengths(), [56 * kibibyte], 'the rest of the first frame');
    side.receive(credit(1, half - 1));
    assert.deepEqual(await lengths(), []);
    side.receive(credit(1, 1));
    assert.deepEqual(await lengths(), [half - streamDataHeaderBytes]);
    side.receive(credit(1, 1024 * kibibyte));
    const sizes = [large - half + streamDataHeaderBytes, large, large];
    assert.deepEqual((await lengths()).slice(0, 3), sizes);
    side.close();
  });

  test('what has become too much for the credit while it waited for the link waits for credit', async () => {
    const side = new LineEnd('outbound');
    const opening = side.streams.open(null);
    await turns(1);
    side.receive(credit(1, 100 * kibibyte));
    const stream = await opening;
    stream.write(new Uint8Array(80 * kibibyte));
    await turns(1);
    side.link.take(1);
    stream.write(new Uint8Array(100)); // takes the room
    await turns(1);
    stream.write(new Uint8Array(100));
    assert.equal(side.streams.isReady, true);
    stream.write(new Uint8Array(60 * kibibyte));
    assert.equal(side.streams.isReady, false);
    side.receive(credit(1, 60 * kibibyte));
    assert.equal(side.streams.isReady, true);
    side.close();
  });

  test('credit comes before data', async () => {
    const line = new Line();
    const [ours, theirs] = await line.stream();
    ours.write(new Uint8Array(200 * kibibyte));
    await line.flow();
    line.listener.link.take(0);
    theirs.write(new Uint8Array(1)); // takes the room
    await turns(1);
    theirs.write(new Uint8Array(100 * kibibyte));
    await theirs.read();
    line.listener.sent();
    line.listener.link.take(1);
    await turns(1);
    assert.deepEqual(summary(line.listener.sent()), [[streamCredit, 1]]);
  });

  test('credit for a stream nobody reads does not hold up the others', async () => {
    const line = new Line({ streamWindowBytes: 4 * kibibyte });
    const [stuck] = await line.stream();
    const [ours, theirs] = await line.stream();
    stuck.write(new Uint8Array(40 * kibibyte));
    ours.write(pattern(40 * kibibyte));
    ours.end();
    const received = readAll(theirs);
    await line.flow();
    assert.equal((await received).length, 40 * kibibyte);
  });
});

suite('the window', () => {
  const streamWindowBytes = 64 * kibibyte;
  const mebibyte = 1024 * kibibyte;

  /** Sends so much of a stream, and answers how much more the other side has given credit for in the end. */
  async function creditAfter(line: Line, stream: ChannelStream, bytes: number): Promise<number> {
    stream.write(new Uint8Array(bytes));
    await line.flow();
    return line.creditOf(line.dialler, stream.id);
  }

  test('grows up to 8 MiB for who reads as fast as the stream arrives', async () => {
    const line = new Line({ streamWindowBytes });
    const [ours, theirs] = await line.stream();
    void readAll(theirs).catch(() => {});
    assert.ok((await creditAfter(line, ours, 10)) <= streamWindowBytes, 'a short stream needs no more');
    const credit = await creditAfter(line, ours, 30 * mebibyte);
    assert.ok(credit > 4 * mebibyte && credit <= 8 * mebibyte, `credit for ${credit} bytes`);
    line.listener.close();
  });

  test('stays what it was for who does not keep up', async () => {
    const line = new Line({ streamWindowBytes });
    const [ours, theirs] = await line.stream();
    for (let count = 0; count < 200; count++) ours.write(new Uint8Array(50_000));
    for (let reads = 0; reads < 100; reads++) {
      await line.flow();
      assert.ok(line.creditOf(line.dialler, ours.id) <= streamWindowBytes);
      await theirs.read();
    }
    line.dialler.close();
  });

  test('is an equal share of 16 MiB, and shrinks to it when there are more streams', async () => {
    const line = new Line({ streamWindowBytes });
    const [ours, theirs] = await line.stream();
    void readAll(theirs).catch(() => {});
    await creditAfter(line, ours, 20 * mebibyte);
    for (let count = 1; count < 64; count++) await line.stream();
    const credit = await creditAfter(line, ours, 20 * mebibyte);
    assert.ok(credit > 0 && credit <= mebibyte / 4, `credit for ${credit} bytes`);
    line.listener.close();
  });
});

suite('opening a stream', () => {
  test('waits for the other side to take it', async () => {
    const side = new LineEnd('outbound');
    let isOpen = false;
    const opening = side.streams.open({ name: 'x' }).then(() => {
      isOpen = true;
    });
    await turns(1);
    assert.deepEqual(summary(side.sent()), [[streamOpen, 1]]);
    assert.equal(isOpen, false);
    side.receive(credit(1, 100));
    await opening;
  });

  test('fails with the reason where it is refused', async () => {
    for (const [answer, code, reason] of [
      [undefined, 'ERR_HANDLER', /has no handler for streams/],
      [Promise.resolve(undefined), 'ERR_HANDLER', /has no handler for streams/],
      [false, 'ERR_HANDLER', /a handler of the other side failed/],
      [Promise.resolve(false), 'ERR_HANDLER', /a handler of the other side failed/],
    ] as const) {
      const line = new Line();
      line.listener.handle = () => answer;
      const opening = line.dialler.streams.open(null);
      const refused = assert.rejects(
        opening.then((stream) => stream.closed),
        withCode(code, reason),
      );
      await line.flow();
      await refused;
      assert.equal(line.listener.streams.isReady, false);
    }
  });

  test('past the limit of this side fails at once, whoever opened the others', async () => {
    const line = new Line({ maxStreams: 2 });
    await line.stream();
    const back = line.listener.streams.open(null);
    await line.flow();
    await back;
    for (const side of [line.dialler, line.listener]) {
      await assert.rejects(
        side.streams.open(null),
        withCode(
          'ERR_STREAM_LIMIT',
          /2 streams \(limits.maxStreams\).* until both sides have ended it and read it to the end, or one side has aborted it$/,
        ),
      );
      assert.deepEqual(side.sent(), []);
    }
  });

  test('past the limit of the other side is refused, and a place that is free again can be taken', async () => {
    const line = new Line({ maxStreams: 2 });
    const generous = new LineEnd('outbound');
    const places = [generous.streams.open(1), generous.streams.open(2), generous.streams.open(3)];
    const carry = async (): Promise<void> => {
      for (let rounds = 0; rounds < 4; rounds++) {
        await turns(1);
        for (const frame of generous.sent()) line.listener.receive(frame);
        await turns(1);
        for (const frame of line.listener.sent()) generous.receive(frame);
      }
    };
    const refused = assert.rejects(
      places[2]!,
      withCode('ERR_STREAM_LIMIT', /as many streams as the node allows/),
    );
    await carry();
    await refused;
    (await places[0]!).end();
    line.listener.arrived[0]!.stream.end();
    (await places[1]!).abort({ code: 'aborted', message: 'no longer needed' });
    await carry();
    const again = [generous.streams.open(4), generous.streams.open(5)];
    await carry();
    await Promise.all(again);
    assert.deepEqual(
      line.listener.arrived.map(({ header }) => header),
      [1, 2, 4, 5],
    );
  });

  test('ends in time: the other side is told behind the opening, and the place is free though it never answers', async () => {
    const side = new LineEnd('outbound', { maxStreams: 1 });
    side.link.take(0);
    for (const id of [1, 3, 5]) {
      const late = withCode('ERR_TIMEOUT', /openStream/);
      const opening = assert.rejects(side.streams.open(id, { timeoutMs: 50 }), late);
      await side.runtime.advance(50);
      await opening;
    }
    side.link.take(10);
    await turns(1);
    assert.deepEqual(summary(side.sent()), [
      [streamOpen, 1],
      [streamAbort, 1],
      [streamOpen, 3],
      [streamAbort, 3],
      [streamOpen, 5],
      [streamAbort, 5],
    ]);
    for (const id of [1, 3, 5]) side.receive(credit(id, 100));
    await turns(1);
    assert.deepEqual(side.sent(), [], 'an answer that comes too late is passed over');
    const opening = side.streams.open(null);
    await turns(1);
    assert.deepEqual(summary(side.sent()), [[streamOpen, 7]]);
    side.receive(credit(7, 100));
    await opening;
  });

  test('that is given up before its turn has come is not handed over, and takes no place there either', async () => {
    const side = new LineEnd('inbound', { maxStreams: 1 });
    const first = open(1, 1_000);
    assert.equal(side.streams.onOpen(first), true);
    side.receive(abort(1));
    side.streams.offer(first, side.handler);
    side.receive(open(3, 1_000));
    await turns(1);
    assert.deepEqual(
      side.arrived.map(({ stream }) => stream.id),
      [3],
    );
    assert.deepEqual(summary(side.sent()), [[streamCredit, 3]]);
  });

  test('takes any data of up to 64 KiB as its header', async () => {
    const line = new Line();
    const headers = [null, '', 'x'.repeat(64 * kibibyte), { deep: [Float32Array.of(1.5), Uint8Array.of(4)] }];
    for (const header of headers) await line.stream(header);
    assert.deepEqual(
      line.listener.arrived.map(({ header }) => header),
      headers,
    );
    const tooLong = line.dialler.streams.open('x'.repeat(64 * kibibyte + 1));
    await assert.rejects(tooLong, withCode('ERR_MESSAGE_TOO_LARGE', /65537 bytes, at most 65536/));
    const small = new LineEnd('outbound', { maxMessageBytes: 100 });
    await assert.rejects(small.streams.open('x'.repeat(97)), withCode('ERR_MESSAGE_TOO_LARGE', /at most 96/));
    await assert.rejects(small.streams.open((() => {}) as never), TypeError);
  });

  test('with a header that cannot be decoded is refused, and the user is told', async () => {
    const line = new Line();
    const broken = { ...open(1, 1_000), format: 1 };
    line.listener.receive(broken);
    await turns(1);
    assert.deepEqual(summary(line.listener.sent()), [[streamAbort, 1]]);
    line.listener.receive({ ...open(3, 1_000), compression: 1 });
    await turns(1);
    assert.deepEqual(summary(line.listener.sent()), [[streamAbort, 3]]);
    assert.deepEqual(line.listener.arrived, []);
    assert.ok(line.listener.rejected.every(withCode('ERR_MESSAGE_INVALID')));
    assert.equal(line.listener.rejected.length, 2);
  });
});

suite('the end of a stream', () => {
  test('an abort fails both directions on both sides, with the reason, and drops what waits', async () => {
    const line = new Line();
    const [ours, theirs] = await line.stream();
    ours.write(new Uint8Array(1_000));
    theirs.write(new Uint8Array(1_000));
    await line.flow();
    const withReason = withCode('ERR_STREAM_ABORTED', /^the disk is full$/);
    await ours.read();
    const waiting = assert.rejects(ours.read(), withReason);
    ours.write(new Uint8Array(1_000));
    ours.abort({ code: 'aborted', message: 'the disk is full' });
    ours.abort({ code: 'aborted', message: 'again' });
    await line.flow();
    await waiting;
    for (const stream of [ours, theirs]) {
      await assert.rejects(stream.read(), withReason);
      await assert.rejects(stream.closed, withReason);
      assert.throws(() => stream.write(Uint8Array.of(1)), withReason);
      await stream.drained();
      stream.end();
    }
    await line.flow();
    assert.deepEqual([line.dialler.streams.isReady, line.listener.streams.isReady], [false, false]);
  });

  test('an abort after the end of one direction fails what is left, and what was not read is no clean end', async () => {
    const line = new Line();
    const [ours, theirs] = await line.stream();
    ours.write(new Uint8Array(100));
    ours.end();
    await line.flow();
    ours.abort({ code: 'aborted', message: 'changed my mind' });
    await line.flow();
    await assert.rejects(theirs.read(), withCode('ERR_STREAM_ABORTED'));
  });

  test('frames on their way to a stream that was given up are passed over', async () => {
    const line = new Line();
    const [ours, theirs] = await line.stream();
    theirs.write(new Uint8Array(1_000));
    theirs.end();
    ours.abort({ code: 'aborted', message: 'enough' });
    await line.flow();
    for (const frame of [
      data(1, 5),
      credit(1, 5),
      end(1),
      abort(1),
      data(77, 5),
      credit(77, 1),
      end(77),
      abort(77),
    ]) {
      line.dialler.receive(frame);
      line.listener.receive(frame);
    }
    await line.stream();
  });

  test('an abort by both sides at once is one', async () => {
    const line = new Line();
    const [ours, theirs] = await line.stream();
    ours.abort({ code: 'aborted', message: 'ours' });
    theirs.abort({ code: 'aborted', message: 'theirs' });
    await line.flow();
    await assert.rejects(ours.closed, /ours/);
    await assert.rejects(theirs.closed, /theirs/);
    assert.deepEqual([line.dialler.streams.isReady, line.listener.streams.isReady], [false, false]);
  });

  test('the end of the connection fails what is open, behind what has arrived', async () => {
    const line = new Line();
    const [ours, theirs] = await line.stream();
    const [whole, wholeThere] = await line.stream();
    const opening = line.dialler.streams.open(null);
    ours.write(Uint8Array.of(1));
    whole.write(Uint8Array.of(2));
    whole.end();
    wholeThere.end();
    await turns(1);
    const lost = assert.rejects(opening, withCode('ERR_CONNECTION_CLOSED'));
    for (const frame of line.dialler.sent()) if (frame.kind !== streamOpen) line.listener.receive(frame);
    await turns(1);
    line.dialler.close();
    line.listener.close();
    const closed = withCode('ERR_CONNECTION_CLOSED', /closed by the test/);
    await lost;
    assert.deepEqual([...(await theirs.read())!], [1]);
    await assert.rejects(theirs.read(), closed);
    await assert.rejects(theirs.closed, closed);
    assert.throws(() => theirs.write(Uint8Array.of(1)), closed);
    assert.deepEqual([...(await wholeThere.read())!], [2]);
    assert.equal(await wholeThere.read(), undefined);
    await wholeThere.closed;
  });
});
