import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import type { Node } from '../../../src/index.ts';
import { identityBeside, newIdentity, type SecondIdentity } from './second-identity.ts';
import { connectPlain, dialPlain, dialTls, eventOf, listenPlain, startNode } from './second-links.ts';
import { frame, hello, kinds, type SecondPeer } from './second-peer.ts';

suite('protocol 8: one connection for each pair of nodes', () => {
  test('8.1 a dialler that is connected already says nothing', async (t) => {
    const { node, identity, listener, address } = await setUp(t);
    const connected = eventOf(node, 'inbound_node_connected');
    await connectPlain(node, { identity });
    const [connection] = await connected;
    const again = node.connectWithNode(address);
    const peer = await listener.accept();
    await peer.end();
    assert.equal(await again, connection);
    assert.equal(node.allNodes.length, 1);
  });

  test('8.2 a second connection of the same run is a duplicate', async (t) => {
    const { node, identity } = await setUp(t);
    const first = await connectPlain(node, { identity });
    const second = await dialPlain(node, identity);
    second.write(hello());
    assert.equal((await second.goodbye()).code, 'duplicate');
    await first.synced();
    assert.equal(node.allNodes.length, 1);
  });

  for (const [what, fields] of Object.entries({
    'of a later run': { instance: 'second run' },
    'that says replace': { replace: true },
  })) {
    test(`8.3 a second connection ${what} takes the place of the first`, async (t) => {
      const { node, identity } = await setUp(t);
      const connected = eventOf(node, 'inbound_node_connected');
      const first = await connectPlain(node, { identity });
      const [older] = await connected;
      const ended = eventOf(node, 'inbound_node_disconnected');
      const second = await connectPlain(node, { identity, hello: fields });
      assert.equal((await first.goodbye()).code, 'replaced');
      first.socket.end();
      assert.equal((await ended)[0], older);
      await second.synced();
      assert.deepEqual(
        node.allNodes.map(({ id }) => id),
        [identity.id],
      );
    });
  }

  test('8.7 an instance that was replaced and comes back is refused, and the other one is told once', async (t) => {
    const node = await startNode(t);
    const identity = newIdentity();
    const first = await connectPlain(node, { identity, hello: { instance: 'first' } });
    let second = await connectPlain(node, { identity, hello: { instance: 'second' } });
    assert.equal((await first.goodbye()).code, 'replaced');
    first.socket.end();
    for (const replace of [false, true]) {
      const ended = replace ? undefined : eventOf(node, 'inbound_node_disconnected');
      const again = await dialPlain(node, identity);
      again.write(hello({ instance: 'first', replace }));
      assert.equal((await again.goodbye()).code, 'conflict');
      if (replace) continue;
      assert.equal((await second.goodbye()).code, 'conflict');
      second.socket.end();
      await ended;
      second = await connectPlain(node, { identity, hello: { instance: 'second' } });
    }
    await second.synced();
  });

  test('1.3, 8.4, 8.5 both dial, ours is the lower id: what we dialled stays', async (t) => {
    const node = await startNode(t);
    const identity = identityBeside(node.id, 'lower');
    const { dialled, theirs } = await bothDial(t, node, identity);
    const ours = await connectPlain(node, { identity });
    await sayDuplicate(theirs);
    assert.equal((await dialled).direction, 'inbound');
    await ours.synced();
  });

  test('1.3, 8.4 both dial, ours is the higher id: what they dialled stays', async (t) => {
    const node = await startNode(t);
    const identity = identityBeside(node.id, 'higher');
    const { dialled, theirs } = await bothDial(t, node, identity);
    const ours = await dialPlain(node, identity);
    ours.write(hello());
    assert.equal((await ours.goodbye()).code, 'duplicate');
    theirs.write(hello(), frame(kinds.accept));
    await theirs.expect(kinds.accept);
    assert.equal((await dialled).direction, 'outbound');
    await theirs.synced();
  });

  test('8.6 ours is the lower id: what we dialled stays, though theirs comes up as well', async (t) => {
    const node = await startNode(t);
    const identity = identityBeside(node.id, 'higher');
    const { dialled, theirs } = await bothDial(t, node, identity);
    const ours = await answeredBy(node, identity, { replace: true });
    theirs.write(hello(), frame(kinds.accept));
    const connection = await dialled;
    ours.write(frame(kinds.accept));
    assert.equal((await ours.goodbye()).code, 'duplicate');
    assert.deepEqual(node.allNodes, [connection]);
    await theirs.expect(kinds.accept);
    await theirs.synced();
  });

  test('8.6 ours is the higher id: what they dialled stays, whichever comes up first', async (t) => {
    for (const isFirst of [true, false]) {
      const node = await startNode(t);
      const identity = identityBeside(node.id, 'lower');
      const { dialled, theirs } = await bothDial(t, node, identity);
      const ours = await answeredBy(node, identity);
      const connected = eventOf(node, 'inbound_node_connected');
      if (isFirst) {
        ours.write(frame(kinds.accept));
        await connected;
      }
      theirs.write(hello(), frame(kinds.accept));
      await theirs.expect(kinds.accept);
      const connection = isFirst ? await dialled : undefined;
      if (!isFirst) {
        await dialled;
        ours.write(frame(kinds.accept));
      }
      const [inbound] = await connected;
      assert.equal((await theirs.goodbye()).code, isFirst ? 'duplicate' : 'replaced');
      assert.equal(connection ?? inbound, inbound);
      await ours.synced();
    }
  });

  test('8.5 a dialler that is told of a connection it does not have dials again, with replace', async (t) => {
    const { node, listener, address } = await setUp(t);
    const connected = node.connectWithNode(address);
    const first = await listener.accept();
    assert.equal(JSON.parse((await first.expect(kinds.hello)).body.toString()).replace, false);
    await sayDuplicate(first);
    const second = await listener.accept();
    assert.equal((await second.answerHandshake()).replace, true);
    await connected;
  });

  test('8.5 it does so once', async (t) => {
    const { node, listener, address } = await setUp(t);
    const refused = assert.rejects(node.connectWithNode(address), { code: 'ERR_NOT_ALLOWED' });
    for (const _ of ['without replace', 'with it']) {
      const peer = await listener.accept();
      await peer.expect(kinds.hello);
      await sayDuplicate(peer);
    }
    await refused;
  });
});

