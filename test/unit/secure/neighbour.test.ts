import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { defaultLimits, resolveLimits } from '../../../src/base/limits.ts';
import { runNow } from '../../../src/base/steps.ts';
import type { Channel, ChannelHandler, RemoteNode } from '../../../src/channel/channel.ts';
import {
  type Data,
  Identity,
  type Limits,
  PeerloomError,
  type ProtocolPeer,
  type Runtime,
  systemRuntime,
} from '../../../src/index.ts';
import type { Envelope } from '../../../src/secure/envelope.ts';
import { Neighbour } from '../../../src/secure/neighbour.ts';
import { Notary } from '../../../src/secure/notary.ts';
import { PeerTurns } from '../../../src/secure/peer-turns.ts';
import { SecureChannel } from '../../../src/secure/secure-channel.ts';
import {
  encodeSecureFrame,
  frameOfLetter,
  type RelayAnswer,
  readSecureFrame,
  SecureFrameKind,
} from '../../../src/secure/secure-frames.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import { withCode } from '../../support/errors.ts';
import { dataOf } from '../../support/secure-frames.ts';
import { turns } from '../../support/turns.ts';
import { wallNow } from './post-network.ts';

const alice = Identity.generate();
const bob = Identity.generate();
const carol = Identity.generate();

/** A millisecond passes each time that somebody looks: each step of some work takes one. */
function steadyRuntime(): Runtime {
  let nowMs = 0;
  return { ...systemRuntime, now: () => ++nowMs };
}

/** The clock stands still, so that no share of a turn is used up on a slow machine. */
const stillRuntime: Runtime = { ...systemRuntime, now: () => 0 };

function notaryOf(identity: Identity): Notary {
  const bounds = { timeWindowMs: 60_000, maxSeenMessages: 4_096 };
  return new Notary({ identity, runtime: { ...systemRuntime, wallNow }, ...bounds });
}

const hash = 'ab'.repeat(32);

interface Sent {
  readonly kind: string;
  readonly number: number;
  readonly data: Data;
}

/** What Alice's node holds of Bob, of whom a test plays the part. */
function open({ runtime = stillRuntime, limits = {} }: { runtime?: Runtime; limits?: Partial<Limits> } = {}) {
  const notary = notaryOf(alice);
  const told: string[] = [];
  const sent: Sent[] = [];
  const drains: (() => void)[] = [];
  const state = {
    /** What the next frame cannot be sent for. */
    fail: undefined as Error | undefined,
    isOpen: true,
    isSuspended: false,
    pings: 0,
    pong: Promise.withResolvers<number>(),
    respond: async (data: Data): Promise<Data> => ({ answered: data }),
  };
  const relayed: ({ readonly letter: Data; readonly budgetMs: number } | RelayAnswer)[] = [];
  let inner!: ChannelHandler;
  const channel = {
    remote: {
      id: bob.id,
      address: { scheme: undefined, host: '192.0.2.1', port: 1 },
      limitsByAddress: true,
      security: { protocol: 'tls', encrypted: true, authenticated: true },
    } as RemoteNode,
    get isOpen() {
      return state.isOpen;
    },
    get isSuspended() {
      return state.isSuspended;
    },
    start: (handler: ChannelHandler) => {
      inner = handler;
    },
    drained: () => new Promise<void>((resolve) => drains.push(resolve)),
    ping: () => {
      state.pings += 1;
      return state.pong.promise;
    },
    close: ({ code }: { code: string }) => told.push(`closed with ${code}`),
  } as unknown as Channel;
  const secure = new SecureChannel(channel, {
    ownId: alice.id,
    runtime,
    limits: defaultLimits,
    notary,
    onGrowth: () => {},
    turns: new PeerTurns(runtime),
    onDuplicate: () => {},
    serve: async () => true,
    handle: (envelope, run) => run(envelope.data),
  });
  secure.start({
    message: (data: Data) => told.push(`message ${data}`) > 0,
    rejected: (error: { code?: string }) => void told.push(error.code!),
    closed: () => {},
  } as unknown as ChannelHandler);
  const peer = {
    id: bob.id,
    send: (bytes: Uint8Array) => {
      const { fail } = state;
      state.fail = undefined;
      if (fail !== undefined) throw fail;
      const frame = readSecureFrame(bytes);
      const kind = Object.entries(SecureFrameKind).find(([, value]) => value === frame.kind)![0];
      sent.push({ kind, number: frame.number, data: dataOf(frame) });
      return true;
    },
  } as unknown as ProtocolPeer;
  const neighbour = new Neighbour(peer, secure, {
    notary,
    runtime,
    limits: resolveLimits(limits),
    onGrowth: () => {},
    respond: ({ data }) => state.respond(data),
    relay: async ({ read, budgetMs }) => void relayed.push({ letter: runNow(read()), budgetMs }),
    relayed: async (answer) => void relayed.push(answer),
  });
  const signed = (kind: string, data: Data, by = bob, to = alice.id): Data =>
    notaryOf(by).sign(kind, data, to) as unknown as Data;
  const take = (kind: SecureFrameKind, data: Data, number?: number) =>
    neighbour.receive(encodeSecureFrame(kind, data, number));
  const close = (): void => {
    neighbour.close();
    inner.closed({ code: 'lost', message: 'it broke', by: 'link' });
  };
  return { neighbour, state, drains, told, sent, relayed, signed, take, close };
}

