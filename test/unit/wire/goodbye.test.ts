import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  decodeGoodbye,
  encodeGoodbye,
  type GoodbyeCode,
  goodbye,
  goodbyeCodes,
} from '../../../src/wire/frames/goodbye.ts';
import { withCode } from '../../support/errors.ts';

const utf8 = new TextEncoder();
const decodeJson = (value: unknown) => decodeGoodbye(utf8.encode(JSON.stringify(value)));

test('each reason arrives, with its own words or others', () => {
  for (const code of Object.keys(goodbyeCodes) as GoodbyeCode[]) {
    assert.deepEqual(decodeGoodbye(encodeGoodbye(goodbye(code))), { code, message: goodbyeCodes[code] });
    const special = goodbye(code, 'a special reason');
    assert.deepEqual(decodeGoodbye(encodeGoodbye(special)), special);
  }
});

test('a long message is cut, on both sides', () => {
  const long = 'x'.repeat(10_000);
  assert.equal(
    JSON.parse(new TextDecoder().decode(encodeGoodbye(goodbye('full', long)))).message.length,
    500,
  );
  assert.equal(decodeJson({ code: 'full', message: long }).message.length, 500);
});

suite('a strange goodbye is still one:', () => {
  test('a code of a later version counts as disconnected', () => {
    assert.deepEqual(decodeJson({ code: 'bored', message: 'nothing happens' }), {
      code: 'disconnected',
      message: 'nothing happens',
    });
  });

  test('names of the prototype are no codes', () => {
    for (const code of ['toString', '__proto__', 'constructor', 5, null, ['full'], { full: 1 }]) {
      assert.equal(decodeJson({ code, message: 'm' }).code, 'disconnected');
    }
  });

  test('without a message, or with one that is no text, it has that of its code', () => {
    for (const message of [undefined, null, 5, {}, '', '\u0000\u001b']) {
      assert.deepEqual(decodeJson({ code: 'full', message }), goodbye('full'));
    }
  });

  test('its words cannot move a cursor', () => {
    assert.equal(decodeJson({ code: 'full', message: 'no\u001b[31m room\r\n' }).message, 'no[31m room');
  });
});

test('what is no goodbye at all is refused', () => {
  for (const text of ['', 'bye', 'null', '"full"', '7', '{"code":"full"', '\uFEFF{}x']) {
    assert.throws(() => decodeGoodbye(utf8.encode(text)), withCode('ERR_HANDSHAKE', /goodbye/));
  }
  assert.throws(() => decodeGoodbye(Uint8Array.of(0xff, 0xfe)), withCode('ERR_HANDSHAKE'));
});
