import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { resolveLimits } from '../../../src/base/limits.ts';
import { type HandshakeOptions, shakeHands } from '../../../src/channel/handshake.ts';
import { HandshakeRefused } from '../../../src/channel/handshake-refused.ts';
import { LinkEnd } from '../../../src/channel/link-end.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import { FrameKind, smallFrame } from '../../../src/wire/frames/frame.ts';
import { decodeGoodbye, encodeGoodbye, type GoodbyeCode, goodbye } from '../../../src/wire/frames/goodbye.ts';
import { decodeHello, encodeHello, type Hello } from '../../../src/wire/frames/hello.ts';
import { withCode } from '../../support/errors.ts';
import { FakeLink } from '../../support/fake-link.ts';
import { turn } from '../../support/turns.ts';

const ours: Hello = {
  versions: [1, 1],
  network: 'students',
  addresses: ['tls://0.0.0.0:1'],
  name: 'ours',
  instance: 'a',
  maxMessageBytes: 1_000,
  compressions: ['none'],
  windows: { messages: 4_194_304, requests: 4_194_304, protocols: 4_194_304 },
  protocols: [],
  replace: false,
};
const theirs: Hello = { ...ours, addresses: ['tls://0.0.0.0:2'], name: 'theirs', instance: 'b' };

const helloFrame = (fields: Partial<Hello> = {}): Uint8Array =>
  smallFrame(FrameKind.hello, encodeHello({ ...theirs, ...fields }));
const acceptFrame = smallFrame(FrameKind.accept, new Uint8Array(0));
const goodbyeFrame = (code: GoodbyeCode): Uint8Array =>
  smallFrame(FrameKind.goodbye, encodeGoodbye(goodbye(code)));

/** A handshake whose other side is the test. */
function begin(direction: 'inbound' | 'outbound', options: Partial<HandshakeOptions> = {}) {
  const runtime = new VirtualRuntime();
  const link = new FakeLink();
  const admitted: Hello[] = [];
  const shaking = shakeHands(new LinkEnd(link), {
    direction,
    hello: ours,
    limits: resolveLimits(),
    runtime,
    admit: (hello) => {
      admitted.push(hello);
      return undefined;
    },
    ...options,
  });
  shaking.catch(() => {});
  /** What we say now. */
  const said = async (): Promise<number[]> => {
    await turn();
    return link.takeFrames().map(({ kind }) => kind);
  };
  return { runtime, link, admitted, shaking, said };
}

suite('who dials', () => {
  test('says hello first, and accepts when the other has', async () => {
    const { runtime, link, admitted, shaking, said } = begin('outbound');
    await turn();
    const [first] = link.takeFrames();
    assert.equal(first!.kind, FrameKind.hello);
    assert.deepEqual(decodeHello(first!.body), ours);
    link.onMessage(helloFrame());
    assert.deepEqual(await said(), []);
    assert.deepEqual(admitted, [], 'nobody is asked before the other side has accepted');
    link.onMessage(acceptFrame);
    assert.deepEqual(await said(), [FrameKind.accept]);
    const handshake = await shaking;
    assert.deepEqual([handshake.theirs, handshake.version, handshake.takeRest()], [theirs, 1, []]);
    assert.deepEqual(admitted, [theirs]);
    assert.deepEqual([runtime.pending, link.endings], [[], []]);
  });
});

suite('who is dialled', () => {
  test('says nothing before it has heard and admitted the other', async () => {
    const gate = Promise.withResolvers<undefined>();
    const { link, shaking, said } = begin('inbound', { admit: () => gate.promise });
    assert.deepEqual(await said(), []);
    link.onMessage(helloFrame());
    assert.deepEqual(await said(), []);
    gate.resolve(undefined);
    assert.deepEqual(await said(), [FrameKind.hello, FrameKind.accept]);
    link.onMessage(acceptFrame);
    assert.deepEqual((await shaking).theirs, theirs);
  });

  test('keeps what comes right behind the handshake', async () => {
    const { link, shaking, said } = begin('inbound');
    link.onMessage(helloFrame());
    await said();
    const [begun, rest] = [Buffer.from('the beginning of a frame, '), Buffer.from('and the rest of it')];
    link.onMessage(Buffer.concat([acceptFrame, begun]));
    link.onMessage(rest);
    assert.deepEqual(Buffer.concat((await shaking).takeRest()), Buffer.concat([begun, rest]));
  });
});

