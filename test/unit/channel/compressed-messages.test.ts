import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { deflateSync } from 'node:zlib';
import { DecompressionTurns } from '../../../src/base/decompression-turns.ts';
import { type Limits, resolveLimits } from '../../../src/base/limits.ts';
import { MemoryBudget } from '../../../src/base/memory-budget.ts';
import { encodePacket } from '../../../src/p2pnetwork/packet.ts';
import { PacketChannel } from '../../../src/p2pnetwork/packet-channel.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import {
  availableCompressions,
  compress,
  compressionCodes,
} from '../../../src/wire/compression/compression.ts';
import { FrameKind, idBody, idOf, smallFrame, writeFrameHeader } from '../../../src/wire/frames/frame.ts';
import { PayloadFormat } from '../../../src/wire/payloads/payload.ts';
import { FakeLink } from '../../support/fake-link.ts';
import { silentLog } from '../../support/silent-log.ts';
import { turn, until } from '../../support/turns.ts';
import { ThreadedRuntime } from '../../support/virtual-runtimes.ts';
import { dataFrame, kindsOf, openChannel } from './open-channel.ts';

function compressed(text: string, kind: number = FrameKind.message, id?: number): Uint8Array {
  return frameOf(deflateSync(text), kind, id);
}

function frameOf(payload: Uint8Array, kind: number = FrameKind.message, id?: number): Uint8Array {
  const body = id === undefined ? payload : Buffer.concat([idBody(id), payload]);
  const frame = smallFrame(kind, body);
  const fields = { kind, flags: 0, format: PayloadFormat.text, compression: 1 };
  writeFrameHeader(frame, 0, { ...fields, length: body.length });
  return frame;
}

/** A channel of a node for another of whose connections a MiB has been decompressed, which took 100 ms. */
function busyNode() {
  const runtime = new VirtualRuntime();
  const turns = new DecompressionTurns(runtime);
  const unfold = () => {
    runtime.compute(100);
    return new Uint8Array(2 ** 20);
  };
  turns.run({}, unfold, () => {});
  return { ...openChannel({ runtime, turns }), turns };
}

for (const name of availableCompressions()) {
  test(`bytes that came compressed (${name}) are alone in their memory, which the user may transfer`, async () => {
    const { link, behaviour } = openChannel();
    const received = Promise.withResolvers<Uint8Array>();
    behaviour.message = (data) => {
      received.resolve(data as Uint8Array);
      return true;
    };
    const bytes = Uint8Array.from({ length: 5_000 }, (_, index) => index % 7);
    const frame = frameOf(compress(bytes, name));
    frame[6] = PayloadFormat.bytes;
    frame[7] = compressionCodes[name];
    link.onMessage(frame);
    assert.deepEqual(new Uint8Array((await received.promise).buffer), bytes);
  });
}

suite('while the node has decompressed enough', () => {
  test('a compressed message waits, and what comes after it as well', async () => {
    const { link, runtime, told, channel } = busyNode();
    link.onMessage(dataFrame(FrameKind.message, 'plain'));
    link.onMessage(compressed('first'));
    link.onMessage(dataFrame(FrameKind.message, 'second'));
    link.onMessage(compressed('third'));
    await runtime.advance(99);
    assert.deepEqual(told, ['message plain']);
    assert.ok(channel.heldBytes > 0);
    await runtime.advance(1);
    await turn();
    assert.deepEqual(told, ['message plain', 'message first', 'message second', 'message third']);
    assert.equal(channel.heldBytes, 0);
  });

  test('one of a Python node waits as well, and is dropped when this side closes', async () => {
    const { runtime, turns, told, handler } = busyNode();
    const [link, other] = [new FakeLink(), new FakeLink()];
    const limits = resolveLimits();
    const budget = new MemoryBudget(limits.memoryBudgetBytes);
    const options = {
      direction: 'inbound',
      limits,
      budget,
      turns,
      runtime,
      bigIntegers: false,
      traffic: silentLog,
    } as const;
    const [channel, leaving] = [link, other].map((each) => new PacketChannel(each, options));
    for (const each of [channel!, leaving!]) each.start(handler);
    other.onMessage(encodePacket('never handled', { compression: 'zlib' }));
    link.onMessage(encodePacket('first', { compression: 'zlib' }));
    link.onMessage(encodePacket('second'));
    assert.ok(channel!.heldBytes > 0);
    leaving!.close({ code: 'disconnected', message: 'enough' });
    await runtime.advance(99);
    assert.deepEqual(told, []);
    await runtime.advance(1);
    await turn();
    assert.deepEqual(told, ['message first', 'message second']);
    assert.deepEqual(runtime.pending, []);
  });

  test('one that waits is dropped when this side closes, and nothing is left', async () => {
    const { link, runtime, told, channel } = busyNode();
    link.onMessage(compressed('never handled'));
    channel.close({ code: 'disconnected', message: 'enough' });
    link.end();
    await turn();
    await runtime.advance(200);
    assert.deepEqual(told, ['closed disconnected by us']);
    assert.deepEqual(runtime.pending, []);
  });

  test('one that waits is dropped when the other side breaks the protocol', async () => {
    const { link, runtime, told } = busyNode();
    link.onMessage(compressed('never handled'));
    link.onMessage(smallFrame(FrameKind.part, new Uint8Array(1)));
    assert.deepEqual(kindsOf(link), [FrameKind.goodbye]);
    link.end();
    await turn();
    await turn();
    assert.deepEqual(told, ['closed protocol by us']);
    assert.deepEqual(runtime.pending, []);
  });

  test('one that waits is handled when the link ends', async () => {
    const { link, runtime, told } = busyNode();
    link.onMessage(compressed('last'));
    link.end();
    await turn();
    assert.deepEqual(told, []);
    await runtime.advance(100);
    assert.deepEqual(told, ['message last', 'closed lost by link']);
    assert.deepEqual(runtime.pending, []);
  });
});

