import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeText, encodeText } from '../../../src/wire/payloads/text.ts';

const text = 'a żółć 漢字 👋 \0 \ufeff';

test('text and back, with Buffer', () => assert.equal(decodeText(encodeText(text)), text));

test('text and back, in a runtime without Buffer', async (t) => {
  const { Buffer } = globalThis;
  t.after(() => {
    globalThis.Buffer = Buffer;
  });
  delete (globalThis as { Buffer?: unknown }).Buffer;
  const fresh: typeof import('../../../src/wire/payloads/text.ts') = await import(
    `../../../src/wire/payloads/text.ts?${'without-buffer'}`
  );
  const bytes = fresh.encodeText(text);
  assert.equal(Object.getPrototypeOf(bytes), Uint8Array.prototype);
  assert.equal(fresh.decodeText(bytes), text);
});

test('a byte order mark stays', () => assert.equal(decodeText(Uint8Array.of(0xef, 0xbb, 0xbf)), '\ufeff'));

test('bytes that are not UTF-8 are refused', () => {
  assert.throws(() => decodeText(Uint8Array.of(0x61, 0x80)), TypeError);
});
