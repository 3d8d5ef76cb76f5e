import assert from 'node:assert/strict';
import { verify } from 'node:crypto';
import { suite, type TestContext, test } from 'node:test';
import type { Node, NodeOptions } from '../../../src/index.ts';
import { pause, until } from '../../support/turns.ts';
import { keyOf, newIdentity, type SecondIdentity } from './second-identity.ts';
import { connectPlain, dialPlain, listenPlain, startNode } from './second-links.ts';
import { overlayFrame, recordOf, signedFor } from './second-overlay.ts';
import { frame, hello, kinds, type SecondPeer } from './second-peer.ts';

const introduce = 16;
const join = 17;
const joinReply = 18;
const forwardJoin = 19;
const ask = 20;
const answer = 21;
const drop = 22;
const shuffle = 23;
const shuffleReply = 24;
const hold = 25;
const release = 26;

const list = (...records: Buffer[]): Buffer =>
  Buffer.concat(records.flatMap((one) => [Buffer.of(one.length >> 8, one.length & 0xff), one]));

/** The next frame of that kind, without its kind; others about neighbours are passed over. */
async function nextOf(peer: SecondPeer, kind: number): Promise<Buffer> {
  for (;;) {
    const next = await peer.next();
    if (next.kind !== kinds.protocol) continue;
    if (next.body[0] === kind) return next.body.subarray(1);
  }
}

const automatic = { neighbourhood: { active: 3, passive: 8, periodMs: 1_000 } } satisfies NodeOptions;

function startAutomatic(t: TestContext, options: NodeOptions = {}): Promise<Node> {
  return startNode(t, { ...automatic, ...options });
}

/** A peer that dialled the node with a word, and has introduced itself. */
async function dialled(
  node: Node,
  word: string,
  { identity = newIdentity(), record }: { identity?: SecondIdentity; record?: Buffer } = {},
): Promise<SecondPeer> {
  const peer = await connectPlain(node, { identity, hello: { protocols: ['overlay/1'], membership: word } });
  peer.write(overlayFrame(introduce, 0, ...(record === undefined ? [] : [record])));
  return peer;
}

/**
 * A peer for which the node drops a neighbour. It dials until then: after five at once, the node drops one in each
 * round for others.
 */
async function replacing(node: Node, identity = newIdentity()): Promise<SecondPeer> {
  for (;;) {
    try {
      return await dialled(node, 'high', { identity });
    } catch (error) {
      assert.match((error as Error).message, /no place for another neighbour/);
      await pause(50);
    }
  }
}

/** Everything written so far has been read by the node. */
async function answered(peer: SecondPeer): Promise<void> {
  peer.write(frame(kinds.ping, Buffer.of(0, 0, 18, 103)));
  for (let next = await peer.next(); next.kind !== kinds.pong; next = await peer.next());
}

const activeIds = (node: Node): string[] => node.neighbourhood.active.map(({ id }) => id);