suite('a large message that another thread decompresses', () => {
  const large = 'large '.repeat(2 ** 18);

  function threadedNode(limits?: Partial<Limits>) {
    const runtime = new ThreadedRuntime();
    const turns = new DecompressionTurns(runtime);
    const scene = openChannel({ runtime, turns, ...(limits && { limits }) });
    const heard = () => scene.told.map((line) => line.slice(0, 'message large'.length));
    return { ...scene, heard, turns };
  }

  test('holds up what comes after it, and counts meanwhile', async () => {
    const { link, told, heard, channel, runtime } = threadedNode();
    link.onMessage(compressed(large));
    assert.deepEqual(told, []);
    assert.ok(channel.heldBytes > 0);
    link.onMessage(dataFrame(FrameKind.message, 'next'));
    await until(() => told.length === 2, 'both messages');
    assert.equal(told[0], `message ${large}`);
    assert.deepEqual(heard(), ['message large', 'message next']);
    assert.equal(channel.heldBytes, 0);
    await runtime.advance(0);
    assert.deepEqual(runtime.pending, []);
  });

  test('is handled when the link ends, and before the end is told', async () => {
    const { link, told, heard } = threadedNode();
    link.onMessage(compressed(large));
    link.end();
    await until(() => told.length === 2, 'the end');
    assert.deepEqual(heard(), ['message large', 'closed lost b']);
  });

  test('is not handled when it asks for an answer, and the link ends', async () => {
    const { link, told } = threadedNode();
    link.onMessage(compressed(large, FrameKind.request, 1));
    link.end();
    await until(() => told.length > 0, 'the end');
    assert.deepEqual(told, ['closed lost by link']);
  });

  test('is dropped when this side closes, which waits for no thread', async () => {
    const { link, told, channel, runtime, turns } = threadedNode();
    link.onMessage(compressed(large));
    channel.close({ code: 'disconnected', message: 'enough' });
    link.end();
    await turn();
    await turn();
    assert.deepEqual(told, ['closed disconnected by us']);
    // The next one's turn comes when the thread is done with the first.
    const another = openChannel({ runtime, turns });
    another.link.onMessage(compressed(large));
    await untilInTime(runtime, () => another.told.length === 1, 'a later message');
    assert.deepEqual(told, ['closed disconnected by us']);
  });

  test('that is damaged is rejected, and ends the connection', async () => {
    const { link, told } = threadedNode();
    const body = deflateSync(large).map((byte, index, { length }) => (index < length - 4 ? byte : ~byte));
    link.onMessage(frameOf(body));
    link.onMessage(dataFrame(FrameKind.message, 'never handled'));
    await until(() => told.length === 1, 'the refusal');
    assert.deepEqual(told, ['rejected ERR_DECOMPRESSION']);
    assert.deepEqual(kindsOf(link), [FrameKind.goodbye]);
    link.end();
    await until(() => told.length === 2, 'the end');
    assert.equal(told[1], 'closed protocol by us');
  });

  /** Other threads take real time, and turns virtual time, that passes meanwhile. */
  function untilInTime(runtime: VirtualRuntime, isSo: () => boolean, what: string): Promise<void> {
    return until(() => {
      void runtime.advance(1);
      return isSo();
    }, what);
  }

  /**
   * Asks so many questions, and has each answered by the same frame but for its number.
   *
   * @param timeoutMs An hour by default: virtual time may pass much faster than threads work.
   */
  async function answered(
    count: number,
    payload: Uint8Array,
    { timeoutMs = 3_600_000, limits }: { timeoutMs?: number; limits?: Partial<Limits> } = {},
  ) {
    const scene = threadedNode(limits);
    const answers = Array.from({ length: count }, () => scene.channel.request('question', { timeoutMs }));
    await turn();
    for (const { kind, body } of scene.link.takeFrames()) {
      scene.link.onMessage(frameOf(payload, FrameKind.response, idOf(kind, body)));
    }
    return { ...scene, answers };
  }

  test('is an answer all the same when the link ends after it, and before the end is told', async () => {
    const { link, answers, told, runtime } = await answered(2, deflateSync(large));
    link.end();
    for (const answer of answers) {
      void answer.then((data) => told.push(`answer of ${(data as string).length}`));
    }
    await untilInTime(runtime, () => told.length === 3, 'the answers and the end');
    const line = `answer of ${large.length}`;
    assert.deepEqual(told, [line, line, 'closed lost by link']);
  });

  test('that is an answer and damaged is told of before the end', async () => {
    const damaged = deflateSync(large).map((byte, index, { length }) => (index < length - 4 ? byte : ~byte));
    const { link, answers, told } = await answered(1, damaged);
    link.end();
    await assert.rejects(answers[0]!, { code: 'ERR_MESSAGE_INVALID' });
    await until(() => told.length === 2, 'the end');
    assert.deepEqual(told, ['rejected ERR_DECOMPRESSION', 'closed lost by link']);
  });

  test('is no answer any more once this side has closed', async () => {
    const { channel, link, answers, told } = await answered(3, deflateSync(large));
    channel.close({ code: 'disconnected', message: 'enough' });
    link.end();
    for (const answer of answers) await assert.rejects(answer, { code: 'ERR_CONNECTION_CLOSED' });
    assert.deepEqual(told, ['closed disconnected by us']);
  });

  test('is an answer that times out while it waits, and is not even decompressed then', async (t) => {
    const begun = t.mock.method(DecompressionTurns.prototype, 'run').mock;
    const { answers, runtime, channel } = await answered(20, deflateSync(large), { timeoutMs: 50 });
    const late = Promise.allSettled(answers.slice(1));
    assert.equal(await answers[0], large);
    await runtime.advance(50);
    for (const { status } of await late) assert.equal(status, 'rejected');
    await untilInTime(runtime, () => channel.heldBytes === 0, 'nothing is kept');
    assert.ok(begun.callCount() <= 3, `${begun.callCount()} of 20 were begun`);
  });

  test('is one answer of many that wait, counted, for one to be decompressed at a time', async () => {
    const limits = { unhandledMaxBytes: 10_000 };
    const payload = deflateSync('x'.repeat(100_000));
    const { answers, channel, runtime, link } = await answered(100, payload, { limits });
    assert.ok(channel.heldBytes > 99 * 128);
    assert.equal(link.isPaused, true);
    const all = Promise.all(answers);
    let isOver = false;
    void all.then(() => {
      isOver = true;
    });
    await untilInTime(runtime, () => isOver, 'all answers');
    assert.equal(channel.heldBytes, 0);
    assert.equal(link.isPaused, false);
  });

  test('holds up no answer that is not compressed, nor messages an answer', async () => {
    const { link, channel, behaviour, told } = threadedNode();
    behaviour.message = () => new Promise(() => {});
    link.onMessage(dataFrame(FrameKind.message, 'held'));
    const [first, second] = [channel.request('question'), channel.request('question')];
    await turn();
    const [one, other] = link.takeFrames().map(({ kind, body }) => idOf(kind, body));
    link.onMessage(frameOf(deflateSync(large), FrameKind.response, one));
    link.onMessage(dataFrame(FrameKind.response, 'plain', { id: other! }));
    assert.equal(await Promise.race([first, second]), 'plain');
    assert.equal(await first, large);
    assert.deepEqual(told, ['message held']);
  });
});
