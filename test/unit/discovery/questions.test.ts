import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import {
  type FindingFrame,
  findFrame,
  foundFrame,
  readQuestionFrame,
  unknownFrame,
} from '../../../src/discovery/question-frames.ts';
import { Questions } from '../../../src/discovery/questions.ts';
import { Identity } from '../../../src/index.ts';
import {
  type AddressRecord,
  isSignedByOwner,
  signAddressRecord,
} from '../../../src/overlay/membership/address-record.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';

const network = 'net';
const sought = Identity.generate();
const record = recordOf(sought);
const never = new AbortController().signal;

function recordOf(identity: Identity, address = 'tls://192.0.2.7:10001', inNetwork = network): AddressRecord {
  return signAddressRecord(identity, {
    network: inNetwork,
    sequence: 1,
    addresses: [address],
  }) as AddressRecord;
}

/** A node of questions with peers 'a', 'b', … that a test plays. */
function questions(peers: string[], known?: AddressRecord, runtime = new VirtualRuntime()) {
  const sent: { readonly to: string; readonly frame: ReturnType<typeof readQuestionFrame> }[] = [];
  const own = new Questions<string>({
    runtime,
    peers: () => peers,
    send: (to, bytes) => void sent.push({ to, frame: readQuestionFrame(bytes) }),
    hostOf: () => '192.0.2.1',
    idOf: (peer) => (peer === 'sought' ? sought.id : `id of ${peer}`),
    recordOf: (id) => (id === known?.id ? known : undefined),
    isSigned: (one) => isSignedByOwner(one, network),
  });
  const says = (peer: string, bytes: Uint8Array): void =>
    own.received(peer, readQuestionFrame(bytes) as FindingFrame);
  const asks = (peer: string, number: number, hops = 4): void =>
    says(peer, findFrame({ number: numberOf(number), hops, id: sought.id, seenAs: '' }));
  const take = (): string[] => sent.splice(0).map(({ to, frame }) => `${to} ${frame.kind}`);
  return { own, runtime, sent, says, asks, take };
}

function numberOf(value: number): string {
  return value.toString(16).padStart(16, '0');
}

