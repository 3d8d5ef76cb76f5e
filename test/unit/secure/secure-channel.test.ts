import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { defaultLimits } from '../../../src/base/limits.ts';
import type { Channel, ChannelHandler, RemoteNode } from '../../../src/channel/channel.ts';
import type { ChannelStream } from '../../../src/channel/streams/stream.ts';
import { type Data, Identity, type Runtime, systemRuntime } from '../../../src/index.ts';
import type { Envelope } from '../../../src/secure/envelope.ts';
import { Notary } from '../../../src/secure/notary.ts';
import { PeerTurns } from '../../../src/secure/peer-turns.ts';
import { SecureChannel } from '../../../src/secure/secure-channel.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import { withCode } from '../../support/errors.ts';
import { wallNow } from './post-network.ts';

const alice = Identity.generate();
const bob = Identity.generate();
const carol = Identity.generate();

/** The clock stands still, so that no share of a turn is used up on a slow machine. */
const stillRuntime: Runtime = { ...systemRuntime, now: () => 0 };

function notaryOf(identity: Identity): Notary {
  const bounds = { timeWindowMs: 60_000, maxSeenMessages: 4_096 };
  return new Notary({ identity, runtime: { ...systemRuntime, wallNow }, ...bounds });
}

/** Alice's end of a link to Bob, of whom a test plays the part. */
function open(remote: Partial<RemoteNode> = {}, runtime: Runtime = stillRuntime) {
  const notary = notaryOf(alice);
  const told: string[] = [];
  const asked: { readonly question: Envelope; readonly answer: (data: unknown) => void }[] = [];
  const sent: Data[] = [];
  let inner!: ChannelHandler;
  const state = {
    fail: '',
    isOpen: true,
    isSuspended: false,
    pings: 0,
    pong: Promise.withResolvers<number>(),
  };
  const drains: (() => void)[] = [];
  const channel = {
    remote: {
      id: bob.id,
      address: { scheme: undefined, host: '192.0.2.1', port: 1 },
      security: { protocol: 'tls', encrypted: true, authenticated: true },
      limitsByAddress: true,
      ...remote,
    },
    direction: 'outbound',
    get isOpen() {
      return state.isOpen;
    },
    get isSuspended() {
      return state.isSuspended;
    },
    start: (handler: ChannelHandler) => {
      inner = handler;
    },
    send: (data: Data) => sent.push(data) > 0,
    drained: () => new Promise<void>((resolve) => drains.push(resolve)),
    request: (question: Data) => {
      if (state.fail === 'at once') throw new Error('the connection is closed');
      if (state.fail === 'later') return Promise.reject(new Error('the connection closed'));
      return new Promise((resolve) =>
        asked.push({ question: question as unknown as Envelope, answer: resolve as never }),
      );
    },
    openStream: async (header: Data) => void sent.push(header),
    ping: () => {
      state.pings += 1;
      return state.pong.promise;
    },
  } as unknown as Channel;
  const secure = new SecureChannel(channel, {
    ownId: alice.id,
    runtime,
    limits: defaultLimits,
    notary,
    onGrowth: () => {},
    turns: new PeerTurns(runtime),
    onDuplicate: () => void told.push('duplicate'),
    serve: async ({ data }) => {
      told.push(`serve ${data}`);
      return true;
    },
    handle: (envelope, run) => {
      told.push(`handle ${envelope.kind} of ${nameOf(envelope.author)}`);
      return run(envelope.data);
    },
  });
  secure.start({
    connected: () => told.push('connected') > 0,
    message: (data: Data) => told.push(`message ${JSON.stringify(data)}`) > 0,
    delivery: () => undefined,
    request: (data: Data) => (data === 'nothing' ? (undefined as never) : { echo: data }),
    stream: (header: Data) => told.push(`stream ${header}`) > 0,
    returned: ({ count, data }: { count: number; data: readonly Data[] }) => {
      const items = data.map((one) => (Array.isArray(one) ? `${one.length} items` : one));
      told.push(`returned ${count}: ${items}`);
    },
    rejected: (error: { code?: string }) => void told.push(error.code!),
    closed: (_reason: unknown, read?: () => readonly Data[] | undefined) =>
      void told.push(`closed ${JSON.stringify(read?.())}`),
  } as unknown as ChannelHandler);
  /** What somebody signs for Alice, or for another one; `null`: for all. */
  const signed = (kind: string, data: Data, by = bob, to: string | null = alice.id): Data =>
    notaryOf(by).sign(kind, data, to ?? undefined) as unknown as Data;
  return { secure, inner, state, drains, told, asked, sent, signed, notary };
}

