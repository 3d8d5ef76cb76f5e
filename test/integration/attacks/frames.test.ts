import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { FrameFlag, FrameKind, maxFrameBodyBytes } from '../../../src/wire/frames/frame.ts';
import { RawPeer, rawFrame, uint32 } from './support/raw-peer.ts';
import { attackScene } from './support/scene.ts';

const text = { format: 2 };
const more = { ...text, flags: FrameFlag.more };
const { message, part, request, response, failure, deliver, delivered, ping, pong } = FrameKind;

/** The first frame of a message of `total` bytes that holds `length` of them. */
function firstFrame(total: number, length: number): Buffer {
  return rawFrame(message, Buffer.concat([uint32(total), Buffer.alloc(length, 'x')]), more);
}

suite('frames that break the protocol', () => {
  const scene = attackScene();

  const violations: Record<string, { frames: Buffer[]; reason: RegExp }> = {
    'a frame longer than the limit': {
      frames: [rawFrame(message, '', { ...text, length: maxFrameBodyBytes + 1 })],
      reason: /frame has 262145 bytes/,
    },
    'a frame of the greatest length': {
      frames: [rawFrame(message, '', { ...text, length: 2 ** 32 - 1 })],
      reason: /frame has 4294967295 bytes/,
    },
    'an unknown kind of frame': { frames: [rawFrame(99)], reason: /kind 99/ },
    'an unknown flag': { frames: [rawFrame(message, 'x', { ...text, flags: 2 })], reason: /flags 2/ },
    'a second hello': { frames: [rawFrame(FrameKind.hello, '{}')], reason: /kind 1 is not allowed here/ },
    'a second accept': { frames: [rawFrame(FrameKind.accept)], reason: /kind 2 is not allowed here/ },
    'a part without its message': { frames: [rawFrame(part, 'x')], reason: /part without its message/ },
    'a cut ping': { frames: [rawFrame(ping, uint32(8), more)], reason: /only messages may be cut/ },
    'a cut message longer than the limit': {
      frames: [firstFrame(2 ** 24 + 5, 1)],
      reason: /message has 16777221 bytes/,
    },
    'a cut message of no length': { frames: [firstFrame(0, 0)], reason: /without further parts/ },
    'a cut message without further parts': { frames: [firstFrame(10, 10)], reason: /without further parts/ },
    'a cut message inside another': {
      frames: [firstFrame(10, 5), firstFrame(10, 5)],
      reason: /between the parts of another/,
    },
    'too few parts': { frames: [firstFrame(10, 5), rawFrame(part, 'abc')], reason: /do not fit/ },
    'a last part that is too long': {
      frames: [firstFrame(10, 5), rawFrame(part, 'abcdef')],
      reason: /do not fit/,
    },
    'a last part that says there are more': {
      frames: [firstFrame(10, 5), rawFrame(part, 'abcde', { flags: FrameFlag.more })],
      reason: /do not fit/,
    },
    'an empty part': {
      frames: [firstFrame(10, 5), rawFrame(part, '', { flags: FrameFlag.more })],
      reason: /do not fit/,
    },
    'a request without its number': { frames: [rawFrame(request, 'abc')], reason: /without its number/ },
    'a delivery without its number': { frames: [rawFrame(deliver)], reason: /without its number/ },
    'a response without its number': { frames: [rawFrame(response)], reason: /without its number/ },
    'a failure without its number': { frames: [rawFrame(failure, 'ab')], reason: /without its number/ },
    'a confirmation without its number': { frames: [rawFrame(delivered)], reason: /without its number/ },
    'a ping without its number': { frames: [rawFrame(ping)], reason: /without its number/ },
    'a pong without its number': { frames: [rawFrame(pong)], reason: /without its number/ },
    'a goodbye that is none': { frames: [rawFrame(FrameKind.goodbye, 'bye')], reason: /goodbye .* not JSON/ },
    'an empty goodbye': { frames: [rawFrame(FrameKind.goodbye)], reason: /goodbye .* not JSON/ },
    'a goodbye that is no object': {
      frames: [rawFrame(FrameKind.goodbye, '7')],
      reason: /goodbye .* not an object/,
    },
  };
  for (const [name, { frames, reason }] of Object.entries(violations)) {
    test(`${name} is answered with the reason`, async () => {
      const peer = await RawPeer.connect(scene.port);
      peer.write(...frames);
      const goodbye = await peer.goodbye();
      assert.equal(goodbye.code, 'protocol');
      assert.match(goodbye.message, reason);
      const told = await scene.victim.event('disconnected', peer.id);
      assert.equal(told.code, 'protocol by us');
      assert.match(told.message, reason);
    });
  }

  test('a violation is the end, whatever waits or follows', async () => {
    const { victim, port } = scene;
    await victim.call('handlers', 'hold');
    const peer = await RawPeer.connect(port);
    const before = await victim.call('stats');
    peer.write(...Array.from({ length: 10 }, () => rawFrame(message, 'x', text)), rawFrame(99));
    peer.write(...Array.from({ length: 10 }, () => rawFrame(message, 'x', text)));
    await peer.goodbye();
    await victim.call('handlers', 'prompt');
    await victim.event('disconnected', peer.id);
    const after = await victim.call('stats');
    assert.equal(after.belated, 0, 'no message after the disconnect event');
    assert.equal(after.handled - before.handled, 1, 'what waited is dropped');
  });

  test('answers that nobody asked for are passed over', async () => {
    const peer = await RawPeer.connect(scene.port);
    for (const kind of [response, failure, delivered, pong]) {
      peer.write(rawFrame(kind, Buffer.concat([uint32(12_345), Buffer.from('x')]), text));
    }
    await peer.synced();
    assert.equal(peer.socket.closed, false);
  });

  test('a goodbye said twice is one', async () => {
    const peer = await RawPeer.connect(scene.port);
    const goodbye = rawFrame(FrameKind.goodbye, '{"code":"stopped","message":"one"}');
    peer.write(goodbye, goodbye, rawFrame(99));
    await peer.closed;
    const { code, message } = await scene.victim.event('disconnected', peer.id);
    assert.deepEqual([code, message], ['stopped by them', 'one']);
  });

  test('a goodbye cannot write on a terminal, and what it makes up is passed over', async () => {
    const peer = await RawPeer.connect(scene.port);
    const fields = { code: '__proto__', message: `\u001b[2J\u202e${'x'.repeat(10_000)}` };
    peer.write(rawFrame(FrameKind.goodbye, JSON.stringify(fields)));
    await peer.closed;
    const { code, message } = await scene.victim.event('disconnected', peer.id);
    assert.equal(code, 'disconnected by them');
    assert.match(message, /^\[2Jx{400,500}$/);
  });

  for (const cut of [3, 8, 20]) {
    test(`a connection that ends ${cut} bytes into a frame`, async () => {
      const peer = await RawPeer.connect(scene.port);
      peer.socket.end(rawFrame(message, 'x'.repeat(100), text).subarray(0, cut));
      const { code } = await scene.victim.event('disconnected', peer.id);
      assert.equal(code, 'lost by link');
    });
  }

  test('a connection that is reset in the middle of a cut message', async () => {
    const peer = await RawPeer.connect(scene.port);
    peer.write(firstFrame(2 ** 24, 1_000));
    await peer.synced();
    peer.reset();
    const { code } = await scene.victim.event('disconnected', peer.id);
    assert.equal(code, 'lost by link');
  });

  test('a half that is closed ends the whole', async () => {
    const peer = await RawPeer.connect(scene.port);
    peer.socket.end();
    await peer.closed;
    assert.equal((await scene.victim.event('disconnected', peer.id)).code, 'lost by link');
  });
});

suite('messages past the limit of a node', () => {
  const maxMessageBytes = 1_000;
  const scene = attackScene({ limits: { maxMessageBytes } });

  test('one at the limit is taken', async () => {
    const peer = await RawPeer.connect(scene.port);
    peer.write(rawFrame(message, 'x'.repeat(maxMessageBytes), text));
    await peer.synced();
    assert.equal((await scene.victim.call('stats')).handled, 1);
  });

  for (const kind of [message, request, deliver]) {
    test(`a frame of kind ${kind} that is longer ends the connection`, async () => {
      const peer = await RawPeer.connect(scene.port);
      peer.write(rawFrame(kind, Buffer.alloc(maxMessageBytes + 5, 'x'), text));
      const { code, message } = await peer.goodbye();
      assert.equal(code, 'protocol');
      assert.match(message, /1005 bytes/);
    });
  }

  test('a cut message that is longer ends the connection', async () => {
    const peer = await RawPeer.connect(scene.port);
    peer.write(firstFrame(maxMessageBytes + 5, 1));
    const { code, message } = await peer.goodbye();
    assert.equal(code, 'protocol');
    assert.match(message, /1005 bytes/);
  });

  test('a node sends nothing past the limit that the other side has told', async () => {
    const peer = await RawPeer.connect(scene.port, { maxMessageBytes: 500 });
    await peer.synced();
    const send = (bytes: number) => scene.victim.call('sendOne', { id: peer.id, bytes });
    assert.equal(await send(501), 'ERR_MESSAGE_TOO_LARGE');
    assert.equal(await send(500), 'sent');
    assert.equal((await peer.next(message)).body.length, 500);
  });

  test('an answer past that limit becomes a failure', async () => {
    const peer = await RawPeer.connect(scene.port, { maxMessageBytes: 500 });
    peer.write(rawFrame(request, Buffer.concat([uint32(9), Buffer.alloc(600, 'x')]), text));
    const { body } = await peer.next(failure);
    assert.deepEqual(body.subarray(0, 4), new Uint8Array(uint32(9)));
  });
});
