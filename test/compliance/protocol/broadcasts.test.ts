import assert from 'node:assert/strict';
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  hkdfSync,
  randomBytes,
  scryptSync,
  sign,
  verify,
} from 'node:crypto';
import { suite, type TestContext, test } from 'node:test';
import type { BroadcastDetails, Data, Node, NodeOptions } from '../../../src/index.ts';
import { until } from '../../support/turns.ts';
import { newIdentity, type SecondIdentity } from './second-identity.ts';
import { connectPlain, dialPlain, startNode } from './second-links.ts';
import { signedFor } from './second-overlay.ts';
import { frame, kinds, type SecondPeer } from './second-peer.ts';

const push = 1;
const announce = 2;
const offer = 3;
const graft = 4;
const prune = 5;
const probe = 6;
const echo = 7;

interface Fields {
  readonly origin?: SecondIdentity;
  readonly timeMs?: number;
  readonly previousMs?: number;
  readonly topic?: string;
  readonly text?: string;
  readonly network?: string;
  /** Writes the format and the body, when it is bound to the header before them. */
  readonly seal?: (header: Buffer) => Buffer;
  /** Default: text, or 0 where it is sealed. */
  readonly format?: number;
}

/** Clauses 14.2 and 14.3. */
function broadcast({
  origin = newIdentity(),
  timeMs = Date.now(),
  previousMs = 0,
  topic = '',
  text = 'hello',
  network = '',
  seal,
  format: formatByte = seal === undefined ? 2 : 0,
}: Fields = {}) {
  const times = Buffer.alloc(16);
  times.writeBigUInt64BE(BigInt(timeMs) * 1_000n);
  times.writeBigUInt64BE(BigInt(previousMs) * 1_000n, 8);
  const name = Buffer.from(topic);
  const format = Buffer.of(formatByte);
  const header = Buffer.concat([origin.publicKey, times, Buffer.of(name.length), name, format]);
  const rest = Buffer.concat([header, seal?.(header) ?? Buffer.from(text)]);
  const signed = signedFor('broadcast', rest, network);
  const id = createHash('sha256').update(signed).digest();
  return {
    id,
    origin,
    bytes: Buffer.concat([Buffer.of(1), sign(null, signed, origin.privateKey), rest]),
    rest,
  };
}

/** Clause 14.10: the name of a topic with a key, and what seals and opens its broadcasts. */
function topicOf({ topicKey, network = '', topic }: { topicKey: string; network?: string; topic: string }) {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(Buffer.byteLength(network));
  const salt = Buffer.concat([Buffer.from('peerloom topic key 1\0'), length, Buffer.from(network + topic)]);
  const secret = scryptSync(topicKey, salt, 32, { N: 2 ** 15, r: 8, p: 1, maxmem: 2 ** 26 });
  const bodyKey = (bodySalt: Buffer): Uint8Array =>
    new Uint8Array(hkdfSync('sha256', secret, bodySalt, 'peerloom topic body 1', 32));
  const nonce = Buffer.alloc(12);
  return {
    wireTopic: createHmac('sha256', secret).update('peerloom topic name 1').digest('hex').slice(0, 32),
    seal: (text: string) => (header: Buffer) => {
      const bodySalt = randomBytes(32);
      const cipher = createCipheriv('aes-256-gcm', bodyKey(bodySalt), nonce).setAAD(header);
      const parts = [cipher.update(`\x02${text}`), cipher.final()];
      return Buffer.concat([bodySalt, ...parts, cipher.getAuthTag()]);
    },
    open: (header: Buffer, body: Buffer): string => {
      const decipher = createDecipheriv('aes-256-gcm', bodyKey(body.subarray(0, 32)), nonce);
      decipher.setAAD(header).setAuthTag(body.subarray(-16));
      return Buffer.concat([decipher.update(body.subarray(32, -16)), decipher.final()]).toString();
    },
  };
}

const overlayFrame = (kind: number, ...body: Uint8Array[]): Buffer =>
  frame(kinds.protocol, Buffer.concat([Buffer.of(kind), ...body]));
const hops = (count: number): Buffer => Buffer.of(count);

/** A neighbour of the node that passes broadcasts on. */
async function neighbour(node: Node): Promise<SecondPeer> {
  return connectPlain(node, { hello: { protocols: ['overlay/1'] } });
}

/** The next frame of the overlay but for probes, without its kind. */
async function nextOf(peer: SecondPeer, kind: number): Promise<Buffer> {
  for (;;) {
    const { body } = await peer.expect(kinds.protocol);
    if (body[0] === probe) continue;
    assert.equal(body[0], kind);
    return body.subarray(1);
  }
}

