import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  AnswerReader,
  type IdRead,
  type IdReader,
  IntroductionReader,
  introduction,
} from '../../../../src/wire/p2pnetwork/ids.ts';
import { encodeText } from '../../../../src/wire/text.ts';

const madeId = '0123456789abcdef'.repeat(8);
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
    ['12D3KooW', 65535],
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

  test('is waited for while it has no port', () => {
    const reader = new IntroductionReader();
    assert.equal(reader.push(encodeText('n')), undefined);
    assert.equal(reader.settle(), undefined);
    assert.equal(reader.push(encodeText(':')), undefined);
    assert.equal(reader.settle(), undefined);
    assert.equal(reader.push(encodeText('10001'))?.id, 'n');
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
  });
});

suite('the answer of a node that we dialled', () => {
  test('an id that it made is told from what follows, in every split', () => {
    for (const following of ['', packet, `abc${packet}`, packet.repeat(3)]) {
      for (const reads of splits(madeId + following)) {
        assert.deepEqual(hear(new AnswerReader(), reads), { id: madeId, port: 0, rest: following });
      }
    }
  });

  test('an id that is expected is told from what follows, in every split', () => {
    for (const reads of splits(`node${packet}`)) {
      assert.deepEqual(hear(new AnswerReader('node'), reads), { id: 'node', port: 0, rest: packet });
    }
  });

  test('any other id is whole after a silence, in every split', () => {
    for (const reads of splits('zażółć 🐍')) {
      assert.deepEqual(hear(new AnswerReader(), reads), { id: 'zażółć 🐍', port: 0, rest: '' });
    }
  });

  test('any other id ends with the first read when a packet follows before the silence', () => {
    const reads = ['node', packet].map(encodeText);
    assert.deepEqual(hear(new AnswerReader(), reads), { id: 'node', port: 0, rest: packet });
  });

  test('another id than expected is told as it is', () => {
    assert.equal(hear(new AnswerReader('node'), [encodeText('other')])?.id, 'other');
    assert.equal(hear(new AnswerReader('node'), [encodeText('node2')])?.id, 'node2');
    assert.equal(hear(new AnswerReader('node'), [encodeText(madeId)])?.id, madeId);
  });

  test('is refused when nothing tells it from the packet in the same read', () => {
    refuses(new AnswerReader(), `node${packet}`, /dial again.*\{ id \}/);
    refuses(new AnswerReader('other'), `node${packet}`, /dial again.*\{ id \}/);
  });

  test('is refused when it cannot be one', () => {
    refuses(new AnswerReader(), 'a\nb', /control characters/);
    refuses(new AnswerReader(), Uint8Array.of(0xff), /UTF-8/);
    refuses(new AnswerReader(), 'x'.repeat(257), /longer than 256/);
  });

  test('nothing is no answer', () => {
    assert.equal(new AnswerReader().settle(), undefined);
  });
});