suite('byte by byte', () => {
  for (const direction of ['inbound', 'outbound'] as const) {
    test(`it goes as well: ${direction}`, async () => {
      const { link, shaking } = begin(direction);
      for (const byte of Buffer.concat([helloFrame()])) link.onMessage(Uint8Array.of(byte));
      await turn();
      for (const byte of acceptFrame) link.onMessage(Uint8Array.of(byte));
      assert.deepEqual((await shaking).theirs, theirs);
    });
  }
});

suite('a refusal', () => {
  const told = async (link: FakeLink): Promise<GoodbyeCode> => {
    await turn();
    const frames = link.takeFrames().filter(({ kind }) => kind === FrameKind.goodbye);
    assert.equal(frames.length, 1);
    assert.deepEqual(link.endings, ['close 1000']);
    return decodeGoodbye(frames[0]!.body).code;
  };
  const refusedBy = (by: 'us' | 'them', code: GoodbyeCode) => (error: unknown) =>
    error instanceof HandshakeRefused && error.by === by && error.goodbye.code === code;

  for (const direction of ['inbound', 'outbound'] as const) {
    test(`by the node is told to the other side: ${direction}`, async () => {
      const { link, shaking } = begin(direction, { admit: async () => goodbye('refused') });
      link.onMessage(Buffer.concat([helloFrame(), direction === 'outbound' ? acceptFrame : Buffer.alloc(0)]));
      await assert.rejects(shaking, refusedBy('us', 'refused'));
      assert.equal(await told(link), 'refused');
    });

    test(`by the other side is heard, and not answered: ${direction}`, async () => {
      const { link, shaking, said } = begin(direction);
      await said();
      link.onMessage(goodbyeFrame('full'));
      await assert.rejects(shaking, refusedBy('them', 'full'));
      assert.deepEqual(await said(), []);
      assert.deepEqual(link.endings, ['close 1000']);
    });

    test(`of another network, or version, comes before the node is asked: ${direction}`, async () => {
      for (const [fields, code] of [
        [{ network: 'teachers' }, 'network'],
        [{ versions: [2, 3] }, 'version'],
      ] as const) {
        const { link, admitted, shaking } = begin(direction);
        link.onMessage(helloFrame(fields as Partial<Hello>));
        await assert.rejects(shaking);
        assert.equal(await told(link), code);
        assert.deepEqual(admitted, []);
      }
    });
  }

  test('of another network says what to do, in words that are true on both sides', async () => {
    for (const [direction, networks] of [
      [
        'inbound',
        "dials belongs to the network without a name, the one that it dials to the network 'students'",
      ],
      [
        'outbound',
        "dials belongs to the network 'students', the one that it dials to the network without a name",
      ],
    ] as const) {
      const { link, shaking } = begin(direction);
      link.onMessage(helloFrame({ network: '' }));
      const message = `give both nodes the same network: the node that ${networks}`;
      await assert.rejects(shaking, { message });
    }
  });

  test('for want of room does not even listen', async () => {
    const { link, shaking } = begin('inbound', { refusal: goodbye('full') });
    await assert.rejects(shaking, refusedBy('us', 'full'));
    assert.equal(await told(link), 'full');
  });

  test('by a function of the user that throws tells the other side no more than that', async () => {
    const failure = new Error('a secret of ours');
    const { link, shaking } = begin('inbound', { admit: () => Promise.reject(failure) });
    link.onMessage(helloFrame());
    await assert.rejects(shaking, failure);
    assert.equal(await told(link), 'refused');
  });
});

