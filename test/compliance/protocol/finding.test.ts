import assert from 'node:assert/strict';
import { randomBytes, verify } from 'node:crypto';
import { suite, test } from 'node:test';
import { publicKeyFromId } from '../../../src/identity/identity.ts';
import { type Node, tcp } from '../../../src/index.ts';
import { until } from '../../support/turns.ts';
import { idOf, keyOf, newIdentity } from './second-identity.ts';
import { connectPlain, startNode } from './second-links.ts';
import { overlayFrame, recordOf, signedFor } from './second-overlay.ts';
import { kinds, type SecondPeer } from './second-peer.ts';

const find = 48;
const found = 49;
const unknown = 50;
const look = 51;
const seen = 52;

function findFrame(publicKey: Uint8Array, { number = randomBytes(8), hops = 4, host = '127.0.0.1' } = {}) {
  return overlayFrame(find, number, Buffer.of(hops), publicKey, Buffer.from(host));
}

/** A peer that the node can ask. */
async function neighbour(node: Node, identity = newIdentity()): Promise<SecondPeer> {
  const peer = await connectPlain(node, { identity, hello: { protocols: ['overlay/1'] } });
  await until(
    () => node.allNodes.some(({ id }) => id === idOf(identity.publicKey)),
    'both sides are connected',
  );
  return peer;
}

async function next(peer: SecondPeer, kind: number): Promise<Buffer> {
  const { body } = await peer.expect(kinds.protocol);
  assert.equal(body[0], kind);
  return body.subarray(1);
}

