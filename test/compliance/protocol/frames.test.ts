import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { beginning, frameBreaches } from './frame-breaches.ts';
import { connectPlain, dialPlain, eventOf, startNode } from './second-links.ts';
import { frame, hello, kinds, type SecondPeer, textMessage, uint32, validHello } from './second-peer.ts';

const maxBodyBytes = 262_144;
const text = { format: 2 };

suite('protocol 3: frames', () => {
  test('3.1 a frame, byte by byte', async (t) => {
    const node = await startNode(t);
    const arrived = eventOf(node, 'node_message');
    const peer = await connectPlain(node);
    peer.write(Buffer.from('00000002 10 00 02 00 6869'.replaceAll(' ', ''), 'hex'));
    const [connection, data] = await arrived;
    assert.equal(data, 'hi');
    connection.send('ho');
    const bytes = await peer.read(10);
    assert.equal(bytes.toString('hex'), '00000002 10 00 02 00 686f'.replaceAll(' ', ''));
  });

  test('3.2 the longest body', async (t) => {
    const node = await startNode(t);
    const arrived = eventOf(node, 'node_message');
    const peer = await connectPlain(node);
    peer.write(textMessage('x'.repeat(maxBodyBytes)));
    assert.equal((await arrived)[1], 'x'.repeat(maxBodyBytes));
  });

  test('3.2 in the handshake a body is at most 8,192 bytes long', async (t) => {
    const peer = await dialPlain(await startNode(t));
    const bare = JSON.stringify({ ...validHello, padding: '' }).length;
    peer.write(hello({ padding: 'x'.repeat(8_192 - bare) }));
    await peer.expect(kinds.hello);
    const other = await dialPlain(await startNode(t));
    other.write(frame(kinds.hello, '', { length: 8_193 }));
    assert.equal((await other.goodbye()).code, 'protocol');
  });

  for (const [name, frames] of Object.entries(frameBreaches)) {
    test(`${name} is a breach`, async (t) => {
      const node = await startNode(t);
      const connected = eventOf(node, 'inbound_node_connected');
      const peer = await connectPlain(node);
      const [connection] = await connected;
      const ended = eventOf(node, 'inbound_node_disconnected');
      peer.write(...frames);
      assert.equal((await peer.goodbye()).code, 'protocol');
      await ended;
      assert.deepEqual([connection.closeReason?.code, connection.closeReason?.by], ['protocol', 'us']);
    });
  }

  test('3.11 a breach harms no other link', async (t) => {
    const node = await startNode(t);
    const [bad, good] = await Promise.all([connectPlain(node), connectPlain(node)]);
    bad.write(frame(99));
    assert.equal((await bad.goodbye()).code, 'protocol');
    await good.synced();
  });

  test('3.5 format and compression are not read where there is no payload', async (t) => {
    const peer = await connectPlain(await startNode(t));
    peer.write(frame(kinds.ping, uint32(7), { format: 200, compression: 100 }));
    assert.deepEqual(await peer.next(), {
      ...{ kind: kinds.pong, flags: 0, format: 0, compression: 0 },
      body: uint32(7),
    });
  });

  test('3.7 a message that is cut by the second peer', async (t) => {
    const node = await startNode(t);
    const arrived = eventOf(node, 'node_message');
    const peer = await connectPlain(node);
    const part = (piece: string, flags: number) => frame(kinds.part, piece, { format: 9, flags });
    peer.write(beginning(9, 'abc'), part('d', 1), part('efgh', 1), part('i', 0), textMessage('next'));
    assert.equal((await arrived)[1], 'abcdefghi');
  });

  test('3.7 a request that is cut by the first peer', async (t) => {
    const node = await startNode(t);
    const connected = eventOf(node, 'inbound_node_connected');
    const peer = await connectPlain(node);
    const [connection] = await connected;
    const data = 'ab'.repeat(300_000);
    const answer = connection.request(data);
    const total = 4 + data.length;
    const frames = await collect(peer, total + 4);
    const heads = frames.map(({ kind, flags, format }) => [kind, flags, format].join());
    const [first, last] = [`${kinds.request},1,2`, `${kinds.part},0,0`];
    assert.deepEqual(heads, [first, ...heads.slice(1, -1).fill(`${kinds.part},1,0`), last]);
    assert.ok(frames.every(({ body }) => body.length <= maxBodyBytes));
    const whole = Buffer.concat(frames.map(({ body }) => body));
    assert.equal(whole.readUInt32BE(0), total);
    assert.equal(whole.subarray(8).toString(), data);
    peer.write(frame(kinds.response, Buffer.concat([whole.subarray(4, 8), Buffer.from('done')]), text));
    assert.equal(await answer, 'done');
  });

  test('3.10 a ping between parts is answered at once', async (t) => {
    const node = await startNode(t);
    const arrived = eventOf(node, 'node_message');
    const peer = await connectPlain(node);
    peer.write(beginning(6, 'abc'), frame(kinds.ping, uint32(1)));
    await peer.expect(kinds.pong);
    peer.write(frame(kinds.part, 'def'));
    assert.equal((await arrived)[1], 'abcdef');
  });
});

async function collect(peer: SecondPeer, bytes: number) {
  const frames = [];
  for (let rest = bytes; rest > 0; rest -= frames.at(-1)!.body.length) frames.push(await peer.next());
  return frames;
}