suite('a question of a neighbour', () => {
  test('is answered, signed, for the neighbour alone', async () => {
    const { take, sent, told, signed } = open();
    const question = signed('ask', 'hello') as unknown as Envelope;
    await take(SecureFrameKind.request, question as unknown as Data, 7);
    const [{ kind, number, data }] = sent as [Sent];
    assert.deepEqual([kind, number], ['response', 7]);
    const bringer = { id: alice.id, source: 'alice', isEncrypted: true };
    const response = notaryOf(bob).examine(data, bringer);
    assert.deepEqual([response.author, response.to, response.kind], [alice.id, bob.id, 'response']);
    assert.deepEqual(response.data, { request: question.id, answer: { answered: 'hello' } });
    assert.deepEqual(told, []);
  });

  test('in the name of another, of another kind or from before is refused, and fails', async () => {
    const { take, sent, told, signed } = open();
    const twice = signed('ask', 'twice');
    await take(SecureFrameKind.request, twice, 0);
    sent.length = 0;
    const refused: [Data, string][] = [
      [signed('ask', 'of carol', carol), 'ERR_SIGNATURE_INVALID'],
      [signed('ask', 'for carol', bob, carol.id), 'ERR_NOT_ADDRESSEE'],
      [signed('request', 1), 'ERR_ENVELOPE_INVALID'],
      [signed('response', 1), 'ERR_ENVELOPE_INVALID'],
      [{ ...(signed('ask', 1) as object), data: 2 }, 'ERR_HASH_MISMATCH'],
      ['text', 'ERR_ENVELOPE_INVALID'],
      [twice, 'ERR_REPLAYED'],
    ];
    for (const [index, [question]] of refused.entries()) {
      await take(SecureFrameKind.request, question, index);
    }
    assert.deepEqual(
      told,
      refused.map(([, code]) => code),
    );
    assert.deepEqual(
      sent,
      refused.map((_, number) => ({ kind: 'failure', number, data: null })),
    );
  });

  test('whose answer fails, or is too large, fails without a reason', async () => {
    const { take, sent, told, signed, state } = open();
    state.respond = () => Promise.reject(new Error('a secret'));
    await take(SecureFrameKind.request, signed('ask', 1), 1);
    state.respond = async () => 'large';
    state.fail = new PeerloomError('ERR_MESSAGE_TOO_LARGE', 'too large');
    await take(SecureFrameKind.request, signed('ask', 1), 2);
    assert.deepEqual(
      sent,
      [1, 2].map((number) => ({ kind: 'failure', number, data: null })),
    );
    assert.deepEqual(told, []);
  });

  test('ends the connection when the answers are not read', async () => {
    const { take, told, signed, state } = open();
    state.fail = new PeerloomError('ERR_QUEUE_FULL', 'the queue is full');
    await take(SecureFrameKind.request, signed('ask', 1), 1);
    assert.deepEqual(told, ['closed with overload']);
  });

  test('waits while others are answered, in order, and each counts until it is done', async () => {
    const { take, sent, signed, state } = open({ limits: { maxRequests: 2 } });
    const begun: Data[] = [];
    const ends: (() => void)[] = [];
    state.respond = async (data) => {
      begun.push(data);
      await new Promise<void>((resolve) => ends.push(resolve));
      return data;
    };
    const done = new Set<number>();
    for (const number of [1, 2, 3, 4]) {
      const taken = take(SecureFrameKind.request, signed('ask', number), number);
      void Promise.resolve(taken).then(() => done.add(number));
    }
    await turns();
    assert.deepEqual([begun, done.size], [[1, 2], 0]);
    ends[1]!();
    await turns();
    assert.deepEqual([begun, [...done]], [[1, 2, 3], [2]]);
    assert.deepEqual(
      sent.map(({ kind, number }) => [kind, number]),
      [['response', 2]],
    );
  });

  test('that unfolds to much memory lets no other be decoded beside it', async () => {
    const { take, signed, state, neighbour, close } = open({ limits: { unhandledMaxBytes: 1_000_000 } });
    const begun: Data[] = [];
    const ends: (() => void)[] = [];
    state.respond = async (data) => {
      begun.push((data as Data[]).length);
      await new Promise<void>((resolve) => ends.push(resolve));
      return null;
    };
    const lists: Data = Array.from({ length: 10_000 }, () => []);
    void take(SecureFrameKind.request, signed('ask', lists), 1);
    void take(SecureFrameKind.request, signed('ask', [1]), 2);
    for (let count = 0; begun.length === 0 && count < 1_000; count++) await turns(1);
    assert.deepEqual(begun, [10_000]);
    assert.ok(neighbour.heldBytes > 1_000_000, `${neighbour.heldBytes} bytes`);
    ends[0]!();
    await turns();
    assert.deepEqual(begun, [10_000, 1]);
    close();
  });
});

