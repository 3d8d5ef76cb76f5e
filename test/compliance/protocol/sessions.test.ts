import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import type { Node, NodeConnection, NodeOptions } from '../../../src/index.ts';
import { newIdentity, type SecondIdentity } from './second-identity.ts';
import { connectPlain, dialPlain, dialTls, eventOf, listenPlain, startNode } from './second-links.ts';
import { frame, hello, kinds, LinkEnded, type SecondPeer, textMessage, uint32 } from './second-peer.ts';

const position = (value: number): Buffer => Buffer.concat([uint32(0), uint32(value)]);
const acknowledge = (value: number): Buffer => frame(kinds.acknowledge, position(value));

const carry = (value: number): Buffer => frame(kinds.carry, position(value));

suite('protocol 10: sessions', () => {
  test('10.1, 10.6 a listener begins a session, which it names', async (t) => {
    const node = await startNode(t);
    const peer = await dialPlain(node);
    const { session } = await peer.shakeHands({ session: { id: 'ours', receivedBytes: 0 } });
    assertNew(session);
  });

  test('10.1 a dialler asks for one only where the user wants it, and does without where it is not answered', async (t) => {
    const { listener, node, connection } = await dialled(t, { session: undefined });
    const lost = eventOf(node, 'outbound_node_disconnected');
    listener.peer.socket.destroy();
    await lost;
    assert.equal(connection.isOpen, false);
    const plain = await listenPlain(t);
    const connecting = node.connectWithNode(`tcp://127.0.0.1:${plain.port}`);
    const asked = await (await plain.accept()).answerHandshake();
    assert.equal(asked.session, undefined);
    await connecting;
  });

  test('10.5 to go on with another session is a breach', async (t) => {
    const listener = await listenPlain(t);
    const node = await startNode(t);
    const connecting = node.connectWithNode(`tcp://127.0.0.1:${listener.port}`, { reconnect: true });
    const refused = assert.rejects(connecting, { code: 'ERR_HANDSHAKE' });
    const peer = await listener.accept();
    await peer
      .answerHandshake({ session: { id: 'another', receivedBytes: 0, resumed: true } })
      .catch(() => {});
    await refused;
  });

  test('10.2, 10.3, 10.4 what arrives whole is acknowledged; acknowledgements are not, and do not count', async (t) => {
    const { node, peer } = await dialling(t);
    const [message, next] = [textMessage('hello'), textMessage('half a frame')];
    const arrived = eventOf(node, 'node_message');
    peer.write(message, next.subarray(0, 10));
    await arrived;
    assert.deepEqual((await peer.expect(kinds.acknowledge)).body, position(message.length));
    node.sendToNodes('back');
    const { body } = await peer.expect(kinds.message);
    peer.write(next.subarray(10), acknowledge(8 + body.length));
    const both = position(message.length + next.length);
    assert.deepEqual((await peer.expect(kinds.acknowledge)).body, both);
    peer.write(acknowledge(8 + body.length), frame(kinds.ping, uint32(1)));
    await peer.expect(kinds.pong);
  });

  test('10.3 an acknowledgement that breaks off is forgotten', async (t) => {
    const { node, peer, identity, id } = await dialling(t);
    const message = textMessage('before');
    const arrived = eventOf(node, 'node_message');
    peer.write(message, acknowledge(0).subarray(0, 11));
    await arrived;
    const again = await dialPlain(node, identity);
    const behind = eventOf(node, 'node_message');
    const { session } = await again.shakeHands({ session: { id, receivedBytes: 0 } });
    assert.deepEqual(session, { id, receivedBytes: message.length, breaks: 1, resumed: true });
    again.write(textMessage('behind'));
    assert.equal((await behind)[1], 'behind');
  });

  test('10.3 what breaks the rules of acknowledgements', async (t) => {
    const offences = {
      'a position that was not reached': acknowledge(1),
      'half a position': frame(kinds.acknowledge, uint32(0)),
      'a position of 2^53': frame(kinds.acknowledge, Buffer.concat([uint32(2 ** 21), uint32(0)])),
    };
    for (const [name, offence] of Object.entries(offences)) {
      const { peer } = await dialling(t);
      peer.write(offence);
      assert.equal((await peer.goodbye()).code, 'protocol', name);
    }
    const peer = await connectPlain(await startNode(t));
    peer.write(acknowledge(0));
    assert.equal((await peer.goodbye()).code, 'protocol', 'without a session');
  });

  test('10.4 who takes and does not acknowledge is left, and the user is told what was not acknowledged', async (t) => {
    const { node, peer, connection } = await dialling(t);
    const lost = eventOf(node, 'node_session_lost');
    connection.send({ number: 1 });
    await peer.expect(kinds.message);
    const opening = connection.openStream();
    const number = (await peer.expect(kinds.streamOpen)).body.subarray(0, 4);
    peer.write(frame(kinds.streamCredit, Buffer.concat([number, uint32(2 ** 31 - 1)])));
    const stream = await opening;
    const writing = (async () => {
      for (;;) if (!stream.write(new Uint8Array(2 ** 18))) await stream.drained();
    })();
    writing.catch(() => {});
    let readBytes = 0;
    let next = await peer.next();
    for (; next.kind !== kinds.goodbye; next = await peer.next()) {
      if (next.kind === kinds.acknowledge) continue; // of the credit
      assert.equal(next.kind, kinds.streamData);
      readBytes += next.body.length;
    }
    assert.equal(JSON.parse(next.body.toString()).code, 'overload');
    assert.ok(readBytes > 16 * 2 ** 20 && readBytes < 50 * 2 ** 20, `${readBytes} bytes`);
    assert.deepEqual(await lost, [connection, { count: 1, data: [{ number: 1 }] }]);
    await assert.rejects(writing, { code: 'ERR_CONNECTION_CLOSED' });
  });

  test('8.8, 10.5 what began under encryption does not go on without it', async (t) => {
    const node = await startNode(t);
    const identity = newIdentity();
    const connected = eventOf(node, 'inbound_node_connected');
    const peer = await dialTls(node, { identity });
    const { session } = await peer.shakeHands({ session: { id: 'ours', receivedBytes: 0 } });
    const [connection] = await connected;
    const broken = eventOf(node, 'inbound_node_disconnected');
    peer.socket.destroy();
    await broken;
    connection.send('a secret');
    const again = await dialPlain(node, identity);
    const { id } = session as { id: string };
    again.write(hello({ session: { id, receivedBytes: 0 } }));
    assert.equal((await again.goodbye()).code, 'duplicate');
    assert.equal(connection.isSuspended, true);
  });

  test('8.8, 10.5 a session that began over plain TCP does not go on over TLS, which takes its place', async (t) => {
    const { node, peer, identity, connection, id } = await dialling(t);
    const broken = eventOf(node, 'inbound_node_disconnected');
    peer.socket.destroy();
    await broken;
    connection.send('not acknowledged');
    const lost = eventOf(node, 'node_session_lost');
    const again = await dialTls(node, { identity });
    assertNew((await again.shakeHands({ session: { id, receivedBytes: 0 } })).session);
    assert.deepEqual((await lost)[1], { count: 1, data: ['not acknowledged'] });
    await again.synced();
  });

  test('10.5, 10.7 a listener goes on in the middle of a frame, both ways, even where it has not seen the break', async (t) => {
    const { node, peer, identity, connection, id } = await dialling(t);
    const message = textMessage('cut in two');
    peer.write(textMessage('first'), message.subarray(0, 12));
    await eventOf(node, 'node_message');
    connection.send('lost on its way');
    const sent = frame(kinds.message, 'lost on its way', { format: 2 });
    await peer.expect(kinds.message);
    const again = await dialPlain(node, identity);
    const received = eventOf(node, 'node_message');
    const told = await again.shakeHands({ session: { id, receivedBytes: 5 } });
    const { receivedBytes, resumed } = told.session as { receivedBytes: number; resumed: boolean };
    assert.deepEqual([receivedBytes, resumed], [textMessage('first').length + 12, true]);
    again.write(message.subarray(12));
    assert.deepEqual(await again.read(sent.length - 5), sent.subarray(5));
    assert.equal((await received)[1], 'cut in two');
    assert.deepEqual([...node.nodesInbound], [connection], 'the same connection');
    await assert.rejects(async () => {
      for (;;) await peer.next();
    }, 'the older link ends');
  });

  test('10.5 a dialler goes on where the listener says', async (t) => {
    const { listener, node, connection } = await dialled(t);
    connection.send('one');
    connection.send('two');
    const one = frame(kinds.message, 'one', { format: 2 });
    await listener.peer.expect(kinds.message);
    const lost = eventOf(node, 'outbound_node_disconnected');
    const again = eventOf(node, 'outbound_node_connected');
    listener.peer.socket.destroy();
    await lost;
    connection.send('three');
    const peer = await listener.accept();
    const { body } = await peer.expect(kinds.hello);
    const { session } = JSON.parse(body.toString());
    assert.deepEqual([session.id, session.receivedBytes], [listener.session.id, 0]);
    peer.write(hello({ session: { ...session, receivedBytes: one.length, resumed: true } }));
    peer.write(frame(kinds.accept));
    await peer.expect(kinds.accept);
    assert.equal((await peer.expect(kinds.message)).body.toString(), 'two');
    assert.equal((await peer.expect(kinds.message)).body.toString(), 'three');
    assert.equal((await again)[0], connection);
  });

  test('10.5 a listener that names a position that cannot be ends the session', async (t) => {
    const { listener, node, connection } = await dialled(t);
    connection.send('one');
    await listener.peer.expect(kinds.message);
    const gone = eventOf(node, 'node_session_lost');
    listener.peer.socket.destroy();
    const peer = await listener.accept();
    const { body } = await peer.expect(kinds.hello);
    const { session } = JSON.parse(body.toString());
    peer.write(hello({ session: { ...session, receivedBytes: 1_000, resumed: true } }), frame(kinds.accept));
    assert.deepEqual((await gone)[1].data, ['one']);
    assert.equal(connection.isOpen, false);
  });

  test('10.6 bytes that were never sent begin a new session; a hello that is late is a duplicate', async (t) => {
    const { node, peer, identity, connection, id } = await dialling(t);
    connection.send('acknowledged');
    const { body } = await peer.expect(kinds.message);
    peer.write(acknowledge(8 + body.length), textMessage('seen'));
    await peer.expect(kinds.acknowledge);
    for (const replace of [false, true]) {
      const late = await dialPlain(node, identity);
      late.write(hello({ session: { id, receivedBytes: 0 }, replace }));
      assert.equal((await late.goodbye()).code, 'duplicate');
    }
    await peer.synced();
    const lost = eventOf(node, 'inbound_node_disconnected');
    peer.socket.destroy();
    await lost;
    const gone = eventOf(node, 'node_session_lost');
    const again = await dialPlain(node, identity);
    const { session } = await again.shakeHands({ session: { id, receivedBytes: 10_000 } });
    assertNew(session);
    assert.notEqual((session as { id: string }).id, id);
    assert.equal((await gone)[0], connection);
  });

  test('10.6 a listener that was restarted ends the session, and the user is told what was not acknowledged', async (t) => {
    const { listener, node, connection } = await dialled(t);
    connection.send({ number: 1 });
    await listener.peer.expect(kinds.message);
    const lost = eventOf(node, 'node_session_lost');
    listener.peer.socket.destroy();
    const peer = await listener.accept();
    await peer.expect(kinds.hello);
    peer.write(hello({ session: { id: 'another', receivedBytes: 0 } }), frame(kinds.accept));
    await peer.expect(kinds.accept);
    const [who, what] = await lost;
    assert.equal(who, connection);
    assert.deepEqual(what, { count: 1, data: [{ number: 1 }] });
    assert.equal(connection.isOpen, false);
  });

  test('10.8 a side that says goodbye tells its user of no message that the link took', async (t) => {
    const { listener, node, connection } = await dialled(t);
    let told = 0;
    node.on('node_session_lost', () => void told++);
    connection.send('not acknowledged');
    await listener.peer.expect(kinds.message);
    const leaving = node.disconnectWithNode(connection);
    await listener.peer.expect(kinds.goodbye);
    listener.peer.socket.end();
    await leaving;
    assert.equal(told, 0);
  });

  test('10.9 a session that ends at the listener before the accept of the dialler goes on nowhere', async (t) => {
    const { node, peer, identity, connection, id } = await dialling(t);
    const lost = eventOf(node, 'inbound_node_disconnected');
    peer.socket.destroy();
    await lost;
    const again = await dialPlain(node, identity);
    again.write(hello({ session: { id, receivedBytes: 0 } }));
    assert.equal(JSON.parse((await again.expect(kinds.hello)).body.toString()).session.resumed, true);
    await again.expect(kinds.accept);
    await node.disconnectWithNode(connection);
    again.write(frame(kinds.accept), textMessage('for the session'));
    await again.end();
    assert.deepEqual([...node.nodesInbound], [], 'and no other begins in its place');
    assert.equal(node.messageCountRecv, 0);
  });

  test('10.9 a session that ends at the dialler while the listener resumes it goes on nowhere', async (t) => {
    const { listener, node, connection } = await dialled(t);
    const lost = eventOf(node, 'outbound_node_disconnected');
    listener.peer.socket.destroy();
    await lost;
    let connects = 0;
    node.on('outbound_node_connected', () => {
      connects += 1;
    });
    const peer = await listener.accept();
    const { session } = JSON.parse((await peer.expect(kinds.hello)).body.toString());
    await node.disconnectWithNode(connection);
    peer.write(hello({ session: { ...session, resumed: true } }), frame(kinds.accept));
    peer.write(textMessage('for the session'));
    await assert.rejects(async () => {
      for (;;) assert.notEqual((await peer.next()).kind, kinds.message);
    }, LinkEnded);
    assert.deepEqual([connects, node.messageCountRecv], [0, 0], 'and no other begins in its place');
  });

  test('10.10 a listener that fails before the accept of the dialler says no goodbye within a session', async (t) => {
    const { node, peer, identity, connection, id } = await dialling(t, {
      limits: { handshakeTimeoutMs: 2_000 },
    });
    const sent = frame(kinds.message, 'cut in two', { format: 2 });
    connection.send('cut in two');
    await peer.expect(kinds.message);
    const session = { id, receivedBytes: 12 };
    const tooLate = await answered(node, identity, session);
    assert.equal(tooLate.session.resumed, true);
    await tooLate.peer.end();
    const inTime = await answered(node, identity, session);
    inTime.peer.write(frame(kinds.accept));
    assert.deepEqual(await inTime.peer.read(sent.length - 12), sent.subarray(12));
    const stopped = await answered(node, identity, session);
    await Promise.all([node.stop(), stopped.peer.end()]);
  });

  test('10.11 a listener that hears no accept keeps the new session on offer', async (t) => {
    const node = await startNode(t, { limits: { handshakeTimeoutMs: 2_000 } });
    const identity = newIdentity();
    const tooLate = await answered(node, identity, { id: 'ours', receivedBytes: 0 });
    await tooLate.peer.end();
    const { id } = tooLate.session;
    const cut = await answered(node, identity, { id, receivedBytes: 0 });
    assert.deepEqual(cut.session, { id, receivedBytes: 0, breaks: 0, resumed: true });
    cut.peer.socket.destroy();
    const message = eventOf(node, 'node_message');
    const last = await answered(node, identity, { id, receivedBytes: 0 });
    assert.deepEqual(last.session, { id, receivedBytes: 0, breaks: 0, resumed: true });
    last.peer.write(frame(kinds.accept), textMessage('said before it began'));
    const [connection, data] = await message;
    assert.equal(data, 'said before it began');
    connection.send('and back');
    assert.equal((await last.peer.expect(kinds.message)).body.toString(), 'and back');
    const broken = eventOf(node, 'inbound_node_disconnected');
    last.peer.socket.destroy();
    await broken;
    const later = await answered(node, identity, { id, receivedBytes: 0 });
    assert.deepEqual(later.session, {
      id,
      receivedBytes: textMessage('said before it began').length,
      breaks: 1,
      resumed: true,
    });
  });

  test('10.11 another session, another position and another kind of link get a new one', async (t) => {
    const node = await startNode(t);
    const identity = newIdentity();
    const offer = async () => (await answered(node, identity, { id: 'ours', receivedBytes: 0 })).session.id;
    assertNew((await answered(node, identity, { id: await offer(), receivedBytes: 1 })).session);
    const earlier = await offer();
    await offer();
    assertNew((await answered(node, identity, { id: earlier, receivedBytes: 0 })).session);
    const overTls = await dialTls(node, { identity });
    assertNew((await overTls.shakeHands({ session: { id: await offer(), receivedBytes: 0 } })).session);
  });

  test('10.11 an accept that comes too late begins nothing', async (t) => {
    const node = await startNode(t);
    const identity = newIdentity();
    const early = await answered(node, identity, { id: 'ours', receivedBytes: 0 });
    const { id } = early.session;
    const connected = eventOf(node, 'inbound_node_connected');
    const later = await answered(node, identity, { id, receivedBytes: 0 });
    later.peer.write(frame(kinds.accept));
    const [connection] = await connected;
    early.peer.write(frame(kinds.accept), textMessage('too late'));
    await early.peer.end();
    await later.peer.synced();
    assert.deepEqual([...node.nodesInbound], [connection]);
    assert.equal(node.messageCountRecv, 0);
  });

  test('10.12 a brief session ends with its last link; a listener says so only if it is asked', async (t) => {
    const { node, peer, session, connection } = await moving(t);
    assert.deepEqual([session.moves, session.brief], [true, true]);
    const ended = eventOf(node, 'inbound_node_disconnected');
    peer.socket.destroy();
    await ended;
    assert.equal(connection.isOpen, false);
  });

  test('10.13 a session moves to a further link, and each side goes on where the other stopped', async (t) => {
    const { node, peer, identity, session, connection } = await moving(t);
    const disconnected = countEvents(node, 'inbound_node_disconnected');
    const message = textMessage('half of it before the move');
    peer.write(message.subarray(0, 12));
    connection.send('one');
    connection.send('two');
    const first = await peer.expect(kinds.message);
    const heard = 8 + first.body.length;
    const next = await answered(node, identity, { ...session, beside: true });
    assert.deepEqual([next.session.id, next.session.resumed, next.session.beside], [session.id, true, true]);
    next.peer.write(frame(kinds.accept));
    const { body } = await next.peer.expect(kinds.carry);
    assert.deepEqual(body, position(12));
    const arrived = eventOf(node, 'node_message');
    next.peer.write(carry(heard + 4), message.subarray(12));
    const [, data] = await arrived;
    assert.equal(data, 'half of it before the move');
    const rest = frame(kinds.message, 'two', { format: 2 }).subarray(4);
    assert.deepEqual(await next.peer.read(rest.length), rest);
    assert.deepEqual([[...node.nodesInbound], disconnected.count], [[connection], 0]);
  });

  test('10.13 a link that is down, another session and a breach are refused', async (t) => {
    const { node, peer, identity, session } = await moving(t);
    const other = await dialPlain(node, identity);
    other.write(hello({ session: { ...session, id: 'another', beside: true } }));
    assert.equal((await other.expect(kinds.goodbye)).kind, kinds.goodbye);
    const ended = eventOf(node, 'inbound_node_disconnected');
    const next = await answered(node, identity, { ...session, beside: true });
    next.peer.write(frame(kinds.accept), carry(1_000_000));
    const [connection] = await ended;
    assert.equal(connection.closeReason?.code, 'protocol');
    await peer.end().catch(() => {});
    const late = await dialPlain(node, identity);
    late.write(hello({ session: { ...session, beside: true } }));
    await late.expect(kinds.goodbye);
    const { peer: fixed } = await dialling(t);
    fixed.write(carry(0));
    await fixed.expect(kinds.goodbye);
  });

  test('10.14 either side returns to the earlier link, and passes over what that still brought', async (t) => {
    const { node, peer, identity, session, connection } = await moving(t);
    const next = await answered(node, identity, { ...session, beside: true });
    next.peer.write(frame(kinds.accept));
    await expectOf(next.peer, kinds.carry);
    next.peer.write(carry(0));
    await next.peer.synced();
    peer.write(textMessage('passed over'));
    const { length } = frame(kinds.pong, uint32(0));
    next.peer.socket.destroy();
    const { body } = await expectOf(peer, kinds.carry);
    const arrived = eventOf(node, 'node_message');
    const received = Number(body.readBigUInt64BE());
    assert.ok(received >= length);
    peer.write(carry(0), textMessage('in its place'));
    assert.equal((await arrived)[1], 'in its place');
    await expectOf(peer, kinds.pong);
    const again = await answered(node, identity, { ...session, beside: true });
    again.peer.write(frame(kinds.accept));
    await expectOf(again.peer, kinds.carry);
    again.peer.write(carry(0));
    await expectOf(again.peer, kinds.pong);
    peer.write(carry(0));
    await expectOf(peer, kinds.carry);
    await assert.rejects(async () => {
      for (;;) await again.peer.next();
    }, LinkEnded);
    assert.equal(connection.isOpen, true);
  });

  test('10.8 a goodbye ends it', async (t) => {
    const { node, peer, connection } = await dialling(t);
    const ended = eventOf(node, 'inbound_node_disconnected');
    peer.write(frame(kinds.goodbye, JSON.stringify({ code: 'disconnected', message: 'enough' })));
    await ended;
    assert.equal(connection.isOpen, false);
  });
});

