import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Identity } from '../../../src/identity/identity.ts';
import { PeerIdClaimed, readClaimedId } from '../../../src/p2pnetwork/claimed-id.ts';
import { encodeText } from '../../../src/wire/payloads/text.ts';

const read = (id: string): string => readClaimedId(encodeText(id));

suite('an id that is only claimed', () => {
  test('is any text that people can see', () => {
    for (const id of [
      'my-host',
      'a node of its own',
      'zażółć 🐍',
      '日本',
      '127.0.0.1:10001',
      '{1}',
      'e\u0301',
      '0'.repeat(128),
    ])
      assert.equal(read(id), id);
  });

  for (const [what, characters] of [
    ['control characters', '\0\n\r\t\x1b\x7f\x85'],
    ['format characters', '\xad\u061c\u200b\u200d\u200e\u202a\u202e\u2060\u2066\ufeff\u{e0041}'],
    ['characters that programs pass over', '\u034f\u115f\u17b4\u180b\u3164\ufe0f\uffa0\u{e0100}\u{1d173}'],
    ['separators of lines', '\u2028\u2029'],
    ['spaces of other kinds', '\xa0\u1680\u2002\u2009\u202f\u205f\u3000'],
    ['a blank of Braille', '\u2800'],
  ] as const) {
    test(`holds no ${what}`, () => {
      for (const character of characters) {
        for (const id of [`a${character}b`, `${character}ab`, `ab${character}`, character]) {
          const hex = character.codePointAt(0)!.toString(16);
          assert.throws(() => read(id), { code: 'ERR_HANDSHAKE', message: /invisible characters/ }, hex);
        }
      }
    });
  }

  test('does not begin or end with a space', () => {
    for (const id of [' boss', 'boss ', ' ']) assert.throws(() => read(id), { code: 'ERR_HANDSHAKE' });
  });

  test('is never the id of a peerloom node, nor like one', () => {
    const { id } = Identity.generate();
    assert.throws(() => read(id), PeerIdClaimed);
    const alike = [
      `${id}x`,
      id.slice(0, -1),
      `the ${id}`,
      `${id}:10001`,
      '12D3KooW',
      `\uff11\uff12D3KooW${id.slice(8)}`,
      `12\ud835\udc03\ud835\udfd1KooW${id.slice(8)}`,
    ];
    for (const text of alike) {
      assert.throws(() => read(text), { code: 'ERR_HANDSHAKE', message: /12D3KooW, with which only/ }, text);
    }
  });

  test('has a length', () => {
    assert.equal(read('x'.repeat(256)).length, 256);
    assert.throws(() => read('x'.repeat(257)), /longer than 256 bytes/);
    assert.throws(() => read('é'.repeat(129)), /longer than 256 bytes/);
    assert.throws(() => read(''), /empty/);
    assert.throws(() => readClaimedId(Uint8Array.of(0xff)), /UTF-8/);
  });
});