suite('a frame', () => {
  test('that cannot be read is refused, and the connection goes on', async () => {
    const { neighbour, take, told, sent } = open();
    await neighbour.receive(new Uint8Array(0));
    await neighbour.receive(new Uint8Array(5));
    await neighbour.receive(new Uint8Array(6));
    await neighbour.receive(Uint8Array.of(SecureFrameKind.relayed, 99, 0, 0, 0, 0));
    await neighbour.receive(Uint8Array.of(SecureFrameKind.relayed, 1, 0, 0, 0, 0, 0x7b));
    await take(200 as SecureFrameKind, 'what is this?');
    assert.deepEqual(told, [
      'ERR_ENVELOPE_INVALID',
      'ERR_ENVELOPE_INVALID',
      'ERR_MESSAGE_INVALID',
      'ERR_MESSAGE_INVALID',
      'ERR_MESSAGE_INVALID',
      'ERR_ENVELOPE_INVALID',
    ]);
    assert.deepEqual(sent, []);
  });

  test('with more than 100,000 lists is refused before it is decoded, and not sent', async () => {
    const { neighbour, told } = open();
    const json = JSON.stringify({ hash, answer: Array.from({ length: 100_000 }, () => []) });
    await neighbour.receive(
      Buffer.concat([Uint8Array.of(SecureFrameKind.relayed, 1, 0, 0, 0, 0), Buffer.from(json)]),
    );
    assert.deepEqual(told, ['ERR_MESSAGE_INVALID']);
    const lists = (length: number): Data => Array.from({ length }, () => []);
    assert.throws(() => frameOfLetter(lists(100_000)), withCode('ERR_MESSAGE_TOO_LARGE'));
    frameOfLetter(lists(99_999));
  });

  test('that comes late, or that nobody waits for, is passed over', async () => {
    const { take, told, sent, signed } = open();
    await take(SecureFrameKind.response, signed('response', 1), 9);
    await take(SecureFrameKind.failure, null, 9);
    await take(SecureFrameKind.taken, hash);
    await take(SecureFrameKind.taken, 'x'.repeat(100_000));
    await take(SecureFrameKind.taken, null);
    assert.deepEqual([told, sent], [[], []]);
  });

  test('that waits when the connection closes is not looked at', async () => {
    const { take, signed, state, close, told } = open({ limits: { maxRequests: 1 } });
    const begun: Data[] = [];
    state.respond = (data) => {
      begun.push(data);
      return new Promise(() => {});
    };
    void take(SecureFrameKind.request, signed('ask', 1), 1);
    const waits = take(SecureFrameKind.request, signed('ask', 2), 2);
    await turns();
    close();
    await waits;
    assert.deepEqual([begun, told], [[1], []]);
  });
});

