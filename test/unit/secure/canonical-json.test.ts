import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { type Data, Tensor } from '../../../src/index.ts';
import { CanonicalJson, canonicalJson } from '../../../src/secure/canonical-json.ts';
import { samples } from '../../support/samples.ts';

/** RFC 8785: sections 3.2.3 (the whole example), 3.2.3 (sorting), and appendix B (numbers, as IEEE 754 bits). */
const vectors: readonly (readonly [text: string, canonical: string])[] = [
  [
    String.raw`{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}`,
    String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
  ],
  [
    String.raw`{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}`,
    '{"\\r":"Carriage Return","1":"One","\u0080":"Control","ö":"Latin Small Letter O With Diaeresis","€":"Euro Sign","\ud83d\ude00":"Emoji: Grinning Face","\ufb33":"Hebrew Letter Dalet With Dagesh"}',
  ],
  ['[56,{"d":true,"10":null,"1":[]}]', '[56,{"1":[],"10":null,"d":true}]'],
];

const numbers: readonly (readonly [bits: bigint, canonical: string])[] = [
  [0x0000000000000000n, '0'],
  [0x0000000000000001n, '5e-324'],
  [0x8000000000000001n, '-5e-324'],
  [0x7fefffffffffffffn, '1.7976931348623157e+308'],
  [0xffefffffffffffffn, '-1.7976931348623157e+308'],
  [0x4340000000000000n, '9007199254740992'],
  [0xc340000000000000n, '-9007199254740992'],
  [0x4430000000000000n, '295147905179352830000'],
  [0x44b52d02c7e14af5n, '9.999999999999997e+22'],
  [0x44b52d02c7e14af6n, '1e+23'],
  [0x44b52d02c7e14af7n, '1.0000000000000001e+23'],
  [0x444b1ae4d6e2ef4en, '999999999999999700000'],
  [0x444b1ae4d6e2ef4fn, '999999999999999900000'],
  [0x444b1ae4d6e2ef50n, '1e+21'],
  [0x3eb0c6f7a0b5ed8cn, '9.999999999999997e-7'],
  [0x3eb0c6f7a0b5ed8dn, '0.000001'],
  [0x41b3de4355555553n, '333333333.3333332'],
  [0x41b3de4355555554n, '333333333.33333325'],
  [0x41b3de4355555555n, '333333333.3333333'],
  [0x41b3de4355555556n, '333333333.3333334'],
  [0x41b3de4355555557n, '333333333.33333343'],
  [0xbecbf647612f3696n, '-0.0000033333333333333333'],
  [0x43143ff3c1cb0959n, '1424953923781206.2'],
];

suite('canonical JSON', () => {
  test('the examples of RFC 8785', () => {
    for (const [text, canonical] of vectors) assert.equal(canonicalJson(JSON.parse(text)), canonical);
  });

  test('the numbers of RFC 8785, appendix B', () => {
    for (const [bits, canonical] of numbers) {
      const view = new DataView(new ArrayBuffer(8));
      view.setBigUint64(0, bits);
      assert.equal(canonicalJson(view.getFloat64(0)), canonical);
    }
  });

  test('text with half a character is refused, as RFC 8785 section 3.2.2.2 asks', () => {
    assert.throws(() => canonicalJson('\udead'), TypeError);
    assert.throws(() => canonicalJson({ '\udead': 1 }), TypeError);
  });

  test('binary data and the numbers that JSON lacks have marks of their own', () => {
    assert.equal(canonicalJson(Float32Array.of(1.5)), '{"$binary":"AADAPw==","type":"Float32Array"}');
    assert.equal(canonicalJson(Uint8Array.of(4, 255)), '{"$binary":"BP8=","type":"Uint8Array"}');
    assert.equal(
      canonicalJson(Tensor.from([[1.5]])),
      '{"$tensor":"AADAPw==","dtype":"float32","shape":[1,1]}',
    );
    assert.equal(canonicalJson({ $tensor: 'AADAPw==' }), '{"$$tensor":"AADAPw=="}');
    assert.equal(canonicalJson([Number.NaN, -0]), '[{"$number":"NaN"},{"$number":"-0"}]');
    assert.equal(canonicalJson([2n ** 64n, -1n]), '[{"$bigint":"18446744073709551616"},{"$bigint":"-1"}]');
    assert.equal(canonicalJson({ $binary: 'BP8=', $$: 1 }), '{"$$$":1,"$$binary":"BP8="}');
  });

  test('no two of the samples share a text', () => {
    const texts = Object.values(samples).map(canonicalJson);
    assert.equal(new Set(texts).size, texts.length);
  });

  test('the order of keys does not matter, and what JSON holds reads back', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const canonical = canonicalJson(value as never);
        const reversed = JSON.parse(JSON.stringify(value), (_key, item) =>
          item !== null && typeof item === 'object' && !Array.isArray(item)
            ? Object.fromEntries(Object.entries(item).reverse())
            : item,
        );
        // JSON.parse reads -0 as -0, while JSON.stringify writes it as 0.
        if (!/\$|-0/.test(JSON.stringify(value) + canonical)) {
          assert.equal(canonicalJson(reversed), canonical);
          assert.deepEqual(JSON.parse(canonical), value);
        }
      }),
    );
  });
});