suite('protocol 15, 18: neighbours', () => {
  test('18.3 four diallers that ask for an anchor are admitted, and are no neighbours; others are refused', async (t) => {
    const node = await startAutomatic(t);
    const anchored: SecondPeer[] = [];
    for (let count = 0; count < 4; count++) {
      const peer = await dialled(node, 'anchor');
      await answered(peer);
      anchored.push(peer);
    }
    assert.deepEqual(activeIds(node), []);
    const refused = await dialPlain(node);
    refused.write(hello({ protocols: ['overlay/1'], membership: 'anchor' }));
    assert.equal((await refused.goodbye()).code, 'neighbour');
    anchored[0]!.socket.destroy();
    await until(() => node.allNodes.length === 3, 'one has gone');
    await answered(await dialled(node, 'anchor'));
  });

  test('18.1 only nodes that find their neighbours say so, and get frames about them', async (t) => {
    const manual = await startNode(t);
    const peer = await dialPlain(manual);
    assert.equal(
      (await peer.shakeHands({ protocols: ['overlay/1'], membership: 'open' })).membership,
      undefined,
    );
    peer.write(overlayFrame(introduce, 0));
    assert.equal((await peer.goodbye()).code, 'protocol');

    const node = await startAutomatic(t);
    const silent = await dialPlain(node);
    assert.equal((await silent.shakeHands({ protocols: ['overlay/1'] })).membership, 'open');
    silent.write(overlayFrame(introduce, 0));
    assert.equal((await silent.goodbye()).code, 'protocol', 'it said nothing about neighbours');
    const later = await dialPlain(node);
    await later.shakeHands({ protocols: ['overlay/1'], membership: 'a word of a later version' });
    await nextOf(later, introduce);
  });

  test('18.2 frames of another form are breaches', async (t) => {
    const node = await startAutomatic(t);
    const wrong = [
      [introduce, 3, 97],
      [join, 0],
      [joinReply, 2],
      [forwardJoin, 17],
      [ask, 3],
      [answer],
      [drop, 0],
      [shuffle, 0, 0, 0, 0, 17],
      [shuffleReply, 0, 0],
      [hold, 1],
      [release, 1],
      [27],
    ];
    for (const bytes of wrong) {
      const peer = await dialled(node, 'open');
      peer.write(frame(kinds.protocol, Uint8Array.from(bytes)));
      for (;;) {
        const next = await peer.next();
        if (next.kind !== kinds.goodbye) continue;
        assert.equal(JSON.parse(next.body.toString()).code, 'protocol', `${bytes}`);
        break;
      }
    }
  });

  test('15.1, 15.2, 18.4 an introduction has the record of its sender, signed by it', async (t) => {
    const node = await startAutomatic(t, { network: 'net' });
    const peer = await connectPlain(node, {
      hello: { protocols: ['overlay/1'], membership: 'open', network: 'net' },
    });
    const body = await nextOf(peer, introduce);
    assert.equal(body.subarray(1, 1 + body[0]!).toString(), '127.0.0.1');
    const record = body.subarray(1 + body[0]!);
    const rest = record.subarray(64);
    assert.ok(
      verify(null, signedFor('addresses', rest, 'net'), keyOf(rest.subarray(0, 32)), record.subarray(0, 64)),
    );
    assert.equal(rest[40], node.addresses.length);
    assert.equal(rest.subarray(42, 42 + rest[41]!).toString(), node.addresses[0]);

    const identity = newIdentity();
    for (const bad of [recordOf(), recordOf({ owner: identity, network: 'other' })]) {
      const liar = await connectPlain(node, {
        identity,
        hello: { protocols: ['overlay/1'], membership: 'open', network: 'net', replace: true },
      });
      liar.write(overlayFrame(introduce, 0, bad));
      for (let next = await liar.next(); next.kind !== kinds.goodbye; next = await liar.next());
    }
  });

  test('18.3 a neighbour is accepted where there is room, and refused with a reason where there is none', async (t) => {
    const node = await startAutomatic(t);
    const ids: string[] = [];
    for (let count = 0; count < 3; count++) {
      const identity = newIdentity();
      ids.push(identity.id);
      await dialled(node, 'low', { identity });
    }
    await until(() => activeIds(node).length === 3, 'all three are neighbours');
    assert.deepEqual(activeIds(node).sort(), ids.sort());
    const fourth = await dialPlain(node);
    fourth.write(hello({ protocols: ['overlay/1'], membership: 'low' }));
    assert.equal((await fourth.goodbye()).code, 'neighbour');
    const urgent = newIdentity();
    await dialled(node, 'high', { identity: urgent });
    await until(() => activeIds(node).includes(urgent.id), 'one that has no neighbour is let in');
    assert.equal(activeIds(node).length, 3);

    const manual = await startNode(t);
    const refused = await dialPlain(manual);
    refused.write(hello({ membership: 'high' }));
    assert.equal((await refused.goodbye()).code, 'neighbour');
    const peer = await dialled(await startAutomatic(t), 'open');
    await nextOf(peer, join);
    peer.write(overlayFrame(ask, 1));
    assert.deepEqual([...(await nextOf(peer, answer))], [1]);
  });

  test('18.5, 18.8, 18.9 a node that joins is proven by a probe before others learn of it', async (t) => {
    const node = await startAutomatic(t);
    const other = await dialled(node, 'low');
    const identity = newIdentity();
    const listener = await listenPlain(t, identity);
    const record = recordOf({ owner: identity, addresses: [`tcp://127.0.0.1:${listener.port}`] });
    const peer = await dialled(node, 'join', { identity, record });
    const reply = await nextOf(peer, joinReply);
    assert.equal(reply[0], 1);
    const probe = await listener.accept();
    assert.equal((await probe.goodbye()).code, 'probe');
    const walk = await nextOf(other, forwardJoin);
    assert.equal(walk[0], 6);
    assert.deepEqual(walk.subarray(1), record);
    peer.write(overlayFrame(join), overlayFrame(join));
    await answered(peer);
    const asOrdinary = await dialPlain(await startNode(t));
    assert.equal((await asOrdinary.shakeHands({ membership: 'join' })).membership, undefined);
  });

  test('18.6, 15.3 walks of new nodes go on, are noted half-way, and end with a request', async (t) => {
    const node = await startAutomatic(t);
    const [from, to] = [await dialled(node, 'low'), await dialled(node, 'low')];
    await until(() => activeIds(node).length === 2, 'both are neighbours');
    const identity = newIdentity();
    const listener = await listenPlain(t, identity);
    const addresses = [`tcp://127.0.0.1:${listener.port}`];
    const record = recordOf({ owner: identity, addresses, sequence: 7 });
    from.write(overlayFrame(forwardJoin, 3, record));
    const passedOn = await nextOf(to, forwardJoin);
    assert.equal(passedOn[0], 2);
    assert.deepEqual(passedOn.subarray(1), record);
    await until(() => node.neighbourhood.passive.includes(identity.id), 'it is noted');
    const older = recordOf({ owner: identity, addresses: ['tcp://127.0.0.1:2'], sequence: 6 });
    const forged = recordOf({ owner: newIdentity(), addresses });
    forged[0]! ^= 1;
    from.write(overlayFrame(forwardJoin, 1, older), overlayFrame(forwardJoin, 1, forged));
    for (;;) {
      const link = await listener.accept();
      const first = await link.next();
      if (first.kind === kinds.goodbye) continue; // a probe
      assert.equal(JSON.parse(first.body.toString()).membership, 'low', 'at the address of the later record');
      break;
    }
    assert.equal(node.neighbourhood.passive.length <= 1, true, 'nothing of the forged one is kept');
  });

  test('18.7 a shuffle goes on, and its answer takes the way back', async (t) => {
    const node = await startAutomatic(t);
    const [from, to] = [await dialled(node, 'low'), await dialled(node, 'low')];
    await until(() => activeIds(node).length === 2, 'both are neighbours');
    const walk = Buffer.from('abcd');
    const contacts = list(recordOf());
    from.write(overlayFrame(shuffle, walk, 6, contacts));
    const isWalk = async (peer: SecondPeer): Promise<Buffer> => {
      for (;;) {
        const body = await nextOf(peer, shuffle);
        if (body.subarray(0, 4).equals(walk)) return body;
      }
    };
    assert.deepEqual(await isWalk(to), Buffer.concat([walk, Buffer.of(5), contacts]));
    const contactsBack = list(recordOf());
    from.write(overlayFrame(shuffleReply, walk, list(recordOf())));
    to.write(overlayFrame(shuffleReply, walk, contactsBack));
    assert.deepEqual(await nextOf(from, shuffleReply), Buffer.concat([walk, contactsBack]));

    const last = Buffer.from('efgh');
    from.write(overlayFrame(shuffle, last, 1, contacts));
    const reply = await nextOf(from, shuffleReply);
    assert.deepEqual(reply.subarray(0, 4), last);
  });

  test('18.8 what a node says that is no neighbour is ignored', async (t) => {
    const node = await startAutomatic(t);
    const neighbour = await dialled(node, 'low');
    const stranger = await dialled(node, 'open');
    stranger.write(
      overlayFrame(forwardJoin, 3, recordOf()),
      overlayFrame(shuffle, Buffer.from('abcd'), 1, list(recordOf())),
    );
    await answered(stranger);
    await answered(neighbour);
    assert.deepEqual(node.neighbourhood.passive, []);
  });

  test('18.10 a neighbour that is dropped keeps its connection if its user holds it, and loses it if not', async (t) => {
    const node = await startAutomatic(t, { neighbourhood: { ...automatic.neighbourhood, active: 2 } });
    const [held, other] = [newIdentity(), newIdentity()];
    const holding = await dialled(node, 'low', { identity: held });
    const unheld = await dialled(node, 'low', { identity: other });
    await until(() => activeIds(node).length === 2, 'both are neighbours');
    holding.write(overlayFrame(hold));
    await answered(holding);
    const low = [
      { id: held.id, peer: holding },
      { id: other.id, peer: unheld },
    ];
    for (let left = low; left.length > 0; left = low.filter(({ id }) => activeIds(node).includes(id))) {
      // On a slow machine this takes so long that the node would give them up for their silence.
      for (const { peer } of left) peer.write(frame(kinds.ping, Buffer.of(0, 0, 18, 104)));
      await replacing(node);
    }
    await nextOf(holding, drop);
    await nextOf(unheld, drop);
    for (let next = await unheld.next(); next.kind !== kinds.goodbye; next = await unheld.next());
    await answered(holding);
    holding.write(overlayFrame(release));
    for (let next = await holding.next(); next.kind !== kinds.goodbye; next = await holding.next());

    const leaving = newIdentity();
    const peer = await replacing(node, leaving);
    await until(() => activeIds(node).includes(leaving.id), 'it is a neighbour');
    peer.write(overlayFrame(drop));
    for (let next = await peer.next(); next.kind !== kinds.goodbye; next = await peer.next());
    assert.ok(!activeIds(node).includes(leaving.id));
  });
});