suite('what a neighbour wants passed on', () => {
  test('needs no signature of its own', async () => {
    const { take, relayed, told } = open();
    const letter = { hash, text: 'a letter' };
    await take(SecureFrameKind.relay, letter, 1_000);
    await take(SecureFrameKind.relay, letter, 1e9);
    await take(SecureFrameKind.relayed, { hash, answer: 1 });
    assert.deepEqual(relayed, [
      { letter, budgetMs: 900 },
      { letter, budgetMs: 54_000 },
      { hash, answer: 1 },
    ]);
    const wrong: [SecureFrameKind, Data][] = [
      [SecureFrameKind.relayed, { hash: 1, answer: 1 }],
      [SecureFrameKind.relayed, { hash: 'none', answer: 1 }],
      [SecureFrameKind.relayed, { hash }],
    ];
    for (const [kind, data] of wrong) await take(kind, data);
    assert.equal(relayed.length, 3);
    assert.deepEqual(told, Array(wrong.length).fill('ERR_ENVELOPE_INVALID'));
  });

  test('is told whether it is taken', () => {
    const { neighbour, sent } = open();
    neighbour.tellTaken(hash);
    assert.deepEqual(sent, [{ kind: 'taken', number: 0, data: hash }]);
  });
});

suite('what this node asks a neighbour', () => {
  test('is signed, and answered by what that neighbour signed for it', async () => {
    const { neighbour, sent, take, signed } = open();
    const answer = neighbour.request('hello');
    const [{ kind, number, data }] = sent as [Sent];
    const question = data as unknown as Envelope;
    assert.deepEqual(
      [kind, question.author, question.to, question.kind, question.data],
      ['request', alice.id, bob.id, 'ask', 'hello'],
    );
    await take(SecureFrameKind.response, signed('response', { request: question.id, answer: 'hi' }), number);
    assert.equal(await answer, 'hi');
  });

  test('is not answered by what belongs to another question, is forged, or cannot be read', async () => {
    const { neighbour, sent, take, signed, told } = open();
    const lies: [Data, string][] = [
      [signed('response', { request: '0'.repeat(32), answer: 1 }), 'ERR_ENVELOPE_INVALID'],
      [signed('response', 1, carol), 'ERR_SIGNATURE_INVALID'],
      ['text', 'ERR_ENVELOPE_INVALID'],
    ];
    for (const [lie, code] of lies) {
      const answer = neighbour.request('hello');
      await take(SecureFrameKind.response, lie, sent.at(-1)!.number);
      await assert.rejects(answer, withCode(code as 'ERR_ENVELOPE_INVALID'));
    }
    assert.deepEqual(
      told,
      lies.map(([, code]) => code),
    );
    const unreadable = neighbour.request('hello');
    const bytes = encodeSecureFrame(SecureFrameKind.response, null, sent.at(-1)!.number);
    bytes[1] = 99;
    await neighbour.receive(bytes);
    await assert.rejects(unreadable, withCode('ERR_MESSAGE_INVALID'));
  });

  test('fails when the neighbour says so, does not answer, or leaves', async () => {
    const runtime = new VirtualRuntime();
    const { neighbour, sent, take, close } = open({ runtime });
    const failed = neighbour.request(1);
    await take(SecureFrameKind.failure, null, sent[0]!.number);
    await assert.rejects(failed, withCode('ERR_HANDLER'));
    const late = assert.rejects(neighbour.request(2, { timeoutMs: 10 }), withCode('ERR_TIMEOUT'));
    await runtime.advance(10);
    await late;
    const left = assert.rejects(neighbour.request(3), withCode('ERR_CONNECTION_CLOSED'));
    close();
    await left;
    await assert.rejects(async () => neighbour.request(4), withCode('ERR_CONNECTION_CLOSED'));
    assert.deepEqual(runtime.pending, []);
  });
});