suite('protocol 15: address records', () => {
  test('15.1, 15.2, 15.5 the node that is looked for answers with its record, which names the host it was asked at', async (t) => {
    const transports = [tcp({ accept: ['tls', 'plain'], listen: ['0.0.0.0:0'] })];
    const node = await startNode(t, { network: 'net', transports });
    const peer = await connectPlain(node, { hello: { protocols: ['overlay/1'], network: 'net' } });
    const number = randomBytes(8);
    const publicKey = Buffer.from(publicKeyFromId(node.id));
    peer.write(findFrame(publicKey, { number, host: '192.0.2.7' }));
    const answer = await next(peer, found);
    assert.deepEqual(answer.subarray(0, 8), number);
    const [signature, rest] = [answer.subarray(8, 72), answer.subarray(72)];
    assert.ok(verify(null, signedFor('addresses', rest, 'net'), keyOf(publicKey), signature));
    assert.deepEqual(rest.subarray(0, 32), publicKey);
    assert.ok(Math.abs(Number(rest.readBigUInt64BE(32)) - Date.now()) < 60_000);
    const addresses = rest.subarray(41).toString();
    assert.equal(rest[40], 1);
    assert.match(addresses, new RegExp(`tls://192\\.0\\.2\\.7:${node.port}`));
  });

  test('15.3, 15.5, 15.7 a node dials what a record says that its owner has signed, and nothing else', async (t) => {
    const target = await startNode(t);
    const publicKey = Buffer.from(publicKeyFromId(target.id));
    const node = await startNode(t);
    const [liar, honest] = [await neighbour(node), await neighbour(node)];
    const connecting = node.connectWithNode(target.id);
    const [asked, alsoAsked] = [await next(liar, find), await next(honest, find)];
    assert.deepEqual(asked.subarray(9, 41), publicKey);
    assert.equal(asked[8], 1);
    assert.equal(asked.subarray(41).toString(), '127.0.0.1');
    const forged = recordOf({
      owner: { ...newIdentity(), publicKey },
      addresses: [`tls://127.0.0.1:${target.port}`],
    });
    liar.write(overlayFrame(found, asked.subarray(0, 8), forged));
    assert.equal((await liar.goodbye()).code, 'protocol');
    const asker = await neighbour(target);
    asker.write(findFrame(publicKey));
    const record = (await next(asker, found)).subarray(8);
    honest.write(overlayFrame(found, alsoAsked.subarray(0, 8), record));
    assert.equal((await connecting).id, target.id);
  });

  test('15.4 frames of another form are breaches', async (t) => {
    const node = await startNode(t);
    const { publicKey } = newIdentity();
    const number = randomBytes(8);
    const wrong: Buffer[] = [
      overlayFrame(find),
      overlayFrame(find, number, Buffer.of(0), publicKey.subarray(1)),
      overlayFrame(find, number, Buffer.of(5), publicKey),
      overlayFrame(find, number, Buffer.of(0), Buffer.alloc(32)),
      overlayFrame(find, number, Buffer.of(0), publicKey, Buffer.from('a host')),
      overlayFrame(find, number, Buffer.of(0), publicKey, Buffer.alloc(256, 'a')),
      overlayFrame(found, number),
      overlayFrame(unknown, number.subarray(1)),
      overlayFrame(unknown, number, Buffer.of(0)),
      overlayFrame(look, number, Buffer.of(0)),
      overlayFrame(seen, number),
      overlayFrame(seen, number, Buffer.alloc(10), Buffer.from('a host')),
      overlayFrame(53, number),
    ];
    for (const bytes of wrong) {
      const peer = await neighbour(node);
      peer.write(bytes);
      assert.equal((await peer.goodbye()).code, 'protocol', bytes.toString('hex'));
    }
  });

  test('15.5 a question is passed on with a link less, and its answer returns', async (t) => {
    const node = await startNode(t);
    const [asker, other] = [await neighbour(node), await neighbour(node)];
    const [sought, number] = [newIdentity(), randomBytes(8)];
    asker.write(findFrame(sought.publicKey, { number, hops: 3 }));
    const passedOn = await next(other, find);
    assert.deepEqual(passedOn.subarray(0, 8), number);
    assert.equal(passedOn[8], 2);
    const addresses = ['tls://192.0.2.7:1'];
    const record = recordOf({ owner: sought, addresses });
    other.write(overlayFrame(found, number, record));
    assert.deepEqual(await next(asker, found), Buffer.concat([number, record]));
  });

  test('15.5 to the node that is looked for alone if that is a peer, also when no link is left', async (t) => {
    const node = await startNode(t);
    const sought = newIdentity();
    const [asker, other, itself] = [
      await neighbour(node),
      await neighbour(node),
      await neighbour(node, sought),
    ];
    asker.write(findFrame(sought.publicKey, { hops: 0 }));
    assert.equal((await next(itself, find))[8], 0);
    const anybody = newIdentity().publicKey;
    asker.write(findFrame(anybody, { hops: 0 }));
    await next(asker, unknown);
    asker.write(findFrame(anybody, { hops: 1 }));
    assert.deepEqual((await next(other, find)).subarray(9, 41), anybody, 'its first question');
  });

  test('15.8 a look is answered with where the node sees the peer, and what its clock says', async (t) => {
    const node = await startNode(t);
    const peer = await neighbour(node);
    const number = randomBytes(8);
    peer.write(overlayFrame(look, number));
    const answer = await next(peer, seen);
    assert.deepEqual(answer.subarray(0, 8), number);
    assert.ok(Math.abs(Number(answer.readBigUInt64BE(8)) - Date.now()) < 60_000);
    assert.ok(answer.readUInt16BE(16) > 0);
    assert.equal(answer.subarray(18).toString(), '127.0.0.1');
  });

  test('15.6 a number that it has seen is answered with unknown', async (t) => {
    const node = await startNode(t);
    const [asker, other] = [await neighbour(node), await neighbour(node)];
    const [{ publicKey }, number] = [newIdentity(), randomBytes(8)];
    asker.write(findFrame(publicKey, { number }));
    await next(other, find);
    other.write(findFrame(publicKey, { number }));
    assert.deepEqual(await next(other, unknown), number);
  });

  test('15.7 records of other nodes and networks are breaches, and what nobody asked for is ignored', async (t) => {
    const node = await startNode(t);
    const sought = newIdentity();
    for (const record of [recordOf(), recordOf({ owner: sought, network: 'another network' })]) {
      const [asker, other] = [await neighbour(node), await neighbour(node)];
      const number = randomBytes(8);
      other.write(overlayFrame(found, number, record), overlayFrame(unknown, number));
      asker.write(findFrame(sought.publicKey, { number }));
      await next(other, find);
      other.write(overlayFrame(found, number, record));
      assert.equal((await other.goodbye()).code, 'protocol');
      await next(asker, unknown);
      await asker.close();
    }
  });
});
