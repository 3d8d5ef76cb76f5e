import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { closingNotice, PacketReader, type StreamEnd } from '../../../src/p2pnetwork/packet-reader.ts';
import { encodeText } from '../../../src/wire/payloads/text.ts';

const maxMessageBytes = 1000;

/** A reader whose packets are strings in a list. */
function recording(): { reader: PacketReader; packets: string[] } {
  const packets: string[] = [];
  const onPacket = (packet: Uint8Array) => packets.push(Buffer.from(packet).toString('latin1'));
  return { reader: new PacketReader(onPacket, maxMessageBytes), packets };
}

suite('packets', () => {
  test('are the same however they are split', () => {
    const bytes = encodeText('first\u0004\u0004{"a":1}\u0004eJwDAAAAAAF6bGli\u0002\u0004last');
    for (let first = 0; first <= bytes.length; first++) {
      for (let second = first; second <= bytes.length; second++) {
        const { reader, packets } = recording();
        for (const [from, to] of [
          [0, first],
          [first, second],
          [second, bytes.length],
        ] as const) {
          reader.push(bytes.subarray(from, to));
        }
        const expected = ['first', '', '{"a":1}', 'eJwDAAAAAAF6bGli\u0002'];
        assert.deepEqual(packets, expected, `split at ${first} and ${second}`);
        assert.deepEqual(reader.end(), { kind: 'cut', bytes: 4 });
      }
    }
  });

  test('are not read on after a stop, not even in the same read', () => {
    const packets: string[] = [];
    const reader = new PacketReader((packet) => {
      packets.push(Buffer.from(packet).toString());
      reader.stop();
    }, maxMessageBytes);
    reader.push(encodeText('first\u0004second\u0004third'));
    assert.deepEqual(packets, ['first']);
    assert.deepEqual(reader.end(), { kind: 'whole' });
  });

  test('of 1 MiB in pieces of 7 bytes are put together', () => {
    let length = 0;
    const onPacket = (packet: Uint8Array) => {
      length = packet.length;
    };
    const reader = new PacketReader(onPacket, 2 * 1024 * 1024);
    for (let left = 150_000; left > 0; left--) reader.push(new Uint8Array(7).fill(0x41));
    reader.push(Uint8Array.of(4));
    assert.equal(length, 1_050_000);
  });
});

suite('the end of a connection', () => {
  function endAfter(text: string | Uint8Array): StreamEnd {
    const { reader } = recording();
    reader.push(typeof text === 'string' ? encodeText(text) : text);
    return reader.end();
  }

  test('between packets is whole', () => {
    assert.deepEqual(endAfter(''), { kind: 'whole' });
    assert.deepEqual(endAfter('hi\u0004'), { kind: 'whole' });
  });

  test('inside a packet tells how much is lost', () => {
    assert.deepEqual(endAfter('hi\u0004hello'), { kind: 'cut', bytes: 5 });
  });

  test('after a notice tells its reason', () => {
    const reason = 'Already having a connection together';
    assert.deepEqual(endAfter(closingNotice(reason)), { kind: 'notice', reason });
    assert.equal(
      Buffer.from(closingNotice(reason)).toString(),
      'CLOSING: Already having a connection together',
    );
  });

  test('a message that looks like a notice is a message', () => {
    assert.deepEqual(endAfter('CLOSING: time\u0004'), { kind: 'whole' });
  });
});

suite('what a reader keeps', () => {
  test('is bounded by the largest packet of a message', () => {
    const { reader } = recording();
    const piece = new Uint8Array(100).fill(0x41);
    let pushed = 0;
    const pushForEver = () => {
      for (; ; pushed += piece.length) reader.push(piece);
    };
    assert.throws(pushForEver, { code: 'ERR_MESSAGE_TOO_LARGE' });
    assert.ok(pushed > maxMessageBytes * (4 / 3) && pushed < 3000, `${pushed} bytes were taken`);
  });

  test('is bounded alike when a packet comes in one read', () => {
    const { reader, packets } = recording();
    const tooLarge = encodeText(`${'A'.repeat(3000)}\u0004`);
    assert.throws(() => reader.push(tooLarge), { code: 'ERR_MESSAGE_TOO_LARGE' });
    assert.deepEqual(packets, []);
  });
});