suite('protocol 8: links that promise less', () => {
  for (const [what, fields] of Object.entries({
    'of the same run': {},
    'of a later run': { instance: 'second run' },
    'that says replace': { replace: true },
  })) {
    test(`8.8 a plain link ${what} does not take the place of a TLS one`, async (t) => {
      const { node, identity } = await setUp(t);
      const first = await dialTls(node, { identity });
      await first.shakeHands();
      const second = await dialPlain(node, identity);
      second.write(hello(fields));
      assert.equal((await second.goodbye()).code, 'duplicate');
      await first.synced();
      assert.deepEqual(
        node.allNodes.map(({ security }) => security.protocol),
        ['tls'],
      );
    });
  }

  test('8.8 nor of a suspended session', async (t) => {
    const { node, identity, listener, address } = await setUp(t);
    const connected = eventOf(node, 'inbound_node_connected');
    const first = await dialTls(node, { identity });
    const { session } = await first.shakeHands({ session: { id: 'ours', receivedBytes: 0 } });
    const [connection] = await connected;
    const suspended = eventOf(node, 'inbound_node_disconnected');
    first.socket.destroy();
    await suspended;
    connection.send('kept');

    const second = await dialPlain(node, identity);
    second.write(hello({ replace: true, instance: 'second run' }));
    assert.equal((await second.goodbye()).code, 'duplicate');
    const refused = assert.rejects(node.connectWithNode(address), { code: 'ERR_NOT_ALLOWED' });
    await (await listener.accept()).end();
    await refused;

    const { id } = session as { id: string };
    const third = await dialTls(node, { identity });
    const resumed = await third.shakeHands({ session: { id, receivedBytes: 0 } });
    assert.equal((resumed.session as { resumed?: boolean }).resumed, true);
    await third.expect(kinds.message);
  });

  test('8.8 a TLS link takes the place of a plain one, of which the hello says nothing', async (t) => {
    const { node, identity } = await setUp(t);
    const first = await connectPlain(node, { identity });
    const second = await dialTls(node, { identity });
    await second.shakeHands();
    assert.equal((await first.goodbye()).code, 'replaced');
    first.socket.end();
    await second.synced();
  });

  test('8.8 where both dial, the TLS link stays, be the id of its dialler lower or higher', async (t) => {
    for (const side of ['lower', 'higher'] as const) {
      const node = await startNode(t);
      const identity = identityBeside(node.id, side);
      const { dialled, theirs } = await bothDial(t, node, identity);
      const ours = await dialTls(node, { identity });
      await ours.shakeHands();
      await sayDuplicate(theirs);
      const connection = await dialled;
      assert.deepEqual([connection.direction, connection.security.protocol], ['inbound', 'tls']);
      await ours.synced();
    }
  });
});

/** A node, and an identity of ours that listens as well. */
async function setUp(t: TestContext) {
  const node = await startNode(t);
  const identity = newIdentity();
  const listener = await listenPlain(t, identity);
  return { node, identity, listener, address: `tcp://127.0.0.1:${listener.port}` };
}

/** The node has dialled us, and waits for our answer to its hello. */
async function bothDial(t: TestContext, node: Node, identity: SecondIdentity) {
  const listener = await listenPlain(t, identity);
  const dialled = node.connectWithNode(`tcp://127.0.0.1:${listener.port}`);
  const theirs = await listener.accept();
  await theirs.expect(kinds.hello);
  return { dialled, theirs };
}

/** Our own link, on which the node waits for our accept. */
async function answeredBy(
  node: Node,
  identity: SecondIdentity,
  fields: Record<string, unknown> = {},
): Promise<SecondPeer> {
  const peer = await dialPlain(node, identity);
  peer.write(hello(fields));
  await peer.expect(kinds.hello);
  await peer.expect(kinds.accept);
  return peer;
}

async function sayDuplicate(peer: SecondPeer): Promise<void> {
  peer.write(frame(kinds.goodbye, JSON.stringify({ code: 'duplicate', message: 'connected already' })));
  await peer.end();
}
