import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { deflateSync } from 'node:zlib';
import { PacketChannel } from '../../../src/channel/packet-channel.ts';
import { DecompressionTurns } from '../../../src/decompression-turns.ts';
import { resolveLimits } from '../../../src/limits.ts';
import { MemoryBudget } from '../../../src/memory-budget.ts';
import { FrameKind, smallFrame, writeFrameHeader } from '../../../src/wire/frame.ts';
import { encodePacket } from '../../../src/wire/p2pnetwork/packet.ts';
import { PayloadFormat } from '../../../src/wire/payload.ts';
import { FakeLink } from '../../support/fake-link.ts';
import { turn } from '../../support/turns.ts';
import { VirtualRuntime } from '../../support/virtual-runtime.ts';
import { dataFrame, kindsOf, openChannel } from './open-channel.ts';

function compressed(text: string): Uint8Array {
  const body = deflateSync(text);
  const frame = smallFrame(FrameKind.message, body);
  const fields = { kind: FrameKind.message, flags: 0, format: PayloadFormat.text, compression: 1 };
  writeFrameHeader(frame, 0, { ...fields, length: body.length });
  return frame;
}

/** A channel of a node for another of whose connections a MiB has been decompressed, which took 100 ms. */
function busyNode() {
  const runtime = new VirtualRuntime();
  const turns = new DecompressionTurns(runtime);
  turns.count(() => {
    runtime.compute(100);
    return new Uint8Array(2 ** 20);
  });
  return { ...openChannel({ runtime, turns }), turns };
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
    const options = { limits, budget: new MemoryBudget(limits.memoryBudgetBytes), turns };
    const [channel, leaving] = [link, other].map((each) => new PacketChannel(each, options));
    for (const each of [channel!, leaving!]) each.start(handler);
    other.onMessage(encodePacket('never handled', 'zlib'));
    link.onMessage(encodePacket('first', 'zlib'));
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
