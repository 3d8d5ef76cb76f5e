import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { Identity, type Node, type NodeOptions, tcp } from '../../../src/index.ts';
import { FrameKind, positionBody, smallFrame } from '../../../src/wire/frames/frame.ts';
import type { HelloSession } from '../../../src/wire/frames/hello.ts';
import { withCode } from '../../support/errors.ts';
import { HandMadePeer } from '../../support/hand-made-peer.ts';
import { startNodes } from '../../support/start-nodes.ts';
import { turns, until } from '../../support/turns.ts';

const engine = { name: 'tcp(), TLS', host: '127.0.0.1', transport: () => tcp() };

/** A peer made by hand that asks for a session, by default from its beginning. */
function dial(
  t: TestContext,
  node: Node,
  { identity, ...asked }: Partial<HelloSession> & { identity: Identity },
): Promise<HandMadePeer> {
  const session = { id: 'the session', receivedBytes: 0, breaks: 0, resumed: false, ...asked };
  return HandMadePeer.dial(t, node, { engine, identity, hello: { session } });
}

/** A node, and a peer made by hand that had a session with it and lost the link. */
async function startLost(
  t: TestContext,
  {
    beforeLoss = () => {},
    options = {},
  }: { beforeLoss?: (peer: HandMadePeer) => void; options?: NodeOptions } = {},
) {
  const [node] = await startNodes(t, 1, { options });
  const identity = Identity.generate();
  const peer = await dial(t, node, { identity });
  await node.event('inbound_node_connected');
  const connection = node.peer(peer);
  connection.send('hello');
  await until(() => peer.kinds.includes(FrameKind.message), 'the message arrives');
  beforeLoss(peer);
  peer.link.close(1_000);
  await node.event('inbound_node_disconnected');
  return { node, identity, peer, connection, id: peer.theirs.session!.id };
}

suite('a session is resumed', () => {
  test('by who has it, from where it stopped', async (t) => {
    const { node, identity, connection, id } = await startLost(t);
    connection.send('more');
    const again = await dial(t, node, { identity, id });
    assert.equal(again.theirs.session?.resumed, true);
    await node.event('inbound_node_connected', 2);
    assert.ok(node.peer(again) === connection);
    const messages = () => again.kinds.filter((kind) => kind === FrameKind.message);
    await until(() => messages().length === 2, 'everything comes that it does not say it has');
  });

  test('not by somebody else who knows its name', async (t) => {
    const { node, identity, connection, id } = await startLost(t);
    connection.send('a secret');
    const impostor = await dial(t, node, { identity: Identity.generate(), id });
    await node.event('inbound_node_connected', 2);
    assert.equal(impostor.theirs.session?.resumed, false);
    assert.ok(node.peer(impostor) !== connection);
    await turns();
    assert.ok(!impostor.kinds.includes(FrameKind.message));
    const rightful = await dial(t, node, { identity, id });
    assert.equal(rightful.theirs.session?.resumed, true);
    await node.event('inbound_node_connected', 3);
    assert.ok(node.peer(rightful) === connection);
  });

  test('however many strangers begin sessions and leave them', async (t) => {
    const say = (peer: HandMadePeer): void => {
      peer.link.send(Buffer.from('\0\0\0\x05\x10\0\x02\0hello', 'latin1'));
    };
    const scene = await startLost(t, { beforeLoss: say, options: { maxConnections: 3 } });
    const { node, identity, connection, id } = scene;
    for (let index = 0; index < 10; index++) {
      const stranger = await dial(t, node, { identity: Identity.generate() });
      await node.event('inbound_node_connected', index + 2);
      stranger.link.close(1_000);
      await node.event('inbound_node_disconnected', index + 2);
    }
    assert.equal(node.sendToNodes('to all that are waited for').sent, 3);
    const again = await dial(t, node, { identity, id });
    assert.equal(again.theirs.session?.resumed, true);
    await node.event('inbound_node_connected', 12);
    assert.ok(node.peer(again) === connection);
  });

  test('not from behind what was sent', async (t) => {
    for (const receivedBytes of [1_000_000, Number.MAX_SAFE_INTEGER]) {
      const { node, identity, connection, id } = await startLost(t);
      const again = await dial(t, node, { identity, id, receivedBytes });
      assert.equal(again.theirs.session?.resumed, false, String(receivedBytes));
      const { peer } = await node.event('node_session_lost');
      assert.ok(peer === connection);
      await node.event('inbound_node_connected', 2);
      assert.ok(node.peer(again) !== connection);
    }
  });

  test('not from before what was acknowledged, were it the middle of a message', async (t) => {
    const acknowledge = (peer: HandMadePeer): void => {
      peer.link.send(smallFrame(FrameKind.acknowledge, positionBody(5)));
    };
    const { node, identity, connection, id } = await startLost(t, { beforeLoss: acknowledge });
    await assert.rejects(dial(t, node, { identity, id, receivedBytes: 4 }), /connected already/);
    const again = await dial(t, node, { identity, id, receivedBytes: 5 });
    assert.equal(again.theirs.session?.resumed, true, 'a hello that was late does no harm');
    await node.event('inbound_node_connected', 2);
    assert.ok(node.peer(again) === connection);
  });

  test('not from a position that is none', async (t) => {
    const { node, identity, connection, id } = await startLost(t);
    for (const receivedBytes of [-1, 0.5, Number.NaN, 2 ** 53, '0']) {
      const asking = dial(t, node, { identity, id, receivedBytes: receivedBytes as number });
      await assert.rejects(asking, /session|hello/, String(receivedBytes));
    }
    for (const name of ['x'.repeat(65), 7]) {
      await assert.rejects(dial(t, node, { identity, id: name as string }), /session|hello/, String(name));
    }
    const again = await dial(t, node, { identity, id });
    assert.equal(again.theirs.session?.resumed, true, 'no harm was done');
    await node.event('inbound_node_connected', 2);
    assert.ok(node.peer(again) === connection);
  });
});