async function listeningNode(t: TestContext, options: NodeOptions = {}) {
  const node = await startNode(t, options);
  const heard: { origin: string; data: Data; details: BroadcastDetails }[] = [];
  node.on('node_broadcast', (origin, data, details) => void heard.push({ origin, data, details }));
  const heardText = async (...expected: string[]): Promise<void> => {
    await until(() => heard.length >= expected.length, `${expected.length} broadcasts`);
    assert.deepEqual(
      heard.map(({ data }) => data),
      expected,
    );
  };
  return { node, heard, heardText };
}

/** Clause 14.13: the hash of a node of the tree. */
const nodeHash = (left: Uint8Array, right: Uint8Array): Buffer =>
  createHash('sha256').update('peerloom node 1\0').update(left).update(right).digest();

/** Clause 14.13: broadcasts that their origin has signed together. */
function batch(texts: readonly string[]): Buffer[] {
  const origin = newIdentity();
  const members = texts.map((text, index) => broadcast({ origin, text, timeMs: Date.now() + index }));
  const count = members.length;
  const tree: Buffer[] = [];
  for (const [index, { id }] of members.entries()) tree[count + index] = id;
  for (let at = count - 1; at >= 1; at--) tree[at] = nodeHash(tree[2 * at]!, tree[2 * at + 1]!);
  const signature = sign(
    null,
    Buffer.concat([Buffer.from('peerloom batch 1\0'), tree[1]!]),
    origin.privateKey,
  );
  return members.map(({ rest }, index) => {
    const path: Buffer[] = [];
    for (let at = count + index; at > 1; at >>= 1) path.push(tree[at % 2 === 0 ? at + 1 : at - 1]!);
    return Buffer.concat([Buffer.of(count + index), ...path, signature, rest]);
  });
}