suite('a large response of a neighbour', () => {
  /** As much as a frame may hold. */
  const lists: Data = Array.from({ length: 99_000 }, () => []);

  test('is decoded in many turns of the event loop', async () => {
    const { neighbour, sent, take } = open({ runtime: steadyRuntime() });
    let isOver = false;
    const answer = neighbour.request('hello').finally(() => (isOver = true));
    answer.catch(() => {});
    const taken = take(SecureFrameKind.response, lists, sent[0]!.number);
    let passed = 0;
    for (; !isOver; passed++) await turns(1);
    assert.ok(passed > 3, `${passed} turns`);
    await taken;
    await assert.rejects(answer, withCode('ERR_ENVELOPE_INVALID'));
  });

  test('counts until it is proven, and lets no other be decoded beside it', async () => {
    const { neighbour, sent, take, signed } = open({ limits: { unhandledMaxBytes: 1_000_000 } });
    const over: number[] = [];
    const requests = [1, 2].map((one) => neighbour.request(one).then(() => over.push(one)));
    const done: number[] = [];
    for (const [index, { number, data }] of sent.entries()) {
      const content = { request: (data as unknown as Envelope).id, answer: index === 0 ? lists : 1 };
      const taken = take(SecureFrameKind.response, signed('response', content), number);
      void Promise.resolve(taken).then(() => done.push(index + 1));
    }
    await turns(1);
    assert.ok(neighbour.heldBytes > 10_000_000, `${neighbour.heldBytes} bytes`);
    assert.deepEqual([over, done], [[], []]);
    await Promise.all(requests);
    await turns();
    assert.deepEqual([over, done, neighbour.heldBytes], [[1, 2], [1, 2], 0]);
  });

  test('that comes twice is decoded once', async () => {
    const { neighbour, sent, take, told } = open({ runtime: steadyRuntime() });
    const answer = neighbour.request('hello');
    answer.catch(() => {});
    void take(SecureFrameKind.response, lists, sent[0]!.number);
    assert.equal(take(SecureFrameKind.response, lists, sent[0]!.number), undefined);
    await assert.rejects(answer, withCode('ERR_ENVELOPE_INVALID'));
    assert.equal(told.length, 1);
  });

  test('fails when the connection closes while it is decoded, or waits for that', async () => {
    const limits = { unhandledMaxBytes: 1_000_000 };
    const { neighbour, sent, take, close } = open({ runtime: steadyRuntime(), limits });
    const answers = [1, 2].map((one) => neighbour.request(one));
    const failed = answers.map((answer) => assert.rejects(answer, withCode('ERR_CONNECTION_CLOSED')));
    const taken = sent.map(({ number }) => take(SecureFrameKind.response, lists, number));
    await turns(1);
    close();
    await Promise.all([...failed, ...taken]);
    assert.equal(neighbour.heldBytes, 0);
  });
});