const nameOf = (id: string): string => (id === bob.id ? 'bob' : id === carol.id ? 'carol' : 'another');

suite('what a neighbour says', () => {
  test('is handed on once it is proven, and is of a kind that has its place', () => {
    const { inner, told, signed } = open();
    assert.equal(inner.message(signed('message', 'for alice')), true);
    assert.equal(inner.message(signed('message', 'for all', bob, null)), true);
    assert.equal(inner.message(signed('message', 'of carol', carol, null)), true);
    assert.deepEqual(told, [
      'handle message of bob',
      'message "for alice"',
      'handle message of bob',
      'message "for all"',
      'handle message of carol',
      'message "of carol"',
    ]);
  });

  test('is refused, and told, when it is not', async () => {
    const { inner, told, signed } = open();
    const refused: [Data, string][] = [
      [signed('message', 'for bob', carol, bob.id), 'ERR_NOT_ADDRESSEE'],
      [signed('request', 'a request'), 'ERR_ENVELOPE_INVALID'],
      [signed('response', 'a response'), 'ERR_ENVELOPE_INVALID'],
      [signed('stream', 'a stream'), 'ERR_ENVELOPE_INVALID'],
      [signed('letter', 'a letter'), 'ERR_ENVELOPE_INVALID'],
      ['text', 'ERR_ENVELOPE_INVALID'],
      [{ ...(signed('message', 1) as object), data: 2 }, 'ERR_HASH_MISMATCH'],
    ];
    for (const [data] of refused) assert.equal(await inner.message(data), false);
    assert.deepEqual(
      told,
      refused.map(([, code]) => code),
    );
  });

  test('as a request is answered, signed, for the neighbour alone', async () => {
    const { inner, signed, told } = open();
    const bobs = notaryOf(bob);
    const question = signed('request', 'hello') as unknown as Envelope;
    const response = await inner.request(question as unknown as Data);
    const bringer = { id: alice.id, source: 'alice', isEncrypted: true };
    const { author, to, kind, data } = bobs.examine(response as Data, bringer);
    assert.deepEqual([author, to, kind], [alice.id, bob.id, 'response']);
    assert.deepEqual(data, { request: question.id, answer: { echo: 'hello' } });
    assert.equal(await inner.request(signed('request', 'nothing')), undefined);
    assert.deepEqual(told, []);
  });

  test('as a request in the name of another is refused', async () => {
    const { inner, told, signed } = open();
    await assert.rejects(
      async () => inner.request(signed('request', 'of carol', carol)),
      withCode('ERR_SIGNATURE_INVALID'),
    );
    await assert.rejects(
      async () => inner.request(signed('request', 'for carol', bob, carol.id)),
      withCode('ERR_NOT_ADDRESSEE'),
    );
    for (const kind of ['message', 'response', 'stream', 'fetch', 'ask', 'letter']) {
      await assert.rejects(async () => inner.request(signed(kind, 1)), withCode('ERR_ENVELOPE_INVALID'));
    }
    assert.equal(told.length, 8);
  });

  test('as a stream is handed to the user, or served; in the name of another it is refused', async () => {
    const { inner, told, signed } = open();
    const stream = {} as ChannelStream;
    assert.equal(inner.stream(signed('stream', 'a film'), stream), true);
    assert.equal(await inner.stream(signed('fetch', 'chunks'), stream), true);
    assert.equal(inner.stream(signed('stream', 'of carol', carol), stream), undefined);
    assert.equal(inner.stream(signed('fetch', 'of carol', carol), stream), undefined);
    assert.equal(inner.stream(signed('message', 1), stream), undefined);
    assert.equal(inner.stream('text', stream), undefined);
    const invalid = [
      'ERR_SIGNATURE_INVALID',
      'ERR_SIGNATURE_INVALID',
      'ERR_ENVELOPE_INVALID',
      'ERR_ENVELOPE_INVALID',
    ];
    assert.deepEqual(told, ['handle stream of bob', 'stream a film', 'serve chunks', ...invalid]);
  });
});

