import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Identity } from '../../../src/identity/identity.ts';
import { PeerIdClaimed } from '../../../src/p2pnetwork/claimed-id.ts';
import {
  AnswerReader,
  type IdRead,
  type IdReader,
  IntroductionReader,
  introduction,
} from '../../../src/p2pnetwork/ids.ts';
import { encodeText } from '../../../src/wire/payloads/text.ts';

const madeId = '0123456789abcdef'.repeat(8);
const peerId = Identity.generate().id;
const ownId = Identity.generate().id;
const packet = '{"a":1}\u0004';

interface Heard {
  readonly id: string;
  readonly port: number;
  /** All that came after the id. */
  readonly rest: string;
}

/** What a reader makes of these reads, followed by silence. */
function hear(reader: IdReader, reads: readonly Uint8Array[]): Heard | undefined {
  let read: IdRead | undefined;
  const rest: Uint8Array[] = [];
  for (const bytes of reads) {
    if (read !== undefined) rest.push(bytes);
    else read = reader.push(bytes);
  }
  read ??= reader.settle();
  if (read === undefined) return undefined;
  return { id: read.id, port: read.port, rest: Buffer.concat([read.rest, ...rest]).toString() };
}

/** The text in two reads, cut at every byte, and then byte by byte. */
function* splits(text: string): Generator<Uint8Array[]> {
  const bytes = encodeText(text);
  for (let at = 1; at <= bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)];
  yield Array.from(bytes, (byte) => Uint8Array.of(byte));
}

function refuses(reader: IdReader, text: string | Uint8Array, message: RegExp): void {
  const bytes = typeof text === 'string' ? encodeText(text) : text;
  assert.throws(() => hear(reader, [bytes]), { code: 'ERR_HANDSHAKE', message });
}

