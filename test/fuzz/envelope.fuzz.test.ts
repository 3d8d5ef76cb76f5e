import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { type Data, Identity, PeerloomError } from '../../src/index.ts';
import { readEnvelope, sign, verify } from '../../src/secure/envelope.ts';
import { decodePayload, encodePayload } from '../../src/wire/payloads/payload.ts';
import { fuzz } from './fuzz.ts';

const identity = Identity.generate();
const letter = {
  author: identity.id,
  time: 1_700_000_000_000,
  id: '0123456789abcdef'.repeat(2),
  kind: 'message',
  data: { text: 'hello', numbers: [1, 2, 3] },
};
const envelope = sign(identity, letter);

/** As it arrives: through the wire. */
function arrived(data: unknown): Data {
  const { format, body } = encodePayload(data as Data);
  return decodePayload(format, body);
}

suite('signed messages', () => {
  test('that are altered in any way are found out', () => {
    const anyField = fc.constantFrom(...Object.keys(envelope), 'to', '__proto__', 'another');
    const anyValue = fc.oneof(fc.jsonValue(), fc.constantFrom(...Object.values(envelope)), fc.string());
    const property = fc.property(anyField, anyValue, (field, value) => {
      const altered = { ...envelope };
      Object.defineProperty(altered, field, { value, enumerable: true });
      const data = arrived(altered);
      const isSame = JSON.stringify(data) === JSON.stringify(arrived(envelope));
      try {
        verify(readEnvelope(data));
        assert.ok(isSame, `${field} can be altered`);
      } catch (error) {
        assert.ok(error instanceof PeerloomError, String(error));
        assert.ok(!isSame);
      }
    });
    fuzz('signed messages', property, 1_000);
  });

  test('are told from any other data', () => {
    const property = fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      assert.throws(() => readEnvelope(arrived(value)), { code: 'ERR_ENVELOPE_INVALID' });
    });
    fuzz('signed messages', property, 1_000);
  });
});