suite('what a neighbour says that takes long to prove', () => {
  const large = Array(100_000).fill(1);

  test('is handed on later, while others are heard, and only when it is proven', async () => {
    const { inner, told, signed } = open();
    const message = inner.message(signed('message', large));
    assert.ok(message instanceof Promise);
    assert.equal(inner.message(signed('message', 'small')), true);
    assert.deepEqual(told, ['handle message of bob', 'message "small"']);
    assert.equal(await message, true);
    assert.deepEqual([told.length, told[3]!.length], [4, 'message '.length + 200_001]);
    const altered = { ...(signed('message', large) as object), data: Array(100_000).fill(2) };
    assert.equal(await inner.message(altered), false);
    assert.deepEqual(told.slice(4), ['ERR_HASH_MISMATCH']);
    assert.equal(await inner.delivery(signed('message', large)), undefined, 'nobody handles it');
  });

  test('as a request, or as the answer to one, is proven in the same way', async () => {
    const { secure, inner, asked, signed, told } = open();
    const question = signed('request', large) as unknown as Envelope;
    const response = (await inner.request(question as unknown as Data)) as unknown as Envelope;
    assert.deepEqual(response.data, { request: question.id, answer: { echo: large } });
    const answer = secure.request('hello');
    const [{ question: own, answer: give }] = asked as [(typeof asked)[0]];
    give(signed('response', { request: own.id, answer: large }));
    assert.deepEqual(await answer, large);
    assert.deepEqual(told, []);
  });

  test('is forgotten when the connection closes before, and nobody is told', async () => {
    const { secure, inner, asked, signed, told } = open();
    const message = inner.message(signed('message', large));
    const request = inner.request(signed('request', large)) as Promise<unknown>;
    const answer = secure.request('hello');
    asked[0]!.answer(signed('response', { request: asked[0]!.question.id, answer: large }));
    await Promise.resolve(); // it has begun with the answer, and has had no turn yet
    inner.closed({ code: 'overload', message: 'too much', by: 'us' });
    const closed = withCode('ERR_CONNECTION_CLOSED');
    assert.equal(await message, false);
    await Promise.all([assert.rejects(request, closed), assert.rejects(answer, closed)]);
    assert.deepEqual(told, ['closed undefined']);
  });

  test('is not waited for until this side has been read', async () => {
    const { inner, signed, drains } = open();
    assert.equal(await inner.message(signed('message', large)), true);
    assert.deepEqual(drains, []);
  });
});

