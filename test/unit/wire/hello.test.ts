import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  agreedVersion,
  decodeHello,
  encodeHello,
  type Hello,
  parseObject,
} from '../../../src/wire/frames/hello.ts';
import { withCode } from '../../support/errors.ts';

const hello: Hello = {
  versions: [1, 1],
  network: 'students',
  addresses: ['tls://0.0.0.0:10001', '/ip4/192.0.2.1/tcp/4001'],
  name: 'alice',
  instance: '0123456789abcdef',
  maxMessageBytes: 16 * 1024 * 1024,
  compressions: ['none', 'zlib'],
  windows: { messages: 4_194_304, requests: 4_194_304, protocols: 4_194_304 },
  protocols: [],
  replace: false,
};

const utf8 = new TextEncoder();
const decodeJson = (value: unknown): Hello => decodeHello(utf8.encode(JSON.stringify(value)));
const decodeText = (text: string): Hello => decodeHello(utf8.encode(text));

test('what was said is what is heard', () => {
  assert.deepEqual(decodeHello(encodeHello(hello)), hello);
  const protocols = Array.from({ length: 32 }, (_, index) => `overlay/${index}`.padEnd(64, '~'));
  assert.deepEqual(decodeHello(encodeHello({ ...hello, protocols })).protocols, protocols);
  const empty = { ...hello, network: '', name: '', addresses: [], compressions: [], replace: true };
  assert.deepEqual(decodeHello(encodeHello(empty)), empty);
});

test('fields of later versions are passed over', () => {
  assert.deepEqual(decodeJson({ ...hello, color: 'green', versions: [1, 1, 'and more'] }), hello);
});

test('a name is shown without what could move a cursor or hide', () => {
  const name = 'al\u001b[2Ji\u202ec\ne\u0000';
  assert.equal(decodeJson({ ...hello, name }).name, 'al[2Jice');
});

test('compressions that are no text are passed over, unknown ones stay', () => {
  const compressions = ['none', 5, null, 'snappy', {}];
  assert.deepEqual(decodeJson({ ...hello, compressions }).compressions, ['none', 'snappy']);
});

test('only true is true', () => {
  for (const replace of [1, 'true', {}, null]) assert.equal(decodeJson({ ...hello, replace }).replace, false);
});

suite('a hello that is none is refused:', () => {
  const refused = withCode('ERR_HANDSHAKE');
  const texts = {
    nothing: '',
    'no JSON': 'hello',
    'half of one': JSON.stringify(hello).slice(0, -1),
    'two of them': JSON.stringify(hello).repeat(2),
    null: 'null',
    'a text': '"hello"',
    'a number': '1e999',
    'an empty object': '{}',
    'an empty list': '[]',
    'a list of much': `[${'1,'.repeat(1_000)}1]`,
    'deep nesting': `${'['.repeat(3_000)}${']'.repeat(3_000)}`,
    'fields of its prototype only': JSON.stringify({ __proto__: null }).replace(
      '{',
      `{"__proto__":${JSON.stringify(hello)}`,
    ),
  };
  for (const [name, text] of Object.entries(texts))
    test(name, () => assert.throws(() => decodeText(text), refused));

  test('bytes that are no UTF-8', () => {
    const bytes = encodeHello({ ...hello, name: 'x' }).slice();
    bytes[bytes.indexOf('x'.charCodeAt(0))] = 0xff;
    for (const body of [bytes, Uint8Array.of(0xff), Uint8Array.of(0xc3)]) {
      assert.throws(() => decodeHello(body), refused);
    }
  });

  const fields: Record<string, unknown[]> = {
    versions: [
      undefined,
      null,
      1,
      '1',
      [],
      [1],
      [1, '1'],
      ['1', 1],
      [2, 1],
      [0.5, 1],
      [-1, 1],
      [1, null],
      { 0: 1, 1: 1 },
    ],
    network: [undefined, null, 5, [], {}, 'x'.repeat(257)],
    addresses: [
      undefined,
      null,
      'tls://a:1',
      [5],
      ['x'.repeat(257)],
      ['tls://a:1\n'],
      ['a\u202eb'],
      Array.from({ length: 9 }, () => 'tls://a:1'),
    ],
    name: [undefined, null, 5, ['a'], 'x'.repeat(65)],
    instance: [undefined, null, 5, 'x'.repeat(65)],
    maxMessageBytes: [undefined, null, 0, -1, '1', 1.5, 2 ** 60],
    compressions: [undefined, null, 'zlib', {}, 5],
    windows: [
      undefined,
      null,
      [],
      {},
      { messages: 1, requests: 1 },
      { messages: 1, requests: 0, protocols: 1 },
    ],
    protocols: [
      undefined,
      null,
      'a/1',
      [5],
      [''],
      ['a b'],
      ['é/1'],
      ['x'.repeat(65)],
      ['a/1', 'a/1'],
      Array.from({ length: 33 }, (_, index) => `a/${index}`),
    ],
    session: [null, {}, { id: 'a' }, { id: 'a', receivedBytes: 0, breaks: -1 }],
  };
  for (const [field, values] of Object.entries(fields)) {
    for (const value of values) {
      const shown = (JSON.stringify(value) ?? 'missing').slice(0, 30);
      test(`${field}: ${shown}`, () =>
        assert.throws(() => decodeJson({ ...hello, [field]: value }), refused));
    }
  }
});

suite('the version', () => {
  test('is the highest that both sides speak', () => {
    assert.equal(agreedVersion([1, 3], [2, 5]), 3);
    assert.equal(agreedVersion([2, 5], [1, 3]), 3);
    assert.equal(agreedVersion([1, 1], [1, 9]), 1);
    assert.equal(agreedVersion([4, 4], [4, 4]), 4);
  });

  test('that they do not share ends it, with advice', () => {
    const message = /this node speaks versions 2 to 3 of the protocol, the other 4 to 5: update the older/;
    assert.throws(() => agreedVersion([4, 5], [2, 3]), withCode('ERR_VERSION', message));
    assert.throws(() => agreedVersion([1, 1], [2, 3]), withCode('ERR_VERSION'));
  });

  test('is looked at first, because later versions may have other fields', () => {
    assert.throws(() => decodeJson({ versions: [7, 9], everything: 'else' }), withCode('ERR_VERSION'));
    assert.throws(() => decodeJson({ versions: [0, 0] }), withCode('ERR_VERSION'));
  });
});

test('a body that should be an object is named when it is none', () => {
  assert.throws(
    () => parseObject(utf8.encode('{'), 'goodbye'),
    withCode('ERR_HANDSHAKE', /the goodbye .* is not JSON/),
  );
  assert.throws(
    () => parseObject(utf8.encode('1'), 'goodbye'),
    withCode('ERR_HANDSHAKE', /the goodbye .* not an object/),
  );
});