suite('a question of this node', () => {
  test('goes to six peers, and the first record that its owner has signed answers it', async () => {
    const { own, sent, says } = questions(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']);
    const answer = own.ask(sought.id, 4, never);
    assert.equal(new Set(sent.map(({ to }) => to)).size, 6);
    const { to, frame } = sent[2]!;
    assert.deepEqual(frame, {
      kind: 'find',
      number: frame.number,
      hops: 4,
      id: sought.id,
      seenAs: '192.0.2.1',
    });
    says(to, foundFrame(frame.number, record));
    assert.deepEqual(await answer, { record, from: to });
    says(sent[0]!.to, foundFrame(frame.number, recordOf(Identity.generate())));
  });

  test('has no answer when all say that they know none, have left, or say nothing', async () => {
    const { own, runtime, sent, says } = questions(['a', 'b', 'c']);
    let isOver = false;
    const answer = own.ask(sought.id, 1, never).finally(() => {
      isOver = true;
    });
    const { number } = sent[0]!.frame;
    says('a', unknownFrame(number));
    says('a', unknownFrame(number));
    own.closed('b');
    await runtime.advance(3_999);
    assert.equal(isOver, false);
    await runtime.advance(1);
    assert.equal(await answer, undefined);
    const second = own.ask(sought.id, 0, never);
    for (const peer of ['a', 'b', 'c']) says(peer, unknownFrame(sent.at(-1)!.frame.number));
    assert.equal(await second, undefined);
    assert.equal(await questions([]).own.ask(sought.id, 4, never), undefined, 'nobody is there');
  });

  test('ends when nobody wants the answer any more, and when the node stops', async () => {
    const { own } = questions(['a']);
    const ending = new AbortController();
    const answers = [own.ask(sought.id, 4, ending.signal), own.ask(sought.id, 4, AbortSignal.abort())];
    ending.abort();
    assert.deepEqual(await Promise.all(answers), [undefined, undefined]);
    const last = own.ask(sought.id, 4, never);
    own.stop();
    assert.equal(await last, undefined);
  });

  test('is answered by nobody with a record that its owner has not signed, nor one of another node or network', () => {
    const forged = recordOf(Identity.generate());
    const bytes = Uint8Array.from(record.bytes);
    bytes[bytes.length - 1]! ^= 1;
    const lies: [AddressRecord, string][] = [
      [forged, 'ERR_PROTOCOL'],
      [{ ...record, bytes }, 'ERR_SIGNATURE_INVALID'],
      [recordOf(sought, 'tls://192.0.2.7:10001', 'other'), 'ERR_SIGNATURE_INVALID'],
    ];
    for (const [lie, code] of lies) {
      const { own, sent, says } = questions(['a']);
      void own.ask(sought.id, 4, never);
      assert.throws(() => says('a', foundFrame(sent[0]!.frame.number, lie)), { code });
      own.stop();
    }
  });

  test('is not pushed out by any number of questions of others', async () => {
    const peers = Array.from({ length: 100 }, (_, index) => `${index}`);
    const { own, sent, says, asks } = questions(peers);
    const answer = own.ask(sought.id, 4, never);
    const { to, frame } = sent[0]!;
    for (let number = 0; number < 1_000; number++) asks(`${number % 100}`, number);
    says(to, foundFrame(frame.number, record));
    assert.deepEqual(await answer, { record, from: to });
  });
});

suite('a question of another node', () => {
  test('is answered by whoever knows the record', () => {
    const { asks, sent } = questions(['a', 'b'], record);
    asks('a', 1, 0);
    assert.deepEqual(sent, [{ to: 'a', frame: { kind: 'found', number: numberOf(1), record } }]);
  });

  test('is passed on, with a link less to go, and its answer returns', () => {
    const { asks, says, sent, take } = questions(['a', 'b', 'c']);
    asks('a', 1, 3);
    assert.deepEqual(
      new Set(sent.map(({ to, frame }) => `${to} ${frame.kind === 'find' && frame.hops}`)),
      new Set(['b 2', 'c 2']),
    );
    take();
    says('b', unknownFrame(numberOf(1)));
    assert.deepEqual(take(), []);
    says('c', foundFrame(numberOf(1), record));
    assert.deepEqual(take(), ['a found']);
    says('b', foundFrame(numberOf(1), record));
    assert.deepEqual(take(), [], 'it is answered once');
  });

  test('goes to the sought node alone if that is a peer, also at the end of its way', () => {
    const { asks, take } = questions(['a', 'b', 'sought']);
    asks('a', 1, 0);
    assert.deepEqual(take(), ['sought find']);
  });

  test('ends where it may not pass over another link, and where nobody else is', () => {
    const far = questions(['a', 'b']);
    far.asks('a', 1, 0);
    assert.deepEqual(far.take(), ['a unknown']);
    const alone = questions(['a']);
    alone.asks('a', 1, 4);
    assert.deepEqual(alone.take(), ['a unknown']);
  });

  test('that goes in a circle is passed on once', () => {
    const { asks, take } = questions(['a', 'b', 'c']);
    asks('a', 1);
    take();
    asks('b', 1);
    assert.deepEqual(take(), ['b unknown']);
  });

  test('is answered when nobody answers it, sooner the fewer links it had left', async () => {
    const { asks, take, runtime } = questions(['a', 'b']);
    asks('a', 1, 2);
    take();
    await runtime.advance(3_999);
    assert.deepEqual(take(), []);
    await runtime.advance(1);
    assert.deepEqual(take(), ['a unknown']);
  });

  test('comes sixteen at once from one peer, and then two a second: further ones cost one small answer', async () => {
    const { asks, take, runtime } = questions(['a', 'b']);
    for (let number = 0; number < 10_000; number++) asks('a', number);
    const kinds = take();
    assert.equal(kinds.filter((kind) => kind === 'b find').length, 16);
    assert.equal(kinds.filter((kind) => kind === 'a unknown').length, 9_984);
    await runtime.advance(10_000);
    take();
    for (let number = 20_000; number < 30_000; number++) asks('a', number);
    assert.equal(take().filter((kind) => kind === 'b find').length, 16);
  });

  test('takes bounded memory: past 512 the earliest is answered with nothing', async () => {
    const peers = Array.from({ length: 600 }, (_, index) => `peer ${index}`);
    const { asks, take } = questions([...peers, 'b']);
    for (const [number, peer] of peers.entries()) asks(peer, number, 1);
    const unknown = take().filter((kind) => kind.endsWith('unknown'));
    assert.equal(unknown.length, 600 - 512);
    assert.equal(unknown[0], 'peer 0 unknown');
  });

  test('costs nothing when nobody asked for the answer', () => {
    const { says, take } = questions(['a']);
    says('a', foundFrame(numberOf(1), record));
    says('a', unknownFrame(numberOf(1)));
    assert.deepEqual(take(), []);
  });
});
