import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { RecordingProtocol } from '../../support/recording-protocol.ts';
import { newIdentity } from './second-identity.ts';
import { connectPlain, dialPlain, eventOf, startNode } from './second-links.ts';
import { frame, hello, kinds } from './second-peer.ts';

const text = (value: string): Uint8Array => Buffer.from(value);

async function pair(t: TestContext, protocols: string[]) {
  const [first, second] = [new RecordingProtocol('first/1'), new RecordingProtocol('second/1')];
  const node = await startNode(t, { protocols: [first, second] });
  return { first, second, node, peer: await connectPlain(node, { hello: { protocols } }) };
}

suite('protocol 13: protocols beside messages', () => {
  test('13.1 they are spoken where both hellos name them', async (t) => {
    const node = await startNode(t, { protocols: [new RecordingProtocol('first/1')] });
    const { protocols } = await (await dialPlain(node)).shakeHands();
    assert.deepEqual(protocols, ['first/1', 'overlay/1']);
    for (const wrong of [undefined, 'first/1', [1], ['a b'], ['a', 'a']]) {
      const other = await dialPlain(node);
      other.write(hello({ protocols: wrong }));
      assert.equal((await other.goodbye()).code, 'protocol');
    }
    const { first, second } = await pair(t, ['unknown/1', 'second/1']);
    await second.peer('second');
    assert.deepEqual(first.told, []);
  });

  test('13.2 a frame names its protocol by its place in the hello of its sender', async (t) => {
    const { first, second, peer } = await pair(t, ['second/1', 'unknown/1', 'first/1']);
    peer.write(frame(kinds.protocol, 'to second'), frame(kinds.protocol, 'to first', { format: 2 }));
    await first.until(() => first.told.length === 2);
    assert.deepEqual([first.told[1], second.told[1]], ['second: to first', 'second: to second']);
    (await second.peer('second')).send(text('from second'));
    const { format, compression, body } = await peer.expect(kinds.protocol);
    assert.deepEqual([format, compression, body.toString()], [1, 0, 'from second']);
    for (const place of [1, 3]) {
      const { peer: other } = await pair(t, ['second/1', 'unknown/1', 'first/1']);
      other.write(frame(kinds.protocol, 'x', { format: place }));
      assert.equal((await other.goodbye()).code, 'protocol');
    }
  });

  test('13.3 they wait for no message handler, but for the connect handler to be called', async (t) => {
    const protocol = new RecordingProtocol('first/1');
    const node = await startNode(t, { protocols: [protocol] });
    node.on('inbound_node_connected', () => void protocol.told.push('connected'));
    node.on('node_message', () => new Promise(() => {}));
    const peer = await connectPlain(node, { hello: { protocols: ['first/1'] } });
    peer.write(frame(kinds.message, 'x', { format: 2 }), frame(kinds.protocol, 'meanwhile'));
    await protocol.until(() => protocol.told.length === 3);
    assert.deepEqual(protocol.told, ['connected', 'opened second', 'second: meanwhile']);
  });

  test('13.4, 13.5 frames that do not outlive links are those of the present one', async (t) => {
    const lasting = new RecordingProtocol('lasting/1');
    const fleeting = new RecordingProtocol('fleeting/1', { outlivesLinks: false });
    const node = await startNode(t, { protocols: [lasting, fleeting] });
    const identity = newIdentity();
    const protocols = ['lasting/1', 'fleeting/1'];
    const session = { id: 'ours', receivedBytes: 0 };
    const first = await dialPlain(node, identity);
    const connected = eventOf(node, 'inbound_node_connected');
    const { id } = (await first.shakeHands({ protocols, session })).session as { id: string };
    await connected;
    const lost = eventOf(node, 'inbound_node_disconnected');
    first.socket.destroy();
    await lost;
    const [lastingPeer] = lasting.host.peers;
    assert.deepEqual([fleeting.host.peers.size, lastingPeer!.send(text('kept'))], [0, true]);
    const again = await dialPlain(node, identity);
    const resumed = await again.shakeHands({ protocols, session: { id, receivedBytes: 0, breaks: 258 } });
    assert.deepEqual(resumed.session, { id, receivedBytes: 0, breaks: 1, resumed: true });
    const kept = await again.expect(kinds.protocol);
    assert.deepEqual([kept.format, kept.body.toString()], [0, 'kept']);
    (await fleeting.peer('second')).send(text('new'));
    const { format, compression } = await again.expect(kinds.protocol);
    assert.deepEqual([format, compression], [1, 1]);
    for (const [place, content, breaks] of [
      [1, 'old', 1],
      [0, 'late', 1],
      [1, 'present', 2],
    ] as const) {
      again.write(frame(kinds.protocol, content, { format: place, compression: breaks }));
    }
    await fleeting.until(() => fleeting.told.includes('second: present'));
    assert.deepEqual(lasting.told, ['opened second', 'second: late']);
    assert.deepEqual(fleeting.told, ['opened second', 'closed second', 'opened second', 'second: present']);
  });
});