/** A session that the test has dialled. */
async function dialling(t: TestContext, options?: NodeOptions) {
  const node = await startNode(t, options);
  const identity = newIdentity();
  const connected = eventOf(node, 'inbound_node_connected');
  const peer = await dialPlain(node, identity);
  const { session } = await peer.shakeHands({ session: { id: 'ours', receivedBytes: 0 } });
  const [connection] = await connected;
  return { node, peer, identity, connection, id: (session as { id: string }).id };
}

/** The next frame of a kind; acknowledgements may come before it. */
async function expectOf(peer: SecondPeer, kind: number): Promise<{ readonly body: Buffer }> {
  for (;;) {
    const next = await peer.next();
    if (next.kind === kind) return next;
    assert.equal(next.kind, kinds.acknowledge);
  }
}

/** A session that can move, which the test has dialled. */
async function moving(t: TestContext) {
  const node = await startNode(t);
  const identity = newIdentity();
  const connected = eventOf(node, 'inbound_node_connected');
  const peer = await dialPlain(node, identity);
  const asked = { id: 'ours', receivedBytes: 0, moves: true, brief: true };
  const { session } = (await peer.shakeHands({ session: asked })) as { session: MovingSession };
  const [connection] = await connected;
  return { node, peer, identity, session: { ...session, receivedBytes: 0 }, connection };
}