suite('who breaks the rules of a session is left', () => {
  const wrong = {
    'an acknowledgement of what was not sent': positionBody(1_000_000),
    'an acknowledgement without a position': new Uint8Array(7),
    'an acknowledgement of more than there can be': new Uint8Array(8).fill(255),
  };
  for (const [what, body] of Object.entries(wrong)) {
    test(what, async (t) => {
      const [node] = await startNodes(t, 1);
      const peer = await dial(t, node, { identity: Identity.generate() });
      await node.event('inbound_node_connected');
      const connection = node.peer(peer);
      peer.link.send(smallFrame(FrameKind.acknowledge, body));
      await node.event('inbound_node_disconnected');
      assert.equal(connection.closeReason?.code, 'protocol');
      assert.ok(!connection.isOpen);
    });
  }

  test('an acknowledgement where there is no session', async (t) => {
    const [node] = await startNodes(t, 1);
    const peer = await HandMadePeer.dial(t, node, { engine });
    await node.event('inbound_node_connected');
    const connection = node.peer(peer);
    peer.link.send(smallFrame(FrameKind.acknowledge, positionBody(0)));
    await node.event('inbound_node_disconnected');
    assert.equal(connection.closeReason?.code, 'protocol');
  });

  test('a listener that goes on from where nothing was sent, until it begins anew', async (t) => {
    const [node] = await startNodes(t, 1, { options: { reconnect: { minDelayMs: 1, maxDelayMs: 5 } } });
    let answers = 0;
    const { port, peer } = await HandMadePeer.listen(t, {
      engine,
      session: ({ id }) => {
        answers += 1;
        const isLying = answers > 1 && answers < 5;
        return { id, receivedBytes: isLying ? 1_000_000 : 0, breaks: 0, resumed: isLying };
      },
    });
    const connection = await node.connectWithNode('127.0.0.1', port, { reconnect: true });
    (await peer).link.destroy();
    await node.event('node_session_lost');
    const { peer: next } = await node.event('outbound_node_connected', 2);
    assert.ok(next !== connection);
    assert.throws(() => connection.send('hello?'), withCode('ERR_CONNECTION_CLOSED'));
  });
});

suite('who does not ask for a session is offered none', () => {
  test('a peer that dials', async (t) => {
    const [node] = await startNodes(t, 1);
    const peer = await HandMadePeer.dial(t, node, { engine });
    assert.equal(peer.theirs.session, undefined);
    await node.event('inbound_node_connected');
    const connection = node.peer(peer);
    peer.link.destroy();
    await node.event('inbound_node_disconnected');
    assert.throws(() => connection.send('hello?'), withCode('ERR_CONNECTION_CLOSED'));
  });

  test('a node that connects without reconnect; with it, it asks', async (t) => {
    for (const reconnect of [false, true]) {
      const [node] = await startNodes(t, 1);
      const { port, peer } = await HandMadePeer.listen(t, { engine });
      const connection = await node.connectWithNode('127.0.0.1', port, { reconnect });
      const { theirs, link } = await peer;
      assert.equal(theirs.session !== undefined, reconnect);
      link.destroy();
      await node.event('outbound_node_disconnected');
      assert.throws(
        () => connection.send('hello?'),
        withCode('ERR_CONNECTION_CLOSED'),
        'a peer that knows no sessions has none',
      );
    }
  });
});
