import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { suite, type TestContext, test } from 'node:test';
import {
  type BroadcastDetails,
  type Data,
  type HistoryOptions,
  Identity,
  type Node,
  type NodeOptions,
} from '../../../src/index.ts';
import { type AddressRecord, signAddressRecord } from '../../../src/overlay/membership/address-record.ts';
import { signedBroadcast } from '../../support/signed-broadcast.ts';
import { until } from '../../support/turns.ts';
import { identityBeside, idOf } from './second-identity.ts';
import { connectPlain, startNode } from './second-links.ts';
import { frame, kinds, type SecondPeer } from './second-peer.ts';

const push = 1;
const keep = 32;
const compare = 33;
const answer = 34;
const refuse = 35;
const offer = 36;
const fetch = 37;
const past = 38;
const fetched = 39;
const seek = 40;
const keeping = 42;
const found = 41;

const minute = 60_000_000;

/** Clause 17.1. */
function topicOf(name: string, network = ''): Buffer {
  return createHash('sha256').update(`peerloom history 1\0${network}\0${name}`).digest().subarray(0, 16);
}

function number(value: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  bytes.writeUIntBE(value, Math.max(0, length - 6), Math.min(6, length));
  return bytes;
}

const time = (us: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(us));
  return bytes;
};

const bytesOf = (id: string): Buffer => Buffer.from(id, 'hex');

/** A message of reconciliation that lists ids, fewer than 128, and ends at infinity. */
const listOf = (...ids: string[]): Buffer =>
  Buffer.concat([Buffer.from([0x61, 0, 0, 2, ids.length]), ...ids.map(bytesOf)]);

const keeps = (isQuestion: 0 | 1, name = 'chat', most = 1_000): Buffer =>
  Buffer.concat([Buffer.of(keep, isQuestion), topicOf(name), number(most, 4), time(2 ** 24)]);

/** The whole comparison in one message: all that the peer keeps, below a floor nothing. */
function comparing(
  run: number,
  message: Buffer,
  { isFirst = 1, floor = 0, until: to = Date.now() * 1_000 } = {},
): Buffer {
  return Buffer.concat([
    Buffer.of(compare),
    topicOf('chat'),
    number(run, 4),
    Buffer.of(isFirst),
    time(floor),
    time(to),
    message,
  ]);
}

class Keeper {
  readonly peer: SecondPeer;

  constructor(peer: SecondPeer) {
    this.peer = peer;
  }

  send(...bytes: Uint8Array[]): void {
    this.peer.write(frame(kinds.protocol, Buffer.concat(bytes)));
  }

  /** Says that it keeps the topic, and that it keeps what the node does. */
  async keepsTheSame(): Promise<void> {
    this.send(keeps(0));
    const begun = await this.next(compare);
    this.send(Buffer.of(answer), begun.subarray(0, 20), Buffer.of(0x61));
  }

  /** The next frame of this kind, without the kind. Others are left out. */
  async next(kind: number): Promise<Buffer> {
    for (;;) {
      const { body } = await this.peer.expect(kinds.protocol);
      if (body[0] === kind) return body.subarray(1);
    }
  }
}

async function keepingNode(t: TestContext, history: HistoryOptions = {}, options: NodeOptions = {}) {
  const node = await startNode(t, options);
  const heard: { data: Data; details: BroadcastDetails }[] = [];
  node.on('node_broadcast', (_origin, data, details) => void heard.push({ data, details }));
  node.subscribe('chat', { history });
  const texts = (): Data[] => heard.map(({ data }) => data);
  return { node, heard, texts };
}

/** The node is the one that begins to compare. */
async function keeper(node: Node): Promise<Keeper> {
  const identity = identityBeside(node.id, 'higher');
  return new Keeper(await connectPlain(node, { identity, hello: { protocols: ['overlay/1'] } }));
}