interface MovingSession {
  readonly id: string;
  readonly receivedBytes: number;
  readonly resumed?: boolean;
  readonly moves?: boolean;
  readonly brief?: boolean;
  readonly beside?: boolean;
}

function countEvents(node: Node, name: 'inbound_node_disconnected'): { count: number } {
  const counter = { count: 0 };
  node.on(name, () => {
    counter.count += 1;
  });
  return counter;
}

/** A link on which the node waits for the accept of the dialler, with the session that it named. */
async function answered(
  node: Node,
  identity: SecondIdentity,
  session: MovingSession,
): Promise<{ peer: SecondPeer; session: MovingSession }> {
  const peer = await dialPlain(node, identity);
  peer.write(hello({ session }));
  const { body } = await peer.expect(kinds.hello);
  await peer.expect(kinds.accept);
  return { peer, session: JSON.parse(body.toString()).session };
}

function assertNew(session: unknown): void {
  const { id, ...rest } = session as { id: string };
  assert.deepEqual(rest, { receivedBytes: 0, breaks: 0, resumed: false });
  assert.match(id, /^[0-9a-f]{32}$/);
}

/** A session that a node has dialled. */
async function dialled(
  t: TestContext,
  answer?: Record<string, unknown>,
): Promise<{
  listener: { peer: SecondPeer; session: { id: string }; accept: () => Promise<SecondPeer> };
  node: Node;
  connection: NodeConnection;
}> {
  const listening = await listenPlain(t);
  const node = await startNode(t, { reconnect: { minDelayMs: 1, maxDelayMs: 10 } });
  const connecting = node.connectWithNode(`tcp://127.0.0.1:${listening.port}`, { reconnect: true });
  const peer = await listening.accept();
  const { session } = JSON.parse((await peer.expect(kinds.hello)).body.toString());
  assert.equal(session.receivedBytes, 0);
  peer.write(hello(answer ?? { session: { ...session, resumed: false } }), frame(kinds.accept));
  await peer.expect(kinds.accept);
  const connection = await connecting;
  return { listener: { peer, session, accept: () => listening.accept() }, node, connection };
}