suite('what cannot be taken', () => {
  /** From before the time window. */
  const old = (data: Data, { kind = 'message', to = null as string | null } = {}): Data => {
    const bounds = { timeWindowMs: 1, maxSeenMessages: 1 };
    const runtime = { ...systemRuntime, wallNow: () => 1_000 };
    const late = new Notary({ identity: bob, runtime, ...bounds });
    return late.sign(kind, data, to ?? undefined) as unknown as Data;
  };

  test('goes back to the neighbour, and is no message that was let through', async () => {
    const runtime = new VirtualRuntime();
    const { inner, told, sent } = open({}, runtime);
    assert.equal(inner.message(old('for all')), false);
    await runtime.advance(50);
    const [returned] = sent as unknown as Envelope[];
    const { code, count, messages } = returned!.data as unknown as {
      readonly code: string;
      readonly count: number;
      readonly messages: readonly Envelope[];
    };
    assert.deepEqual([returned!.kind, returned!.to, code, count], ['returned', bob.id, 'ERR_TIME_WINDOW', 1]);
    assert.deepEqual(
      messages.map(({ data }) => data),
      ['for all'],
    );
    assert.deepEqual(told, ['ERR_TIME_WINDOW']);
  });

  test('makes the next message wait when there is much of it', async () => {
    const runtime = new VirtualRuntime();
    const { inner, sent } = open({}, runtime);
    for (let count = 1; count < 64; count++) assert.equal(inner.message(old(count)), false);
    const last = inner.message(old(64));
    assert.ok(last instanceof Promise);
    await runtime.advance(50);
    assert.equal(await last, false);
    assert.equal(sent.length, 1);
  });

  test('does not go back when it was sent back itself, nor after the connection has closed', async () => {
    const runtime = new VirtualRuntime();
    const plain = { protocol: 'tcp', encrypted: false, authenticated: true } as const;
    const { inner, told, sent } = open({ security: plain }, runtime);
    const returned = { code: 'ERR_TIME_WINDOW', count: 1, messages: [] };
    assert.equal(inner.message(old(returned, { kind: 'returned', to: alice.id })), false);
    await runtime.advance(50);
    assert.deepEqual([told, sent], [['ERR_TIME_WINDOW'], []]);
    inner.message(old(1));
    inner.closed({ code: 'overload', message: 'too much', by: 'us' });
    await runtime.advance(50);
    assert.deepEqual([sent, runtime.pending], [[], []]);
  });

  test('because it came before, for all nodes, counts as taken', () => {
    const { inner, told, signed } = open();
    const message = signed('message', 1, carol, null);
    assert.equal(inner.message(message), true);
    assert.equal(inner.message(message), true);
    assert.deepEqual(told, ['handle message of carol', 'message 1', 'duplicate']);
    const toAlice = signed('message', 2);
    assert.equal(inner.message(toAlice), true);
    assert.equal(inner.message(toAlice), false);
    assert.equal(told.at(-1), 'ERR_REPLAYED');
  });
});

suite('what a neighbour sends back', () => {
  test('is reported once all of it is proven to be what this node said to it', async () => {
    const { inner, told, notary, signed } = open();
    const sent = (data: Data) => notary.sign('message', data, bob.id) as unknown as Data;
    const back = (messages: readonly Data[], count = messages.length) =>
      inner.message(signed('returned', { code: 'ERR_TIME_WINDOW', count, messages }));
    assert.equal(await back([sent(1), sent(Array(50_000).fill(2))], 7), true);
    const altered = { ...(sent(Array(50_000).fill(3)) as object), data: Array(50_000).fill(4) } as Data;
    assert.equal(await back([sent(1), altered]), false);
    assert.equal(await back([signed('message', 1)]), false);
    assert.equal(await back([notary.sign('message', 1, carol.id) as unknown as Data]), false);
    assert.equal(await back([notary.sign('request', 1, bob.id) as unknown as Data]), false);
    assert.equal(await back([sent(1)], 0), false);
    assert.equal(await back(Array.from({ length: 65 }, () => sent(1))), false);
    const invalid = Array(5).fill('ERR_ENVELOPE_INVALID');
    assert.deepEqual(told, ['returned 7: 1,50000 items', 'ERR_HASH_MISMATCH', ...invalid]);
  });

  test('is read message by message, and others are heard in between', async () => {
    const { inner, told, notary, signed } = open();
    const messages = [1, 2].map((data) => notary.sign('message', data, bob.id) as unknown as Data);
    const returned = inner.message(signed('returned', { code: 'ERR_REPLAYED', count: 2, messages }));
    assert.equal(inner.message(signed('message', 'small')), true);
    assert.equal(await returned, true);
    assert.deepEqual(told, ['handle message of bob', 'message "small"', 'returned 2: 1,2']);
  });

  test('and is large, is not encoded to find out how large it is', async () => {
    const { inner, signed, told } = open();
    let reads = 0;
    const list = new Proxy(Array(1_000_000).fill(1), {
      get: (target, key) => {
        reads += 1;
        return Reflect.get(target, key);
      },
    });
    const late = { ...(signed('message', 1) as object), time: 1, data: list, to: undefined };
    assert.equal(await inner.message(late as unknown as Data), false);
    assert.deepEqual(told, ['ERR_TIME_WINDOW']);
    assert.ok(reads < 10_000, `${reads} reads`);
  });
});

