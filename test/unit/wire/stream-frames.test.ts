import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { idBytes, readUint32 } from '../../../src/wire/frames/frame.ts';
import {
  decodeStreamAbort,
  decodeStreamCredit,
  decodeStreamOpen,
  encodeStreamOpen,
  maxStreamCredit,
  maxStreamHeaderBytes,
  type StreamAbortCode,
  streamAbortBody,
  streamAbortCodes,
  streamCreditBody,
  streamDataHeaderBytes,
  writeStreamDataHeader,
} from '../../../src/wire/frames/stream-frames.ts';
import { encodePayload } from '../../../src/wire/payloads/payload.ts';
import { withCode } from '../../support/errors.ts';

const invalid = withCode('ERR_PROTOCOL');

/** As it arrives: the number of the stream, and what is behind it. */
function numbered(body: Uint8Array): Uint8Array {
  return Uint8Array.of(0, 0, 0, 7, ...body);
}

suite('the frame that opens a stream', () => {
  test('has a window and a header', () => {
    const header = encodePayload('a film');
    for (const windowBytes of [1, 65_536, maxStreamCredit]) {
      const { format, compression, body } = encodeStreamOpen(windowBytes, header);
      assert.deepEqual([format, compression], [header.format, header.compression]);
      const opened = decodeStreamOpen(numbered(body));
      assert.deepEqual([opened.windowBytes, [...opened.header]], [windowBytes, [...header.body]]);
    }
  });

  test('is refused without a window, with too large a one, or cut, or with too long a header', () => {
    const open = (windowBytes: number, headerBytes: number): Uint8Array => {
      const header = { format: 3, compression: 0, body: new Uint8Array(headerBytes) };
      return numbered(encodeStreamOpen(windowBytes, header).body);
    };
    assert.throws(() => decodeStreamOpen(open(0, 1)), invalid);
    assert.throws(() => decodeStreamOpen(open(maxStreamCredit + 1, 1)), invalid);
    assert.throws(() => decodeStreamOpen(open(1, 0).subarray(0, -1)), invalid);
    assert.equal(decodeStreamOpen(open(1, 0)).header.length, 0);
    assert.equal(decodeStreamOpen(open(1, maxStreamHeaderBytes)).header.length, maxStreamHeaderBytes);
    assert.throws(() => decodeStreamOpen(open(1, maxStreamHeaderBytes + 1)), invalid);
  });
});

suite('the other frames of a stream', () => {
  test('give credit, which has an amount', () => {
    const body = streamCreditBody(7, 100_000);
    assert.deepEqual([readUint32(body, 0), decodeStreamCredit(body)], [7, 100_000]);
    for (const wrong of [
      streamCreditBody(7, 0),
      body.subarray(1),
      Uint8Array.of(...body, 0),
      numbered(body),
    ]) {
      assert.throws(() => decodeStreamCredit(wrong), invalid);
    }
  });

  test('say why a stream was aborted, in a word that is known and a short sentence', () => {
    for (const code of Object.keys(streamAbortCodes) as StreamAbortCode[]) {
      const body = streamAbortBody(7, { code, message: 'because of it' });
      assert.equal(readUint32(body, 0), 7);
      assert.deepEqual(decodeStreamAbort(body), { code, message: 'because of it' });
    }
    const long = decodeStreamAbort(streamAbortBody(7, { code: 'limit', message: 'x'.repeat(1_000) }));
    assert.equal(long.message.length, 500);
    const said = (value: unknown) =>
      decodeStreamAbort(numbered(new TextEncoder().encode(JSON.stringify(value))));
    for (const code of ['newer', 'toString', 5, undefined]) {
      assert.deepEqual(said({ code, message: 'm' }), { code: 'aborted', message: 'm' }, String(code));
    }
    for (const message of ['', 7, undefined]) {
      assert.deepEqual(said({ code: 'limit', message }), { code: 'limit', message: streamAbortCodes.limit });
    }
    assert.equal(said({ code: 'limit', message: 'y'.repeat(1_000) }).message.length, 500);
  });

  test('have the number of their stream before their data', () => {
    const bytes = new Uint8Array(2 + streamDataHeaderBytes + 1).fill(255);
    writeStreamDataHeader(bytes, 2, 7, 1_000);
    assert.deepEqual([...bytes], [255, 255, 0, 0, 3, 236, 8, 0, 0, 0, 0, 0, 0, 7, 255]);
    assert.equal(idBytes, 4);
  });
});