suite('protocol 14: broadcasts', () => {
  test('14.1 frames of another kind or form are breaches, and every node speaks it', async (t) => {
    const { node } = await listeningNode(t);
    const { protocols } = await (await dialPlain(node)).shakeHands();
    assert.deepEqual(protocols, ['overlay/1']);
    const wrong = [
      [],
      [0],
      [8],
      [announce],
      [announce, ...Array(34).fill(1)],
      [graft, 1],
      [prune, 1],
      [probe, 1],
    ];
    for (const bytes of wrong) {
      const peer = await neighbour(node);
      peer.write(frame(kinds.protocol, Uint8Array.from(bytes)));
      assert.equal((await peer.goodbye()).code, 'protocol', `${bytes}`);
    }
  });

  test('14.2, 14.3 a broadcast is read and written as laid down', async (t) => {
    const { node, heard, heardText } = await listeningNode(t, { network: 'net' });
    const peer = await connectPlain(node, { hello: { protocols: ['overlay/1'], network: 'net' } });
    const { bytes, id, origin } = broadcast({ network: 'net', text: 'from afar', timeMs: Date.now() - 5 });
    peer.write(overlayFrame(push, hops(4), bytes));
    await heardText('from afar');
    assert.equal(heard[0]!.origin, origin.id);
    assert.deepEqual([heard[0]!.details.id, heard[0]!.details.hops], [id.toString('hex'), 5]);

    const ids = [node.broadcast('one', { topic: 'chat' }).id, node.broadcast('two', { topic: 'chat' }).id];
    const times: bigint[] = [];
    for (const [at, text] of ['one', 'two'].entries()) {
      const pushed = await nextOf(peer, push);
      assert.deepEqual([pushed[0], pushed[1]], [0, 1]);
      const [signature, rest] = [pushed.subarray(2, 66), pushed.subarray(66)];
      const signed = signedFor('broadcast', rest, 'net');
      assert.equal(createHash('sha256').update(signed).digest('hex'), ids[at]);
      const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), rest.subarray(0, 32)]);
      assert.ok(verify(null, signed, { key: spki, format: 'der', type: 'spki' }, signature));
      assert.equal(rest.subarray(48).toString(), `\x04chat\x02${text}`);
      assert.equal(rest.readBigUInt64BE(40), times.at(-1) ?? 0n);
      times.push(rest.readBigUInt64BE(32));
    }
    assert.ok(times[0]! < times[1]!);
  });

  test('14.3 each names the one before it, so that a receiver can order them', async (t) => {
    const { node, heard, heardText } = await listeningNode(t);
    node.subscribe('ordered', { ordered: true });
    node.subscribe('kept', { ordered: true, history: {} });
    const peer = await neighbour(node);
    const origin = newIdentity();
    const now = Date.now();
    const says = (topic: string, text: string, [timeMs, previousMs]: [number, number]): void => {
      const { bytes } = broadcast({ origin, topic, text, timeMs, previousMs });
      peer.write(overlayFrame(push, hops(0), bytes));
    };
    says('ordered', 'second', [now - 50, now - 100]);
    says('ordered', 'first', [now - 100, 0]);
    // What is missing longer than 5 seconds is not waited for.
    says('ordered', 'fourth', [now - 20, now - 10_000]);
    says('ordered', 'third, too late', [now - 30, now - 50]);
    says('kept', 'fourth', [now - 20, now - 10_000]);
    says('kept', 'third, late', [now - 30, now - 50]);
    await heardText('first', 'second', 'fourth', 'fourth', 'third, late');
    assert.deepEqual(
      heard.map(({ details }) => details.isHistory),
      [false, false, false, false, true],
    );
    assert.equal(node.broadcastCountDropped, 1);
  });

  test('14.4 a broadcast that its origin has not signed is a breach', async (t) => {
    const { node, heard } = await listeningNode(t);
    const bystander = await neighbour(node);
    for (const at of [0, 1, 64, 65 + 31, 65 + 39, 65 + 47]) {
      const peer = await neighbour(node);
      const { bytes } = broadcast();
      bytes[at]! ^= 1;
      peer.write(overlayFrame(push, hops(0), bytes));
      assert.equal((await peer.goodbye()).code, 'protocol');
    }
    const ofOtherNetwork = await neighbour(node);
    ofOtherNetwork.write(overlayFrame(push, hops(0), broadcast({ network: 'another' }).bytes));
    assert.equal((await ofOtherNetwork.goodbye()).code, 'protocol');
    node.broadcast('nothing came before this');
    await nextOf(bystander, push);
    assert.equal(heard.length, 0);
  });

  test('14.5 each is handed on once, and none whose time is more than 2 minutes off', async (t) => {
    const { node, heardText } = await listeningNode(t);
    const [from, to] = [await neighbour(node), await neighbour(node)];
    const minuteMs = 60_000;
    for (const offMs of [-3 * minuteMs, 3 * minuteMs]) {
      const { bytes } = broadcast({ timeMs: Date.now() + offMs, text: 'wrong time' });
      from.write(overlayFrame(push, hops(0), bytes));
    }
    const { bytes } = broadcast({ timeMs: Date.now() - minuteMs, text: 'in time' });
    from.write(overlayFrame(push, hops(0), bytes), overlayFrame(push, hops(3), bytes));
    from.write(overlayFrame(push, hops(0), broadcast({ text: 'next' }).bytes));
    await heardText('in time', 'next');
    assert.match((await nextOf(to, push)).toString(), /in time$/);
    assert.match((await nextOf(to, push)).toString(), /next$/);
  });

  test('14.6, 14.7 peers that have it prune, and are announced what comes', async (t) => {
    const { node } = await listeningNode(t);
    const [one, other] = [await neighbour(node), await neighbour(node)];
    const { bytes, id } = broadcast();
    one.write(overlayFrame(push, hops(0), bytes));
    assert.deepEqual(await nextOf(other, push), Buffer.concat([hops(1), bytes]));
    other.write(overlayFrame(push, hops(2), bytes));
    await nextOf(other, prune);
    const next = broadcast({ text: 'next' });
    one.write(overlayFrame(push, hops(0), next.bytes));
    assert.deepEqual(await nextOf(other, announce), Buffer.concat([hops(1), next.id]));
    other.write(overlayFrame(offer, hops(1), id));
    other.write(overlayFrame(graft, next.id));
    assert.deepEqual(await nextOf(other, push), Buffer.concat([hops(1), next.bytes]));
    node.broadcast('eager again');
    await nextOf(other, push);
    one.write(overlayFrame(prune));
    one.write(overlayFrame(probe, Buffer.alloc(4)));
    while ((await one.expect(kinds.protocol)).body[0] !== echo);
    node.broadcast('lazy');
    await nextOf(one, announce);
  });

  test('14.8 what is announced is asked for, of one peer after the other, and offers at once', async (t) => {
    const { node, heardText } = await listeningNode(t);
    const [one, other] = [await neighbour(node), await neighbour(node)];
    const large = broadcast({ text: 'x'.repeat(20_000) });
    one.write(overlayFrame(offer, hops(0), large.id));
    assert.deepEqual(await nextOf(one, graft), large.id);
    one.write(overlayFrame(push, hops(0), large.bytes));
    assert.deepEqual(await nextOf(other, offer), Buffer.concat([hops(1), large.id]));
    other.write(overlayFrame(graft, large.id), overlayFrame(graft, large.id));
    assert.deepEqual(await nextOf(other, push), Buffer.concat([hops(1), large.bytes]));

    const missing = broadcast({ text: 'missing' });
    one.write(overlayFrame(announce, hops(0), missing.id));
    assert.deepEqual(await nextOf(one, graft), missing.id);
    other.write(overlayFrame(announce, hops(0), missing.id));
    assert.deepEqual(await nextOf(other, graft), missing.id);
    other.write(overlayFrame(push, hops(0), missing.bytes));
    await heardText('x'.repeat(20_000), 'missing');
  });

  test('14.12 a new neighbour is announced what was there before it, and asks for what it misses', async (t) => {
    const { node, heardText } = await listeningNode(t);
    const one = await neighbour(node);
    const before = broadcast({ text: 'before' });
    one.write(overlayFrame(push, hops(1), before.bytes));
    await heardText('before');
    const late = await neighbour(node);
    assert.deepEqual(await nextOf(late, announce), Buffer.concat([hops(2), before.id]));
    late.write(overlayFrame(graft, before.id));
    assert.deepEqual(await nextOf(late, push), Buffer.concat([hops(2), before.bytes]));
  });

  test('14.9 probes are answered', async (t) => {
    const { node } = await listeningNode(t);
    const peer = await neighbour(node);
    peer.write(overlayFrame(probe, Buffer.from('ping')));
    for (;;) {
      const { body } = await peer.expect(kinds.protocol);
      if (body[0] !== echo) continue;
      assert.equal(body.subarray(1).toString(), 'ping');
      break;
    }
  });

  test('14.10 a topic with a key has another name on the wire, and its broadcasts are sealed', async (t) => {
    const { node, heard, heardText } = await listeningNode(t, { network: 'net' });
    await node.subscribe('chat', { topicKey: 'secret' });
    const { wireTopic, seal, open } = topicOf({ topicKey: 'secret', network: 'net', topic: 'chat' });
    const peer = await connectPlain(node, { hello: { protocols: ['overlay/1'], network: 'net' } });
    const says = (fields: Fields): void => {
      peer.write(
        overlayFrame(push, hops(0), broadcast({ network: 'net', topic: wireTopic, ...fields }).bytes),
      );
    };
    const header = (bytes: Buffer): Buffer => bytes.subarray(64, 64 + 32 + 16 + 1 + 32 + 1);
    const ofAnother = broadcast({ network: 'net', topic: wireTopic, seal: seal('mine') }).bytes;
    says({ text: 'not sealed' });
    says({ seal: () => Buffer.alloc(48) });
    says({ seal: () => Buffer.alloc(100) });
    says({ seal: () => ofAnother.subarray(64 + header(ofAnother).length) });
    says({ topic: 'chat', text: 'by the name that the topic has here' });
    says({ topic: 'chat', seal: seal('the same, sealed') });
    says({ seal: seal('sealed') });
    await heardText('sealed');
    assert.equal(heard[0]!.details.topic, 'chat');
    assert.equal(node.broadcastCountRejected, 4);

    node.broadcast('answer', { topic: 'chat' });
    const pushed = (await nextOf(peer, push)).subarray(2);
    const parts = Buffer.concat([Buffer.of(32), Buffer.from(wireTopic), Buffer.of(0)]);
    assert.deepEqual(header(pushed).subarray(48), parts);
    assert.equal(open(header(pushed), pushed.subarray(64 + header(pushed).length)), '\x02answer');
  });

  test('14.11 announcements say who is there: the latest of an origin counts, and others are ignored', async (t) => {
    const { node } = await listeningNode(t, { presence: { everyMs: 600_000 } });
    const news: unknown[] = [];
    node.on('node_joined', (id) => void news.push(['joined', id]));
    node.on('node_left', (id, reason) => void news.push(['left', id, reason]));
    const peer = await neighbour(node);
    const own = (await nextOf(peer, push)).subarray(2 + 64 + 32 + 16);
    assert.equal(own.toString('latin1'), '\x09\0presence\x03\x00\x09\x27\xc0');

    const origin = newIdentity();
    const now = Date.now();
    const says = (timeMs: number, format: number, ...body: number[]): void => {
      const seal = (): Buffer => Buffer.from(body);
      const fields = { origin, timeMs: now + timeMs, topic: '\0presence', seal, format };
      peer.write(overlayFrame(push, hops(0), broadcast(fields).bytes));
    };
    says(0, 3, 0, 0);
    says(1, 2, 0, 0, 0x27, 0x10);
    says(10, 3, 0, 0, 0x27, 0x10);
    says(9, 3, 0, 0, 0, 0);
    says(20, 3, 0, 0, 0, 0);
    says(15, 3, 0, 0, 0x27, 0x10);
    says(30, 3, 0, 0, 0x27, 0x10);
    await until(() => news.length >= 3, 'three pieces of news');
    assert.deepEqual(news, [
      ['joined', origin.id],
      ['left', origin.id, 'stopped'],
      ['joined', origin.id],
    ]);
    assert.deepEqual(node.presentNodes, [origin.id]);
    void node.stop();
    const farewell = await nextOf(peer, push);
    assert.equal(farewell.subarray(-4).readUInt32BE(), 0);
  });

  test('14.13 broadcasts that were signed together are read, each by itself', async (t) => {
    const { node, heardText } = await listeningNode(t);
    const peer = await neighbour(node);
    const texts = Array.from({ length: 64 }, (_, index) => `member ${index}`);
    const members = batch(texts);
    for (const member of members.toReversed()) peer.write(overlayFrame(push, hops(0), member));
    await heardText(...texts.toReversed());
    const [three] = batch(['a', 'b', 'c']);
    peer.write(overlayFrame(push, hops(0), three!));
    await heardText(...texts.toReversed(), 'a');
  });

  test('14.13 one with another path, place or signature than its batch is a breach', async (t) => {
    const { node, heard, heardText } = await listeningNode(t);
    const honest = await neighbour(node);
    const members = batch(['a', 'b', 'c', 'd', 'e']);
    // The node knows the batch from now on.
    honest.write(overlayFrame(push, hops(0), members[0]!));
    await heardText('a');
    const pathEnd = 1 + 3 * 32;
    const lies = [0, 1, pathEnd - 1, pathEnd, pathEnd + 63].map((at) => {
      const member = Buffer.from(batch(['a', 'b', 'c', 'd', 'e'])[4]!.subarray());
      member[at]! ^= 1;
      return member;
    });
    for (const at of [1, 2 * 32, 1 + 2 * 32 + 63]) {
      const member = Buffer.from(members[1]!);
      member[at]! ^= 1;
      lies.push(member);
    }
    const alone = broadcast().bytes.subarray(1);
    for (const place of [0, 128, 255]) lies.push(Buffer.concat([Buffer.of(place), alone]));
    for (const [index, lie] of lies.entries()) {
      const liar = await neighbour(node);
      liar.write(overlayFrame(push, hops(0), lie));
      assert.equal((await liar.goodbye()).code, 'protocol', `lie ${index}`);
    }
    assert.equal(heard.length, 1);
  });

  test('14.13 a node signs what it broadcasts in one turn together, but for the first', async (t) => {
    const { node } = await listeningNode(t);
    const peer = await neighbour(node);
    await node.waitForNodes(1);
    const ids = Array.from({ length: 6 }, (_, index) => node.broadcast(`${index}`).id);
    for (const [index, id] of ids.entries()) {
      const pushed = (await nextOf(peer, push)).subarray(1);
      assert.equal(pushed[0], index === 0 ? 1 : 5 + index - 1);
      if (index === 0) continue;
      const place = pushed[0]!;
      const depth = Math.floor(Math.log2(place));
      const [signatureAt, contentAt] = [1 + 32 * depth, 1 + 32 * depth + 64];
      const content = pushed.subarray(contentAt);
      let hash: Buffer = createHash('sha256').update(signedFor('broadcast', content)).digest();
      assert.equal(hash.toString('hex'), id);
      for (let level = 0, at = place; at > 1; level++, at >>= 1) {
        const sibling = pushed.subarray(1 + 32 * level, 33 + 32 * level);
        hash = at % 2 === 0 ? nodeHash(hash, sibling) : nodeHash(sibling, hash);
      }
      const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), content.subarray(0, 32)]);
      const statement = Buffer.concat([Buffer.from('peerloom batch 1\0'), hash]);
      const signature = pushed.subarray(signatureAt, contentAt);
      assert.ok(verify(null, statement, { key: spki, format: 'der', type: 'spki' }, signature));
    }
  });
});
