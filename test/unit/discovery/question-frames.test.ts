import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  findFrame,
  foundFrame,
  lookFrame,
  readQuestionFrame,
  seenFrame,
  unknownFrame,
} from '../../../src/discovery/question-frames.ts';
import { Identity } from '../../../src/index.ts';
import { type AddressRecord, signAddressRecord } from '../../../src/overlay/membership/address-record.ts';

const number = '0123456789abcdef';
const identity = Identity.generate();
const record = signAddressRecord(identity, {
  network: 'net',
  sequence: 1,
  addresses: ['tls://192.0.2.7:10001'],
}) as AddressRecord;
const question = { number, hops: 4, id: identity.id, seenAs: '192.0.2.9' };

suite('a frame that looks for a node', () => {
  test('is read as it was written', () => {
    assert.deepEqual(readQuestionFrame(findFrame(question)), { kind: 'find', ...question });
    assert.deepEqual(readQuestionFrame(findFrame({ ...question, seenAs: '' })), {
      kind: 'find',
      ...question,
      seenAs: '',
    });
    assert.deepEqual(readQuestionFrame(foundFrame(number, record)), { kind: 'found', number, record });
    assert.deepEqual(readQuestionFrame(unknownFrame(number)), { kind: 'unknown', number });
    assert.deepEqual(readQuestionFrame(lookFrame(number)), { kind: 'look', number });
    for (const host of ['192.0.2.9', '2001:db8::1', '']) {
      const seen = { number, host, port: 65_535, wallMs: 1_800_000_000_000 };
      assert.deepEqual(readQuestionFrame(seenFrame(seen)), { kind: 'seen', ...seen });
    }
  });

  test('names no host that is not text', () => {
    for (const seenAs of ['a host', 'ä', 'a'.repeat(256)]) {
      const frame = readQuestionFrame(findFrame({ ...question, seenAs }));
      assert.deepEqual(frame, { kind: 'find', ...question, seenAs: '' });
    }
  });

  test('is refused at every length but its own', () => {
    const find = findFrame({ ...question, seenAs: '' });
    for (let length = 0; length < find.length; length++) {
      assert.throws(() => readQuestionFrame(find.subarray(0, length)), { code: 'ERR_PROTOCOL' }, `${length}`);
    }
    const found = foundFrame(number, record);
    for (let length = 0; length < found.length; length++) {
      assert.throws(
        () => readQuestionFrame(found.subarray(0, length)),
        { code: 'ERR_PROTOCOL' },
        `${length}`,
      );
    }
    const seen = seenFrame({ number, host: '', port: 1, wallMs: 1 });
    for (let length = 0; length < seen.length; length++) {
      assert.throws(() => readQuestionFrame(seen.subarray(0, length)), { code: 'ERR_PROTOCOL' }, `${length}`);
    }
    const wrong = [
      Uint8Array.of(...seen, 0x1b),
      Uint8Array.of(...seen, ...new Uint8Array(256).fill(0x61)),
      Uint8Array.from(seen).fill(0xff, 9, 17),
      Uint8Array.of(...lookFrame(number), 0),
    ];
    for (const frame of wrong) assert.throws(() => readQuestionFrame(frame), { code: 'ERR_PROTOCOL' });
    assert.throws(() => readQuestionFrame(Uint8Array.of(...unknownFrame(number), 0)), {
      code: 'ERR_PROTOCOL',
    });
  });

  test('is refused with too many hops, another kind, a host that could write on a terminal, or a bad key', () => {
    const spoilt = (at: number, ...bytes: number[]): Uint8Array => {
      const frame = findFrame(question);
      frame.set(bytes, at);
      return frame;
    };
    for (const frame of [
      spoilt(9, 5),
      spoilt(0, 51),
      spoilt(42, 27),
      spoilt(10, ...Array<number>(32).fill(0)),
    ]) {
      assert.throws(() => readQuestionFrame(frame), { code: 'ERR_PROTOCOL' });
    }
    const long = Uint8Array.of(...findFrame({ ...question, seenAs: 'a'.repeat(255) }), 97);
    assert.throws(() => readQuestionFrame(long), { code: 'ERR_PROTOCOL' });
  });
});
