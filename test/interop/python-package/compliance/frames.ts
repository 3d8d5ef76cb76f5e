// The second implementation of test/compliance, which was written from docs/protocol.md alone, against a Python node:
// frames, the handshake, requests and the goodbye. `npm run check:python` runs it, and the files beside it.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { beginning, frameBreaches } from '../../../compliance/protocol/frame-breaches.ts';
import { dialTls } from '../../../compliance/protocol/second-links.ts';
import { frame, hello, kinds, type SecondPeer, uint32 } from '../../../compliance/protocol/second-peer.ts';
import { linkKinds, PythonNode } from './python-node.ts';

const [text, maxBodyBytes] = [{ format: 2 }, 262_144];
const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');

for (const { name: linkName, options, dial } of linkKinds) {
  suite(`frames between a Python node and the second implementation over ${linkName}`, () => {
    let node: PythonNode;

    async function connect(): Promise<SecondPeer> {
      const peer = await dial(node);
      await peer.shakeHands();
      return peer;
    }

    before(async () => {
      node = await PythonNode.start(options);
    });

    after(() => node.stop());

    test('3.1 a frame, byte by byte', async () => {
      const peer = await connect();
      peer.write(bytesOf('00000002 10 00 02 00 6869'));
      assert.equal(await node.said('message'), 'hi');
      await peer.close();
    });

    test('3.2 the longest body, and in the handshake a shorter one', async () => {
      const peer = await connect();
      peer.write(frame(kinds.message, 'x'.repeat(maxBodyBytes), text));
      assert.equal(await node.said('message'), 'x'.repeat(maxBodyBytes));
      const other = await dial(node);
      other.write(frame(kinds.hello, '', { length: 8_193 }));
      assert.equal((await other.goodbye()).code, 'protocol');
      await peer.close();
    });

    for (const [name, frames] of Object.entries(frameBreaches)) {
      test(`${name} is a breach, which harms no other link (3.11)`, async () => {
        const [peer, other] = [await connect(), await connect()];
        peer.write(...frames);
        assert.equal((await peer.goodbye()).code, 'protocol');
        await other.synced();
        await other.close();
      });
    }

    test('3.5 format and compression are not read where there is no payload', async () => {
      const peer = await connect();
      peer.write(frame(kinds.ping, uint32(7), { format: 200, compression: 100 }));
      const pong = { kind: kinds.pong, flags: 0, format: 0, compression: 0, body: uint32(7) };
      assert.deepEqual(await peer.next(), pong);
      await peer.close();
    });

    test('3.7 a message that is cut by the second peer; 3.10 a ping between its parts', async () => {
      const peer = await connect();
      const part = (piece: string, flags: number) => frame(kinds.part, piece, { format: 9, flags });
      peer.write(beginning(9, 'abc'), part('d', 1), frame(kinds.ping, uint32(1)));
      await peer.expect(kinds.pong);
      peer.write(part('efgh', 1), part('i', 0));
      assert.equal(await node.said('message'), 'abcdefghi');
      await peer.close();
    });

    test('3.7 a request that is cut by the Python node', async () => {
      const peer = await connect();
      peer.write(frame(kinds.message, 'ask', text));
      const total = 4 + 600_000;
      const frames = [];
      for (let rest = total + 4; rest > 0; rest -= frames.at(-1)!.body.length) frames.push(await peer.next());
      const heads = frames.map(({ kind, flags, format }) => [kind, flags, format].join());
      const [first, last] = [`${kinds.request},1,2`, `${kinds.part},0,0`];
      assert.deepEqual(heads, [first, ...heads.slice(1, -1).fill(`${kinds.part},1,0`), last]);
      const whole = Buffer.concat(frames.map(({ body }) => body));
      assert.equal(whole.readUInt32BE(0), total);
      assert.equal(whole.subarray(8).toString(), 'ab'.repeat(300_000));
      peer.write(frame(kinds.response, Buffer.concat([whole.subarray(4, 8), Buffer.from('done')]), text));
      assert.equal(await node.said('answer'), 'done');
      await peer.close();
    });

    test('4.2, 4.5 hellos that are refused', async () => {
      const refusals = {
        version: { versions: [2, 3] },
        // The network of the proof is not that of the hello (2.6, 16.6).
        protocol: { network: 'another' },
      };
      for (const [code, fields] of Object.entries(refusals)) {
        const peer = await dial(node);
        peer.write(hello(fields));
        assert.equal((await peer.goodbye()).code, code);
      }
      const peer = await dial(node);
      peer.write(hello({ windows: { messages: 0 } }));
      assert.equal((await peer.goodbye()).code, 'protocol');
    });

    test('6.2 a request is answered; 7.1, 7.4 a goodbye ends the connection', async () => {
      const peer = await connect();
      peer.write(frame(kinds.request, Buffer.concat([uint32(9), Buffer.from('echo')]), text));
      const { body } = await peer.expect(kinds.response);
      assert.equal(body.toString('latin1'), `${uint32(9).toString('latin1')}echo`);
      peer.write(
        frame(kinds.message, 'last', text),
        frame(kinds.goodbye, '{"code":"stopped","message":"bye"}'),
      );
      assert.equal(await node.said('message'), 'last');
      while ((await node.said('disconnected')) !== 'stopped');
      await peer.close();
    });
  });
}

test('4.6 another network', async (t) => {
  const node = await PythonNode.start();
  t.after(() => node.stop());
  const peer = await dialTls(node, { network: 'another' });
  peer.write(hello({ network: 'another' }));
  assert.equal((await peer.goodbye()).code, 'network');
});