suite('protocol 17: histories', () => {
  test('17.1 frames of another kind or form are breaches', async (t) => {
    const { node } = await keepingNode(t);
    const short = topicOf('chat').subarray(1);
    const wrong = [
      [Buffer.of(keep)],
      [keeps(0).subarray(0, -1)],
      [Buffer.of(compare), short],
      [comparing(1, Buffer.alloc(16_385))],
      [Buffer.of(offer), topicOf('chat')],
      [Buffer.of(offer), topicOf('chat'), Buffer.alloc(31)],
      [Buffer.of(fetch), topicOf('chat'), number(1, 4), Buffer.alloc(513 * 32)],
      [Buffer.of(fetched), topicOf('chat'), number(1, 4), number(1, 3)],
      [Buffer.of(seek), topicOf('chat'), number(1, 4)],
      [Buffer.of(seek), topicOf('chat'), number(1, 4), Buffer.of(7), Buffer.alloc(9 * 4)],
      [Buffer.of(found), topicOf('chat'), number(1, 4), Buffer.of(9), Buffer.alloc(9 * 4)],
      [Buffer.of(keeping), topicOf('chat'), Buffer.of(8)],
      [Buffer.of(keeping), topicOf('chat'), Buffer.of(7), Buffer.from('no record')],
      [Buffer.of(43), topicOf('chat'), number(1, 4)],
    ];
    for (const [at, bytes] of wrong.entries()) {
      const peer = await keeper(node);
      await peer.next(keep);
      peer.send(...bytes);
      assert.equal((await peer.peer.goodbye()).code, 'protocol', `${at}`);
    }
  });

  test('17.2 topics are named when a peer connects and when they change, and on request', async (t) => {
    const { node } = await keepingNode(t, { maxMessages: 7, maxBytes: 2 ** 21 });
    const peer = await keeper(node);
    const own = Buffer.concat([topicOf('chat'), number(7, 4), time(2 ** 21)]);
    assert.deepEqual(await peer.next(keep), Buffer.concat([Buffer.of(0), own]));
    node.subscribe('chess', { history: {} });
    const both = Buffer.concat([own, topicOf('chess'), number(1_000, 4), time(2 ** 24)]);
    assert.deepEqual(await peer.next(keep), Buffer.concat([Buffer.of(1), both]));
    node.unsubscribe('chess');
    assert.deepEqual(await peer.next(keep), Buffer.concat([Buffer.of(0), own]));
    peer.send(keeps(1));
    assert.deepEqual(await peer.next(keep), Buffer.concat([Buffer.of(0), own]));
  });

  test('17.3, 17.5 nothing below the floor is handed on, and a higher floor is named', async (t) => {
    const { node, texts } = await keepingNode(t, { maxMessages: 1 });
    const peer = await keeper(node);
    const now = Date.now() * 1_000;
    const live = [1, 2].map((count) =>
      signedBroadcast({ timeUs: now - minute + count, text: `live ${count}` }),
    );
    for (const { bytes } of live) peer.send(Buffer.of(push, 0), bytes);
    await until(() => texts().length === 2, 'both live ones');
    await peer.keepsTheSame();
    peer.send(comparing(9, listOf(), { until: now }));
    assert.deepEqual(
      await peer.next(refuse),
      Buffer.concat([topicOf('chat'), number(9, 4), time(live[0]!.timeUs)]),
    );
    const below = signedBroadcast({ timeUs: live[0]!.timeUs, text: 'below' });
    peer.send(Buffer.of(offer), topicOf('chat'), bytesOf(below.id));
    const asked = await peer.next(fetch);
    peer.send(Buffer.of(past), below.bytes);
    peer.send(Buffer.of(fetched), asked.subarray(0, 20), number(1, 2));
    const above = signedBroadcast({ timeUs: now - 1, text: 'above' });
    peer.send(Buffer.of(offer), topicOf('chat'), bytesOf(above.id));
    const askedAgain = await peer.next(fetch);
    peer.send(Buffer.of(past), above.bytes);
    peer.send(Buffer.of(fetched), askedAgain.subarray(0, 20), number(1, 2));
    await until(() => texts().length === 3, 'the one above');
    assert.deepEqual(texts(), ['live 1', 'live 2', 'above']);
    peer.send(Buffer.of(compare), topicOf('chess'), number(1, 4), Buffer.of(1), time(0), time(now), listOf());
    assert.deepEqual((await peer.next(refuse)).subarray(20), time(2 ** 53 - 1));
  });

  test('17.4 a comparison is answered with what lies above the floor, up to the time', async (t) => {
    const { node, texts } = await keepingNode(t);
    const peer = await keeper(node);
    const now = Date.now() * 1_000;
    const live = [3, 2, 1].map((seconds) => signedBroadcast({ timeUs: now - seconds * 1_000_000 }));
    for (const { bytes } of live) peer.send(Buffer.of(push, 0), bytes);
    await until(() => texts().length === 3, 'three broadcasts');
    const ids = live.map(({ id }) => id);
    const answered = async (run: number, floor: number, to: number): Promise<Buffer> => {
      peer.send(comparing(run, listOf(), { floor, until: to }));
      const body = await peer.next(answer);
      assert.deepEqual(body.subarray(0, 20), Buffer.concat([topicOf('chat'), number(run, 4)]));
      return body.subarray(20);
    };
    assert.deepEqual(await answered(1, 0, now), listOf(...ids));
    assert.deepEqual(await answered(2, live[0]!.timeUs, now), listOf(...ids.slice(1)));
    assert.deepEqual(await answered(3, 0, live[1]!.timeUs), listOf(...ids.slice(0, 2)));
    peer.send(comparing(4, Buffer.of(0x62)));
    assert.equal((await peer.peer.goodbye()).code, 'protocol');
  });

  test('17.6, 17.7 the side that begins offers and fetches, and is given what it asks for', async (t) => {
    const { node, heard, texts } = await keepingNode(t);
    const peer = await keeper(node);
    const now = Date.now() * 1_000;
    const own = signedBroadcast({ timeUs: now - minute, text: 'of the node' });
    peer.send(Buffer.of(push, 0), own.bytes);
    await until(() => texts().length === 1, 'the live one');
    const missed = [3, 2].map((count) =>
      signedBroadcast({ timeUs: now - count * minute, text: `missed ${count}` }),
    );
    peer.send(keeps(0));
    const begun = await peer.next(compare);
    assert.equal(begun[20], 1);
    assert.ok(Math.abs(Number(begun.readBigUInt64BE(29)) - (now - 5_000_000)) < 3_000_000);
    assert.deepEqual(begun.subarray(37), listOf(own.id));
    peer.send(Buffer.of(answer), begun.subarray(0, 20), listOf(...missed.map(({ id }) => id)));
    assert.deepEqual(await peer.next(offer), Buffer.concat([topicOf('chat'), bytesOf(own.id)]));
    const asked = await peer.next(fetch);
    assert.deepEqual(asked.subarray(20), Buffer.concat(missed.map(({ id }) => bytesOf(id))));
    // The first one only: the node asks for the other one again.
    peer.send(Buffer.of(past), missed[0]!.bytes);
    peer.send(Buffer.of(fetched), asked.subarray(0, 20), number(1, 2));
    const rest = await peer.next(fetch);
    assert.deepEqual(rest.subarray(20), bytesOf(missed[1]!.id));
    peer.send(Buffer.of(past), missed[1]!.bytes);
    peer.send(Buffer.of(fetched), rest.subarray(0, 20), number(1, 2));
    await until(() => texts().length === 3, 'what was missed');
    assert.deepEqual(texts(), ['of the node', 'missed 3', 'missed 2']);
    assert.deepEqual(heard.map(({ details }) => [details.isHistory, details.hops]).slice(1), [
      [true, 0],
      [true, 0],
    ]);

    peer.send(Buffer.of(fetch), topicOf('chat'), number(5, 4), bytesOf(own.id), Buffer.alloc(32));
    assert.deepEqual(await peer.next(past), Buffer.from(own.bytes));
    assert.deepEqual(await peer.next(fetched), Buffer.concat([topicOf('chat'), number(5, 4), number(2, 2)]));
  });

  test('17.8 what was not asked for is ignored, what is not signed is a breach, and nothing comes twice', async (t) => {
    const { node, texts } = await keepingNode(t);
    const peer = await keeper(node);
    const now = Date.now() * 1_000;
    const [unasked, asked] = [1, 2].map((count) =>
      signedBroadcast({ timeUs: now - count, text: `${count}` }),
    );
    await peer.keepsTheSame();
    peer.send(Buffer.of(past), unasked!.bytes);
    peer.send(Buffer.of(offer), topicOf('chat'), bytesOf(asked!.id));
    const question = await peer.next(fetch);
    for (let twice = 0; twice < 2; twice++) peer.send(Buffer.of(past), asked!.bytes);
    peer.send(Buffer.of(fetched), question.subarray(0, 20), number(1, 2));
    peer.send(Buffer.of(push, 0), asked!.bytes);
    await until(() => texts().length === 1, 'what was asked for');
    const forged = signedBroadcast({ timeUs: now - 3 });
    peer.send(Buffer.of(offer), topicOf('chat'), bytesOf(forged.id));
    await peer.next(fetch);
    forged.bytes[0]! ^= 1;
    peer.send(Buffer.of(past), forged.bytes);
    assert.equal((await peer.peer.goodbye()).code, 'protocol');
    assert.deepEqual(texts(), ['2']);
  });

  test('17.9, 17.10 a walk is passed on with its way, answered by a keeper, and goes back the same way', async (t) => {
    const node = await startNode(t);
    const [from, to] = [await keeper(node), await keeper(node)];
    await node.waitForNodes(2);
    const walk = Buffer.concat([topicOf('chat'), number(4_711, 4)]);
    from.send(Buffer.of(seek), walk, Buffer.of(3), number(77, 4));
    const passedOn = await to.next(seek);
    assert.deepEqual(passedOn.subarray(0, 21), Buffer.concat([walk, Buffer.of(2)]));
    assert.deepEqual(passedOn.subarray(21, 25), number(77, 4));
    assert.equal(passedOn.length, 29);
    const record = Buffer.from('whatever it is');
    to.send(Buffer.of(found), walk, Buffer.of(2), passedOn.subarray(21), record);
    assert.deepEqual(await from.next(found), Buffer.concat([walk, Buffer.of(1), number(77, 4), record]));
    from.send(Buffer.of(seek), walk, Buffer.of(0));
    const questions = [number(1, 4), number(2, 4)].map((run) => Buffer.concat([topicOf('chat'), run]));
    from.send(Buffer.of(seek), questions[0]!, Buffer.of(1));
    assert.deepEqual(
      (await to.next(seek)).subarray(0, 20),
      questions[0],
      'and the one before it goes no further',
    );
  });

  test('17.11 a node passes on a keeping, and answers a seek with the record that it had', async (t) => {
    const node = await startNode(t);
    const [from, to] = [await keeper(node), await keeper(node)];
    await node.waitForNodes(2);
    const draft = { network: '', sequence: 1, addresses: ['192.0.2.1:1'] };
    const record = Buffer.from((signAddressRecord(Identity.generate(), draft) as AddressRecord).bytes);
    from.send(Buffer.of(keeping), topicOf('rare'), Buffer.of(3), record);
    assert.deepEqual(await to.next(keeping), Buffer.concat([topicOf('rare'), Buffer.of(2), record]));
    const walk = Buffer.concat([topicOf('rare'), number(4_711, 4)]);
    to.send(Buffer.of(seek), walk, Buffer.of(3), number(77, 4));
    assert.deepEqual(await to.next(found), Buffer.concat([walk, Buffer.of(1), number(77, 4), record]));
    assert.deepEqual((await from.next(seek)).subarray(0, 21), Buffer.concat([walk, Buffer.of(2)]));
    to.send(Buffer.of(keeping), topicOf('rare'), Buffer.of(0), record);
    to.send(Buffer.of(keeping), topicOf('last'), Buffer.of(1), record);
    assert.deepEqual((await from.next(keeping)).subarray(0, 16), topicOf('last'));
  });

  test('17.10 a keeper that can be dialled answers with its address record', async (t) => {
    const { node } = await keepingNode(t, {}, { neighbourhood: 'automatic' });
    const peer = await keeper(node);
    const walk = Buffer.concat([topicOf('chat'), number(4_711, 4)]);
    peer.send(Buffer.of(seek), walk, Buffer.of(3), number(77, 4));
    const answered = await peer.next(found);
    assert.deepEqual(answered.subarray(0, 25), Buffer.concat([walk, Buffer.of(1), number(77, 4)]));
    const publicKey = answered.subarray(25 + 64, 25 + 96);
    assert.equal(idOf(publicKey), node.id);
  });
});