suite('the introduction of a node that dialled us', () => {
  for (const [id, port] of [
    [madeId, 10001],
    ['a node', 65535],
    ['zażółć 🐍', 8001],
    ['n', 0],
  ] as const) {
    test(`'${id.slice(0, 12)}:${port}' in every split`, () => {
      for (const reads of splits(`${id}:${port}`)) {
        assert.deepEqual(hear(new IntroductionReader(), reads), { id, port, rest: '' });
      }
    });
  }

  test('is whole with five digits, else only after a silence', () => {
    assert.equal(new IntroductionReader().push(introduction('n', 10001))?.port, 10001);
    const reader = new IntroductionReader();
    assert.equal(reader.push(introduction('n', 8001)), undefined);
    assert.equal(reader.settle()?.port, 8001);
  });

  test('is told from a packet that came with it, in every split', () => {
    for (const reads of splits(`n:8001${packet}`)) {
      assert.deepEqual(hear(new IntroductionReader(), reads), { id: 'n', port: 8001, rest: packet });
    }
    for (const reads of splits('n:10001123\u0004')) {
      assert.deepEqual(hear(new IntroductionReader(), reads), { id: 'n', port: 10001, rest: '123\u0004' });
    }
  });

  test('is waited for longer while it has no port, which may follow', () => {
    const reader = new IntroductionReader();
    assert.equal(reader.push(encodeText('n')), undefined);
    const patienceMs = reader.silenceMs;
    assert.equal(reader.push(encodeText(':')), undefined);
    assert.ok(reader.silenceMs < patienceMs && patienceMs <= 1_000);
    assert.equal(reader.settle(), undefined);
    assert.equal(reader.push(encodeText('10001'))?.id, 'n');
  });

  for (const id of ['n', 'zażółć 🐍', '1a2b3c4d', madeId]) {
    test(`may be an id alone, in every split, once nothing follows: '${id.slice(0, 12)}'`, () => {
      for (const reads of splits(id)) {
        const reader = new IntroductionReader();
        for (const bytes of reads) assert.equal(reader.push(bytes), undefined);
        assert.deepEqual(reader.settle(), { id, port: 0, rest: new Uint8Array(0) });
      }
    });
  }

  test('of an id alone ends with the first read when a message follows before the silence', () => {
    for (const following of [packet, 'hello\u0004', `hello\u0004${packet}`]) {
      for (const id of ['n', madeId]) {
        const reads = [id, following].map(encodeText);
        assert.deepEqual(hear(new IntroductionReader(), reads), { id, port: 0, rest: following });
      }
    }
    assert.deepEqual(hear(new IntroductionReader(), [encodeText(madeId + packet)]), {
      id: madeId,
      port: 0,
      rest: packet,
    });
    refuses(new IntroductionReader(), 'nhello\u0004', /arrived together/);
  });

  test('is refused when it cannot be one', () => {
    refuses(new IntroductionReader(), 'a:b:1', /'id:port'.*colon/);
    refuses(new IntroductionReader(), 'a:10001:1', /'id:port'.*colon/);
    refuses(new IntroductionReader(), 'a:65536', /'id:port'/);
    refuses(new IntroductionReader(), ':10001', /empty/);
    refuses(new IntroductionReader(), 'GET / HTTP/1.1\r\nHost:10001', /control characters/);
    refuses(new IntroductionReader(), Uint8Array.of(0xff, 0x3a, 0x31), /UTF-8/);
    refuses(new IntroductionReader(), `${'x'.repeat(257)}:10001`, /longer than 256/);
    refuses(new IntroductionReader(), 'x'.repeat(257), /longer than 256/);
    refuses(new IntroductionReader(), `${peerId}:10001`, /id of a peerloom node.*p2pnetwork\+tls:\/\//);
    refuses(new IntroductionReader(), peerId, /id of a peerloom node/);
    assert.equal(new IntroductionReader().settle(), undefined);
  });
});

suite('the answer of a node that we dialled', () => {
  test('an id that it made is told from what follows, in every split', () => {
    for (const following of ['', packet, `abc${packet}`, packet.repeat(3)]) {
      for (const reads of splits(madeId + following)) {
        assert.deepEqual(hear(new AnswerReader({ ownId }), reads), { id: madeId, port: 0, rest: following });
      }
    }
  });

  test('an id that is expected is told from what follows, in every split', () => {
    for (const reads of splits(`node${packet}`)) {
      assert.deepEqual(hear(new AnswerReader({ ownId, expectedId: 'node' }), reads), {
        id: 'node',
        port: 0,
        rest: packet,
      });
    }
  });

  test('any other id is whole after a silence, in every split', () => {
    for (const reads of splits('zażółć 🐍')) {
      assert.deepEqual(hear(new AnswerReader({ ownId }), reads), { id: 'zażółć 🐍', port: 0, rest: '' });
    }
  });

  test('any other id ends with the first read when a packet follows before the silence', () => {
    const reads = ['node', packet].map(encodeText);
    assert.deepEqual(hear(new AnswerReader({ ownId }), reads), { id: 'node', port: 0, rest: packet });
  });

  test('another id than expected is told as it is', () => {
    assert.equal(hear(new AnswerReader({ ownId, expectedId: 'node' }), [encodeText('other')])?.id, 'other');
    assert.equal(hear(new AnswerReader({ ownId, expectedId: 'node' }), [encodeText('node2')])?.id, 'node2');
    assert.equal(hear(new AnswerReader({ ownId, expectedId: 'node' }), [encodeText(madeId)])?.id, madeId);
  });

  test('is refused when nothing tells it from the packet in the same read', () => {
    refuses(new AnswerReader({ ownId }), `node${packet}`, /dial again.*\{ id \}/);
    refuses(new AnswerReader({ ownId, expectedId: 'other' }), `node${packet}`, /dial again.*\{ id \}/);
  });

  test('is refused when it cannot be one', () => {
    refuses(new AnswerReader({ ownId }), 'a\nb', /control characters/);
    refuses(new AnswerReader({ ownId }), Uint8Array.of(0xff), /UTF-8/);
    refuses(new AnswerReader({ ownId }), 'x'.repeat(257), /longer than 256/);
  });

  test('of a peerloom node is told at once, in every split', () => {
    for (const reads of splits(peerId + packet)) {
      const reader = new AnswerReader({ ownId });
      assert.throws(() => {
        for (const bytes of reads) reader.push(bytes);
      }, PeerIdClaimed);
    }
  });

  test('that holds our own id comes from ourselves or from an echo, in every split', () => {
    const echoes = [`${ownId}:10001`, ownId, `you said ${ownId}:10001`, `> ${ownId}:10001\u0004`];
    for (const echo of echoes) {
      for (const reads of splits(echo)) {
        const reader = new AnswerReader({ ownId });
        assert.throws(
          () => {
            for (const bytes of reads) reader.push(bytes);
          },
          { code: 'ERR_SELF_CONNECTION' },
        );
      }
    }
  });

  test('nothing is no answer', () => {
    assert.equal(new AnswerReader({ ownId }).settle(), undefined);
  });
});
