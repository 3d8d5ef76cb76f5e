import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { FrameFlag, FrameKind } from '../../../src/wire/frames/frame.ts';
import { helloWith, RawPeer, rawFrame, uint32 } from './support/raw-peer.ts';
import { attackScene } from './support/scene.ts';

const { hello, accept, goodbye, message, ping } = FrameKind;

suite('handshakes that break the protocol', () => {
  const scene = attackScene();

  const refused: Record<string, { frames: Buffer[]; code: string; reason: RegExp }> = {
    'a message before the hello': {
      frames: [rawFrame(message, 'hi', { format: 2 })],
      code: 'protocol',
      reason: /kind 16 came where the handshake needs kind 1/,
    },
    'an accept before the hello': {
      frames: [rawFrame(accept)],
      code: 'protocol',
      reason: /kind 2 came where/,
    },
    'a ping before the hello': {
      frames: [rawFrame(ping, uint32(1))],
      code: 'protocol',
      reason: /kind 4 came where/,
    },
    'a second hello in place of the accept': {
      frames: [helloWith(), helloWith()],
      code: 'protocol',
      reason: /kind 1 came where the handshake needs kind 2/,
    },
    'a message in place of the accept': {
      frames: [helloWith(), rawFrame(message, 'hi', { format: 2 })],
      code: 'protocol',
      reason: /kind 16 came where/,
    },
    'a hello of more than 8 KiB': {
      frames: [rawFrame(hello, `{"versions":[1,1],"x":"${'x'.repeat(8 * 1024)}"}`)],
      code: 'protocol',
      reason: /frame has \d+ bytes, but at most 8192/,
    },
    'a hello that claims 256 KiB': {
      frames: [rawFrame(hello, '', { length: 256 * 1024 })],
      code: 'protocol',
      reason: /frame has 262144 bytes, but at most 8192/,
    },
    'a cut hello': {
      frames: [rawFrame(hello, 'xxxxx', { flags: FrameFlag.more })],
      code: 'protocol',
      reason: /only messages may be cut/,
    },
    'a cut message before the hello': {
      frames: [rawFrame(message, Buffer.concat([uint32(100), Buffer.from('x')]), { flags: FrameFlag.more })],
      code: 'protocol',
      reason: /message has 100 bytes/,
    },
    'a hello that is not UTF-8': {
      frames: [rawFrame(hello, Uint8Array.of(0x22, 0xff, 0x22))],
      code: 'protocol',
      reason: /not JSON/,
    },
    'a hello that is a list': {
      frames: [rawFrame(hello, '[]')],
      code: 'protocol',
      reason: /a field .* is missing or wrong/,
    },
    'a hello that is null': { frames: [rawFrame(hello, 'null')], code: 'protocol', reason: /not an object/ },
    'a hello nested 4,000 deep': {
      frames: [rawFrame(hello, '['.repeat(4_000) + ']'.repeat(4_000))],
      code: 'protocol',
      reason: /a field .* is missing or wrong/,
    },
    'a hello with numbers beyond all bounds': {
      frames: [rawFrame(hello, '{"versions":[1e999,1e999],"port":1e999,"maxMessageBytes":1e999}')],
      code: 'protocol',
      reason: /a field .* is missing or wrong/,
    },
    'a hello whose prototype is to hold its fields': {
      frames: [rawFrame(hello, `{"__proto__":${helloWith().subarray(8)}}`)],
      code: 'protocol',
      reason: /a field .* is missing or wrong/,
    },
    'another network': {
      frames: [helloWith({ network: 'their network' })],
      code: 'network',
      reason:
        /dials belongs to the network 'their network', the one that it dials to the network without a name$/,
    },
    'a newer version of the protocol': {
      frames: [helloWith({ versions: [2, 3] })],
      code: 'version',
      reason: /versions 1 to 1 of the protocol, the other 2 to 3/,
    },
    'an older version of the protocol': {
      frames: [helloWith({ versions: [0, 0] })],
      code: 'version',
      reason: /versions 1 to 1 of the protocol, the other 0 to 0/,
    },
    'a newer version whose hello has other fields': {
      frames: [rawFrame(hello, '{"versions":[2,2],"networks":[""]}')],
      code: 'version',
      reason: /the other 2 to 2/,
    },
  };
  for (const [name, { frames, code, reason }] of Object.entries(refused)) {
    test(`${name} is answered with the reason`, async () => {
      const peer = await RawPeer.dial(scene.port);
      peer.write(...frames);
      const told = await peer.goodbye();
      assert.equal(told.code, code);
      assert.match(told.message, reason);
    });
  }

  const wrongFields = {
    versions: [[1], ['1', '1'], [2, 1], { 0: 1, 1: 1 }],
    network: [7, null, 'x'.repeat(257)],
    addresses: ['tls://host:1', {}, [7], ['x'.repeat(257)], ['a\u001b'], Array(9).fill('a:1')],
    name: ['x'.repeat(65), {}, null],
    instance: ['x'.repeat(65), 1],
    maxMessageBytes: [0, -1, 2 ** 53, '1'],
    compressions: ['zlib', null, {}],
  };
  for (const [field, values] of Object.entries(wrongFields)) {
    test(`a hello with a wrong ${field}`, async () => {
      for (const value of values) {
        const peer = await RawPeer.dial(scene.port);
        peer.write(helloWith({ [field]: value }));
        assert.equal((await peer.goodbye()).code, 'protocol', `${field}: ${JSON.stringify(value)}`);
      }
    });
  }

  test('a name cannot write on a terminal', async () => {
    const name = '\u001b[2J\u0007raw\u202e\n\u2028';
    const peer = await RawPeer.connect(scene.port, { name });
    assert.equal((await scene.victim.event('connected', peer.id)).message, '[2Jraw');
  });

  test('nor can the name of a network', async () => {
    const peer = await RawPeer.dial(scene.port);
    peer.write(helloWith({ network: '\u001b[2J\u202e' }));
    const { body } = await peer.next(goodbye);
    assert.match(
      JSON.parse(Buffer.from(body).toString()).message,
      /dials belongs to the network '\[2J', the one/,
    );
  });

  test('fields and compressions that are not known are passed over', async () => {
    const fields = { compressions: ['none', 'x', 7, null], future: { a: [1] } };
    const peer = await RawPeer.connect(scene.port, fields);
    await peer.synced();
  });

  test('a flood of empty frames while the node makes up its mind about the peer', async () => {
    const floods = { 'more frames than a handshake has': hello, 'more than 8192 bytes': accept };
    for (const [reason, kind] of Object.entries(floods)) {
      const peer = await RawPeer.dial(scene.port);
      peer.write(helloWith({ name: 'doubtful' }));
      peer.write(...Array.from({ length: 10_000 }, () => rawFrame(kind)));
      const { code, message } = await peer.goodbye();
      assert.equal(code, 'protocol');
      assert.ok(message.includes(reason), message);
    }
  });

  test('a goodbye in place of the hello', async () => {
    const peer = await RawPeer.dial(scene.port);
    peer.write(rawFrame(goodbye, '{"code":"stopped"}'));
    await peer.closed;
  });

  test('a goodbye that is none in place of the hello', async () => {
    const peer = await RawPeer.dial(scene.port);
    peer.write(rawFrame(goodbye, 'x'));
    assert.equal((await peer.goodbye()).code, 'protocol');
  });
});

