import assert from 'node:assert/strict';
import { registerHooks } from 'node:module';
import { suite, type TestContext, test } from 'node:test';
import { deflateSync } from 'node:zlib';
import { decodePacket } from '../../../src/p2pnetwork/packet.ts';
import { compressionCodes } from '../../../src/wire/compression/compression.ts';
import { withCode } from '../../support/errors.ts';
import { dialPlain, eventOf, startNode } from './second-links.ts';
import { frame, kinds, textMessage } from './second-peer.ts';

const unknown = 200;
const unavailable = withCode('ERR_COMPRESSION_UNAVAILABLE', /lzma needs .*: npm install @napi-rs\/lzma$/);

let loads = 0;
registerHooks({
  resolve(specifier, context, next) {
    if (!specifier.startsWith('@napi-rs/lzma')) return next(specifier, context);
    loads++;
    throw Object.assign(new Error(`Cannot find module '${specifier}'`), { code: 'MODULE_NOT_FOUND' });
  },
});

suite('protocol 5.8: a node without the package for lzma', () => {
  test('does not name lzma, and says at once what its user has to install', async (t) => {
    const { node, peer, connection, theirs } = await pair(t);
    assert.deepEqual(theirs.compressions, ['none', 'zlib', 'brotli', 'zstd', 'bzip2']);
    const options = { compression: 'lzma' } as const;
    assert.throws(() => connection.send('text', options), unavailable);
    assert.throws(() => node.sendToNodes('text', options), unavailable);
    assert.throws(() => node.sendToNode(connection, 'text', options), unavailable);
    connection.send('text');
    assert.equal((await peer.expect(kinds.message)).body.toString(), 'text');
  });

  for (const [name, compression] of Object.entries({ lzma: compressionCodes.lzma, unknown })) {
    test(`rejects what it cannot read, and keeps the connection: ${name}`, async (t) => {
      const { node, peer } = await pair(t);
      const rejected: { code?: string }[] = [];
      node.on('node_message_rejected', (_peer, error) => void rejected.push(error as { code?: string }));
      const body = Buffer.concat([Buffer.from('00000007', 'hex'), deflateSync('anything')]);
      peer.write(frame(kinds.message, body.subarray(4), { format: 2, compression }));
      for (const kind of [kinds.deliver, kinds.request]) {
        peer.write(frame(kind, body, { format: 2, compression }));
        const failure = await peer.expect(kinds.failure);
        assert.match(failure.body.subarray(4).toString(), /could not be decoded/);
      }
      const after = eventOf(node, 'node_message');
      peer.write(textMessage('after'));
      assert.equal((await after)[1], 'after');
      assert.deepEqual(
        rejected.map(({ code }) => code),
        Array(3).fill('ERR_COMPRESSION_UNAVAILABLE'),
      );
    });

    test(`fails a request whose answer it cannot read: ${name}`, async (t) => {
      const { peer, connection } = await pair(t);
      const answer = assert.rejects(connection.request('text'), { code: 'ERR_MESSAGE_INVALID' });
      const { body } = await peer.expect(kinds.request);
      const response = Buffer.concat([body.subarray(0, 4), deflateSync('anything')]);
      peer.write(frame(kinds.response, response, { format: 2, compression }));
      await answer;
    });
  }

  test('rejects the same of a Python node', () => {
    const packed = Buffer.from('anythinglzma').toString('base64');
    assert.throws(() => decodePacket(Buffer.from(`${packed}\u0002`), 1_000), unavailable);
  });

  test('has looked for the package once', () => assert.equal(loads, 1));
});

/** A node, and a peer that knows lzma and is connected with it. */
async function pair(t: TestContext) {
  const node = await startNode(t);
  const connected = eventOf(node, 'inbound_node_connected');
  const peer = await dialPlain(node);
  const theirs = await peer.shakeHands({ compressions: ['lzma'] });
  const [connection] = await connected;
  return { node, peer, connection, theirs };
}
