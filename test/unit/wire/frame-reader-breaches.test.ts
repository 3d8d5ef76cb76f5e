import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { FrameFlag, FrameKind, frameHeaderBytes } from '../../../src/wire/frames/frame.ts';
import { FrameReader } from '../../../src/wire/frames/frame-reader.ts';
import { withCode } from '../../support/errors.ts';
import { bytes, firstFrame, frame, part, read } from './raw-frames.ts';

const { more } = FrameFlag;

suite('what breaks the protocol is refused', () => {
  const limits = { maxBodyBytes: 1_000, maxMessageBytes: 5_000 };
  const ok = firstFrame(100, bytes(50));
  const wrong: Record<string, [Uint8Array[], RegExp, ('ERR_PROTOCOL' | 'ERR_MESSAGE_TOO_LARGE')?]> = {
    'a frame one byte too long': [[frame({ body: bytes(1_001) })], /frame has 1001 bytes, but at most 1000/],
    'a frame that says it is 4 GiB long': [[frame({ length: 0xffffffff })], /frame has 4294967295 bytes/],
    'flags that nobody knows': [[frame({ flags: 2 })], /unknown frame flags 2/],
    'all flags at once': [[frame({ flags: 255, body: bytes(9) })], /unknown frame flags 255/],
    'a part without a message': [[part(bytes(5), 0)], /a part without its message/],
    'a part after its message ended': [
      [ok, part(bytes(50), 0), part(bytes(5), 0)],
      /a part without its message/,
    ],
    'a ping that is cut': [
      [firstFrame(100, bytes(50), { kind: FrameKind.ping })],
      /only messages may be cut/,
    ],
    'a hello that is cut': [
      [firstFrame(100, bytes(50), { kind: FrameKind.hello })],
      /only messages may be cut/,
    ],
    'a cut message inside another': [
      [ok, firstFrame(100, bytes(50))],
      /a message between the parts of another/,
    ],
    ...Object.fromEntries(
      ['message', 'request', 'response', 'failure', 'deliver'].map((name) => [
        `a whole ${name} inside a cut message`,
        [
          [ok, frame({ kind: FrameKind[name as keyof typeof FrameKind], body: bytes(9) })],
          /a message between the parts of another/,
        ],
      ]),
    ),
    'a message longer than allowed': [
      [firstFrame(5_001, bytes(50))],
      /message has 5001 bytes, but at most 5000/,
      'ERR_MESSAGE_TOO_LARGE',
    ],
    'a total of 4 GiB': [[firstFrame(0xffffffff, bytes(50))], /4294967295/, 'ERR_MESSAGE_TOO_LARGE'],
    'a total of nothing': [[firstFrame(0, bytes(50))], /without further parts/],
    'a total that the first frame holds already': [[firstFrame(50, bytes(50))], /without further parts/],
    'a total below the first frame': [[firstFrame(49, bytes(50))], /without further parts/],
    'a first frame without content': [[firstFrame(100, bytes(0))], /without further parts/],
    'a first frame too short for its total': [
      [frame({ flags: more, body: new Uint8Array(3) }), Uint8Array.of(100)],
      /without further parts/,
    ],
    'an empty part': [[ok, part(bytes(0))], /do not fit/],
    'an empty last part': [[ok, part(bytes(0), 0)], /do not fit/],
    'a last part too short': [[ok, part(bytes(49), 0)], /do not fit/],
    'a last part too long': [[ok, part(bytes(51), 0)], /do not fit/],
    'a part that reaches the end, and is not the last': [[ok, part(bytes(50))], /do not fit/],
    'a part that goes past the end': [[ok, part(bytes(60))], /do not fit/],
  };
  for (const [name, [frames, message, code = 'ERR_PROTOCOL']] of Object.entries(wrong)) {
    test(name, () => {
      const stream = Buffer.concat(frames);
      const isRefused = withCode(code, message);
      assert.throws(() => read([stream], limits), isRefused);
      assert.throws(
        () =>
          read(
            Array.from(stream, (byte) => Uint8Array.of(byte)),
            limits,
          ),
        isRefused,
      );
    });
  }

  test('at the header already, before its body has come', () => {
    const header = frame({ length: 1_001 }).subarray(0, frameHeaderBytes);
    assert.throws(() => read([header], limits), withCode('ERR_PROTOCOL'));
    const lying = firstFrame(5_001, bytes(50)).subarray(0, frameHeaderBytes + 4);
    assert.throws(() => read([lying], limits), withCode('ERR_MESSAGE_TOO_LARGE'));
  });

  test('what came before is handed on', () => {
    const kinds: number[] = [];
    const reader = new FrameReader((kind) => kinds.push(kind), limits);
    const stream = Buffer.concat([frame({ kind: FrameKind.ping }), frame({ flags: 9 }), frame({})]);
    assert.throws(() => reader.push(stream), withCode('ERR_PROTOCOL'));
    assert.deepEqual(kinds, [FrameKind.ping]);
  });
});