suite('handshakes that do not come to their end', () => {
  const handshakeTimeoutMs = 1_000;
  const scene = attackScene({ limits: { handshakeTimeoutMs } });

  test('a node that cannot make up its mind keeps to the time limit', async () => {
    const peer = await RawPeer.dial(scene.port);
    peer.write(helloWith({ name: 'doubtful' }));
    assert.equal((await peer.goodbye()).code, 'timeout');
  });

  for (const [what, sent] of Object.entries({
    nothing: [],
    'half a hello': [helloWith().subarray(0, 20)],
    'a hello and no accept': [helloWith()],
  })) {
    test(`${what}: the time limit holds`, async () => {
      const startedAt = performance.now();
      const peer = await RawPeer.dial(scene.port);
      peer.write(Buffer.concat(sent));
      assert.equal((await peer.goodbye()).code, 'timeout');
      assert.ok(performance.now() - startedAt >= handshakeTimeoutMs - 5);
    });
  }

  test('a byte now and then does not stretch the time limit', async (t) => {
    const peer = await RawPeer.dial(scene.port);
    const bytes = helloWith();
    let sent = 0;
    const dribble = setInterval(() => peer.write(bytes.subarray(sent, ++sent)), handshakeTimeoutMs / 10);
    t.after(() => clearInterval(dribble));
    assert.equal((await peer.goodbye()).code, 'timeout');
    assert.ok(sent > 1 && sent < bytes.length / 2, `${sent} of ${bytes.length} bytes were sent`);
  });
});
