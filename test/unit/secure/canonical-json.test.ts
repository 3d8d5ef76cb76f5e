import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { canonicalJson } from '../../../src/secure/canonical-json.ts';
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
