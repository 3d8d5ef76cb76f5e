import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import { PeerloomError } from '../../src/base/errors.ts';
import { FrameKind, idOf, positionBody, positionOf } from '../../src/wire/frames/frame.ts';
import { decodeGoodbye, encodeGoodbye, goodbye, goodbyeCodes } from '../../src/wire/frames/goodbye.ts';
import { decodeHello, encodeHello, maxNameLength, protocolVersions } from '../../src/wire/frames/hello.ts';
import {
  decodeStreamAbort,
  decodeStreamCredit,
  decodeStreamOpen,
  maxStreamCredit,
  maxStreamHeaderBytes,
} from '../../src/wire/frames/stream-frames.ts';
import { fuzz } from './fuzz.ts';

const hello = {
  versions: protocolVersions,
  network: 'a network',
  addresses: ['tls://192.0.2.1:10001'],
  name: 'a node',
  instance: 'a run',
  maxMessageBytes: 2 ** 24,
  compressions: ['none', 'zlib'],
  windows: { messages: 4_194_304, requests: 4_194_304, protocols: 4_194_304 },
  protocols: [],
  replace: false,
  session: { id: 'a session', receivedBytes: 7, resumed: false },
} as const;

/** What is no control character. */
const isPrintable = (text: string): boolean => !/\p{Cc}/u.test(text);

/** Bytes at random, JSON that somebody else means, and a body of ours with a few fields changed or bytes damaged. */
function anyBody(ours: Readonly<Record<string, unknown>>): fc.Arbitrary<Uint8Array> {
  const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
  const fields = fc.dictionary(
    fc.oneof(fc.constantFrom(...Object.keys(ours)), fc.string()),
    fc.oneof(fc.jsonValue(), fc.integer(), fc.double(), fc.constantFrom(2 ** 53, -1, 0, '', null, [], {})),
    { maxKeys: 4 },
  );
  return fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    fc.jsonValue().map(json),
    fields.map((changes) => json({ ...ours, ...changes })),
    fc.tuple(fc.nat(), fc.nat(255)).map(([at, byte]) => {
      const body = json(ours);
      body[at % body.length] = byte;
      return body;
    }),
  );
}

/** A decoder answers, or throws one of the project's own errors. */
function decoded<Value>(decode: () => Value): Value | undefined {
  try {
    return decode();
  } catch (error) {
    assert.ok(error instanceof PeerloomError, String(error));
    return undefined;
  }
}

suite('small frames, any bytes', () => {
  test('a hello is one that can be relied on, or none', () => {
    const property = fc.property(anyBody(hello), (body) => {
      const theirs = decoded(() => decodeHello(body));
      if (theirs === undefined) return;
      assert.ok(theirs.name.length <= maxNameLength && isPrintable(theirs.name));
      assert.ok(
        theirs.addresses.length <= 8 &&
          theirs.addresses.every((text) => text.length <= 256 && isPrintable(text)),
      );
      assert.ok(theirs.maxMessageBytes > 0 && theirs.network.length <= 256 && theirs.instance.length <= 64);
      assert.ok(theirs.compressions.every((name) => typeof name === 'string'));
      if (theirs.session !== undefined) assert.ok(theirs.session.receivedBytes >= 0);
      assert.deepEqual(decodeHello(encodeHello(theirs)), theirs);
    });
    fuzz('hellos', property, 5_000);
  });

  test('a goodbye has a code that is known, and a text that is fit for people', () => {
    const property = fc.property(anyBody({ ...goodbye('disconnected') }), (body) => {
      const theirs = decoded(() => decodeGoodbye(body));
      if (theirs === undefined) return;
      assert.ok(Object.hasOwn(goodbyeCodes, theirs.code));
      assert.ok(theirs.message.length > 0 && theirs.message.length <= 500 && isPrintable(theirs.message));
      assert.deepEqual(decodeGoodbye(encodeGoodbye(theirs)), theirs);
    });
    fuzz('goodbyes', property, 5_000);
  });

  test('frames of streams are within their bounds, or refused', () => {
    const abort = { code: 'aborted', message: 'why' };
    const anyFrame = fc.tuple(fc.uint8Array({ maxLength: 20 }), anyBody(abort), fc.boolean());
    const property = fc.property(anyFrame, ([prefix, rest, hasId]) => {
      const body = Buffer.concat([hasId ? Buffer.alloc(4) : prefix, rest]);
      for (const kind of Object.values(FrameKind)) decoded(() => idOf(kind, body));
      const open = decoded(() => decodeStreamOpen(body));
      if (open !== undefined) {
        assert.ok(open.windowBytes > 0 && open.windowBytes <= maxStreamCredit);
        assert.ok(open.header.length <= maxStreamHeaderBytes);
      }
      for (const one of [body, prefix]) {
        const credit = decoded(() => decodeStreamCredit(one));
        if (credit !== undefined) assert.ok(credit > 0);
        const position = decoded(() => positionOf(one));
        if (position !== undefined) assert.deepEqual(Buffer.from(positionBody(position)), Buffer.from(one));
      }
      const reason = decoded(() => decodeStreamAbort(body));
      if (reason !== undefined) assert.ok(isPrintable(reason.message) && reason.message.length <= 500);
    });
    fuzz('frames of streams', property, 5_000);
  });
});