suite('what a neighbour is given to pass on', () => {
  const letter = { hash, frame: frameOfLetter({ hash }) };

  test('is taken when it says so, or answers it, and not when it leaves or stays silent', async () => {
    const runtime = new VirtualRuntime();
    const { neighbour, take, relayed, sent, close } = open({ runtime });
    const taken = neighbour.relay(letter, 1_000);
    assert.deepEqual(sent, [{ kind: 'relay', number: 0, data: { hash } }]);
    await take(SecureFrameKind.taken, 'cd'.repeat(32));
    await take(SecureFrameKind.taken, hash);
    assert.equal(await taken, true);
    const answered = neighbour.relay(letter, 1_000);
    await take(SecureFrameKind.relayed, { hash, answer: null });
    assert.equal(await answered, true);
    assert.deepEqual(relayed, [{ hash, answer: null }]);
    const silent = neighbour.relay(letter, 1_000);
    await runtime.advance(1_000);
    assert.equal(await silent, false);
    const left = neighbour.relay(letter, 1_000);
    close();
    assert.equal(await left, false);
    assert.deepEqual(runtime.pending, []);
    await assert.rejects(async () => neighbour.relay(letter, 1_000), withCode('ERR_CONNECTION_CLOSED'));
  });

  test('is answered without a signature, as far as the neighbour can be reached', () => {
    const { neighbour, sent, state, close } = open();
    neighbour.answerRelay(hash, { an: 'answer' });
    assert.deepEqual(sent, [{ kind: 'relayed', number: 0, data: { hash, answer: { an: 'answer' } } }]);
    state.fail = new PeerloomError('ERR_QUEUE_FULL', 'the queue is full');
    neighbour.answerRelay(hash, null);
    close();
    neighbour.answerRelay(hash, null);
    assert.equal(sent.length, 1);
  });
});

suite('a neighbour', () => {
  test('has room for something large when little waits, and the one before is done', async () => {
    const { neighbour, drains } = open();
    const order: number[] = [];
    const first = Promise.withResolvers<void>();
    void neighbour.roomForLarge(first.promise).then(() => order.push(1));
    void neighbour.roomForLarge(Promise.resolve()).then(() => order.push(2));
    await turns();
    assert.deepEqual([order, drains.length], [[], 1]);
    drains[0]!();
    await turns();
    assert.deepEqual([order, drains.length], [[1], 1]);
    first.resolve();
    await turns();
    assert.deepEqual([order, drains.length], [[1], 2]);
    drains[1]!();
    await turns();
    assert.deepEqual(order, [1, 2]);
  });

  test('is linked again when a ping comes back, one ping for all who wait', async () => {
    const { neighbour, state } = open();
    assert.equal(neighbour.hasLink, true);
    await neighbour.linked();
    assert.equal(state.pings, 0);
    state.isSuspended = true;
    assert.equal(neighbour.hasLink, false);
    let linked = 0;
    for (const _ of [1, 2]) void neighbour.linked().then(() => (linked += 1));
    await turns();
    assert.deepEqual([linked, state.pings], [0, 1]);
    state.pong.resolve(1);
    await turns();
    assert.equal(linked, 2);
    state.pong = Promise.withResolvers();
    const closing = neighbour.linked();
    assert.equal(state.pings, 2);
    state.pong.reject(new Error('the connection closed'));
    await closing;
    state.isSuspended = false;
    state.isOpen = false;
    assert.equal(neighbour.hasLink, false, 'one that has closed has none');
  });

  test('waits with something large until its link is back', async () => {
    const { neighbour, state, drains } = open();
    state.isSuspended = true;
    let hasRoom = false;
    void neighbour.roomForLarge(Promise.resolve()).then(() => (hasRoom = true));
    await turns();
    assert.deepEqual([drains.length, hasRoom], [0, false]);
    state.pong.resolve(1);
    await turns();
    drains[0]!();
    await turns();
    assert.equal(hasRoom, true);
  });
});