suite('what this node asks a neighbour', () => {
  test('is signed, and answered by what that neighbour signed for it', async () => {
    const { secure, asked, signed } = open();
    const answer = secure.request('hello');
    const [{ question, answer: give }] = asked as [(typeof asked)[0]];
    assert.deepEqual(
      [question.author, question.to, question.kind, question.data],
      [alice.id, bob.id, 'request', 'hello'],
    );
    give(signed('response', { request: question.id, answer: 'hi' }));
    assert.equal(await answer, 'hi');
  });

  test('is not answered by the response to another question, nor by one of somebody else', async () => {
    const { secure, asked, signed, told } = open();
    const lies: [(question: Envelope) => Data, string][] = [
      [() => signed('response', { request: '0'.repeat(32), answer: 'a lie' }), 'ERR_ENVELOPE_INVALID'],
      [() => signed('response', { answer: 'a lie' }), 'ERR_ENVELOPE_INVALID'],
      [({ id }) => signed('response', { request: id }), 'ERR_ENVELOPE_INVALID'],
      [({ id }) => signed('response', { request: id, answer: 1 }, carol), 'ERR_SIGNATURE_INVALID'],
      [({ id }) => signed('response', { request: id, answer: 1 }, bob, carol.id), 'ERR_NOT_ADDRESSEE'],
      [({ id }) => signed('message', { request: id, answer: 1 }), 'ERR_ENVELOPE_INVALID'],
      [() => 'text', 'ERR_ENVELOPE_INVALID'],
      [(question) => question as unknown as Data, 'ERR_REPLAYED'],
    ];
    for (const [lie, code] of lies) {
      const answer = secure.request('hello');
      const { question, answer: give } = asked.at(-1)!;
      give(lie(question));
      await assert.rejects(answer, withCode(code as 'ERR_REPLAYED'));
    }
    assert.deepEqual(
      told,
      lies.map(([, code]) => code),
    );
  });

  test('to take a stream is signed too', async () => {
    const { secure, sent } = open();
    await secure.openStream('a film');
    await secure.fetchStream('chunks');
    const [stream, fetch] = sent as unknown as [Envelope, Envelope];
    assert.deepEqual([stream.kind, stream.data, stream.to], ['stream', 'a film', bob.id]);
    assert.deepEqual([fetch.kind, fetch.data, fetch.to], ['fetch', 'chunks', bob.id]);
  });
});

suite('a channel', () => {
  test('counts what is brought against its address, and against the node where an address costs nothing', () => {
    const address = (host: string) => ({ scheme: undefined, host, port: 1 });
    const sources: [Partial<RemoteNode>, string][] = [
      [{ address: address('192.0.2.7') }, '192.0.2.7'],
      [{ address: address('2001:db8:1:2:3:4:5:6') }, '2001:db8:1:2::/64'],
      [{ address: address('127.0.0.1') }, bob.id],
      [{ address: address('::1') }, bob.id],
      [{ limitsByAddress: false }, bob.id],
    ];
    for (const [remote, source] of sources) {
      assert.deepEqual(open(remote).secure.bringer, { id: bob.id, source, isEncrypted: true });
    }
    const plain = { protocol: 'tcp', encrypted: false, authenticated: true } as const;
    assert.equal(open({ security: plain }).secure.bringer.isEncrypted, false);
  });

  test('tells, when it closes, what may be lost of the user alone', () => {
    const { inner, told, signed } = open();
    inner.connected();
    const kept = [
      signed('message', 'a message'),
      signed('request', { a: 1 }),
      signed('response', 'an answer'),
    ] as Data[];
    inner.closed({ code: 'lost', message: 'it broke', by: 'link' }, () => kept);
    inner.closed({ code: 'lost', message: 'it broke', by: 'link' }, () => undefined);
    inner.closed({ code: 'lost', message: 'it broke', by: 'link' });
    assert.deepEqual(told, [
      'connected',
      'closed ["a message",{"a":1}]',
      'closed undefined',
      'closed undefined',
    ]);
  });
});