/** The pieces of a text. */
function piecesOf(data: Data): string[] {
  const json = new CanonicalJson(data);
  const pieces = [json.nextPiece()];
  while (!json.isWhole) pieces.push(json.nextPiece());
  return pieces;
}

/** A list that counts how often one of its items is taken. */
function countedList(items: readonly Data[]): { list: Data; taken: () => number } {
  let count = 0;
  const get = (target: object, key: string | symbol): unknown => {
    if (key !== 'length') count++;
    return Reflect.get(target, key);
  };
  return { list: new Proxy(items, { get }) as Data, taken: () => count };
}

suite('canonical JSON in pieces', () => {
  const longText = 48 * 1024;

  test('is the text as a whole, and most values have a single piece', () => {
    const data = { b: [1, 'two', { c: null }], a: new Uint8Array(60_000), text: 'x'.repeat(60_000) };
    const base64 = Buffer.from(data.a).toString('base64');
    const text = `{"a":{"$binary":"${base64}","type":"Uint8Array"},"b":[1,"two",{"c":null}],"text":"${data.text}"}`;
    assert.deepEqual(piecesOf(data), [text]);
  });

  test('of many values takes few of them at a time', () => {
    const { list, taken } = countedList(Array.from({ length: 100_000 }, (_, index) => index));
    const json = new CanonicalJson(list);
    let text = '';
    for (let before = 0; !json.isWhole; before = taken()) {
      text += json.nextPiece();
      assert.ok(taken() - before < 10_000, `${taken() - before} numbers at once`);
    }
    assert.equal(text, JSON.stringify(Array.from({ length: 100_000 }, (_, index) => index)));
  });

  test('of many keys sorts a part of them at a time', () => {
    const keys = Array.from({ length: 50_000 }, (_, index) => `key ${(index * 7_919) % 50_000}`);
    const pieces = piecesOf(Object.fromEntries(keys.map((key) => [key, 1])));
    assert.equal(pieces.join(''), `{${keys.sort().map((key) => `"${key}":1`)}}`);
    assert.ok(pieces.length > 100, `${pieces.length} pieces`);
  });

  test('of long text and binary data is short, and joins', () => {
    for (const length of [longText - 1, longText, longText + 1, 10 * longText, 1_000_001]) {
      const text = `\n${'ä😀'.repeat(length / 3)}`.slice(0, length).toWellFormed();
      const bytes = Uint8Array.from({ length }, (_, index) => index);
      const pieces = piecesOf({ bytes, [text]: text });
      const base64 = Buffer.from(bytes).toString('base64');
      const quoted = JSON.stringify(text);
      const expected = `{${quoted}:${quoted},"bytes":{"$binary":"${base64}","type":"Uint8Array"}}`;
      assert.equal(pieces.join(''), expected);
      assert.ok(pieces.every((piece) => piece.length < 500_000));
    }
  });

  test('keeps the halves of a character together wherever the text is cut', () => {
    for (const before of [longText - 2, longText - 1, longText]) {
      const text = `${'x'.repeat(before)}😀${'y'.repeat(longText)}`;
      assert.equal(canonicalJson(text), JSON.stringify(text));
    }
    for (const before of ['', 'x']) {
      const text = before + '😀'.repeat(1.5 * longText);
      assert.equal(canonicalJson(text), JSON.stringify(text));
    }
  });

  test('refuses half a character wherever it is, and names the place, not all of the text', () => {
    const x = (length: number): string => 'x'.repeat(length);
    for (const text of [
      `${x(longText - 1)}\ud83d`,
      `${x(longText - 1)}\ud83d${x(longText)}`,
      `${x(longText)}\ude00${x(longText)}`,
      `${x(1_000_000)}\ud83d`,
      '\ud83d'.repeat(100_000),
    ]) {
      for (const data of [text, { [text]: 1 }]) {
        assert.throws(
          () => canonicalJson(data),
          (error) =>
            error instanceof TypeError && /\\ud83d|\\ude00/.test(error.message) && error.message.length < 400,
        );
      }
    }
  });
});