suite('what breaks the protocol ends it with a reason:', () => {
  const wrong: [string, Uint8Array, RegExp][] = [
    [
      'a message before the hello',
      smallFrame(FrameKind.message, Buffer.from('hi')),
      /kind 16 came where the handshake needs kind 1/,
    ],
    ['an accept before the hello', acceptFrame, /kind 2 came where the handshake needs kind 1/],
    [
      'a hello that is none',
      smallFrame(FrameKind.hello, Buffer.from('{}')),
      /a field .* is missing or wrong/,
    ],
    ['garbage', Buffer.from('GET / HTTP/1.1\r\n\r\n'), /frame has \d+ bytes, but at most 8192/],
    [
      'a hello that is too long',
      smallFrame(FrameKind.hello, Buffer.alloc(8_193)),
      /8193 bytes, but at most 8192/,
    ],
    [
      'too many frames',
      Buffer.concat(Array(4).fill(goodbyeFrame('stopped'))),
      /more frames than a handshake has/,
    ],
    ['two hellos', Buffer.concat([helloFrame(), helloFrame(), helloFrame(), helloFrame()]), /more frames/],
    [
      'too many bytes',
      Buffer.concat([
        smallFrame(FrameKind.hello, Buffer.alloc(8_000)),
        smallFrame(FrameKind.hello, Buffer.alloc(8_000)),
      ]),
      /more than 8192 bytes/,
    ],
    ['a message that is cut', smallFrame(FrameKind.part, Buffer.alloc(5)), /a part without its message/],
  ];
  for (const [what, bytes, message] of wrong) {
    test(what, async () => {
      const { runtime, link, shaking } = begin('inbound');
      link.onMessage(bytes);
      await assert.rejects(shaking, (error: Error & { code: string }) => {
        assert.ok(['ERR_PROTOCOL', 'ERR_HANDSHAKE'].includes(error.code), error.code);
        return message.test(error.message);
      });
      await turn();
      const [farewell] = link.takeFrames();
      assert.equal(decodeGoodbye(farewell!.body).code, 'protocol');
      assert.deepEqual(link.endings, ['close 1000']);
      assert.deepEqual(runtime.pending, []);
    });
  }

  test('a message in place of the last accept', async () => {
    const { link, shaking, said } = begin('inbound');
    link.onMessage(helloFrame());
    await said();
    link.onMessage(smallFrame(FrameKind.message, Buffer.from('hi')));
    await assert.rejects(shaking, withCode('ERR_PROTOCOL', /kind 16 came where the handshake needs kind 2/));
  });
});

suite('the time', () => {
  for (const direction of ['inbound', 'outbound'] as const) {
    test(`for all of it is 10 seconds, however slowly the other side talks: ${direction}`, async () => {
      const { runtime, link, shaking } = begin(direction);
      for (const byte of helloFrame().subarray(0, 9)) {
        await runtime.advance(1_000);
        link.onMessage(Uint8Array.of(byte));
      }
      await runtime.advance(999);
      assert.deepEqual(link.endings, []);
      await runtime.advance(1);
      await assert.rejects(shaking, withCode('ERR_TIMEOUT', /the handshake took more than 10000 ms/));
      assert.deepEqual(link.endings, ['close 1000']);
    });
  }

  test('that went by before, for the keys, counts as well', async () => {
    const runtime = new VirtualRuntime();
    await runtime.advance(9_000);
    const link = new FakeLink(0);
    const options = { hello: ours, limits: resolveLimits(), runtime, admit: () => undefined };
    const shaking = shakeHands(new LinkEnd(link), { direction: 'inbound', ...options });
    shaking.catch(() => {});
    await runtime.advance(1_000);
    await assert.rejects(shaking, withCode('ERR_TIMEOUT'));
  });

  test('for an answer of the node is counted too', async () => {
    const { runtime, link, shaking } = begin('inbound', { admit: () => new Promise(() => {}) });
    link.onMessage(helloFrame());
    await runtime.advance(10_000);
    await assert.rejects(shaking, withCode('ERR_TIMEOUT'));
  });
});

test('a link that ends ends the handshake', async () => {
  for (const direction of ['inbound', 'outbound'] as const) {
    const { runtime, link, shaking } = begin(direction);
    link.end(new Error('reset'));
    await assert.rejects(shaking, (error: Error) => {
      assert.ok(withCode('ERR_CONNECTION_CLOSED')(error));
      return (error.cause as Error).message === 'reset';
    });
    assert.deepEqual(runtime.pending, []);
  }
});
