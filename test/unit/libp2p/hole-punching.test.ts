import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Connection, Stream } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import fc from 'fast-check';
import { PeerloomError } from '../../../src/index.ts';
import type { Engine } from '../../../src/libp2p/engine.ts';
import {
  decodeMessage,
  encodeMessage,
  type HolePunchMessage,
  maxAddresses,
  maxMessageBytes,
} from '../../../src/libp2p/hole-punch-message.ts';
import {
  attemptBurst,
  HolePunching,
  holePunchProtocol,
  maxAttempts,
  maxTries,
} from '../../../src/libp2p/hole-punching.ts';
import { maxPieces } from '../../../src/libp2p/message-stream.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';
import { withCode } from '../../support/errors.ts';
import { silentLog } from '../../support/silent-log.ts';
import { turns } from '../../support/turns.ts';

const relay = '/ip4/203.0.113.1/tcp/1/p2p/12D3KooWSrKnMZUcSxK8G7wmBbXdU8nFEfWGhLu6H8xjn8LmCSJb';

const connectTo = (...texts: readonly string[]): Uint8Array =>
  encodeMessage({ type: 'connect', addresses: texts.map((text) => multiaddr(text).bytes) });

suite('messages of DCUtR', () => {
  const bytes = fc.uint8Array({ maxLength: 60 });
  const message = fc.record<HolePunchMessage>({
    type: fc.constantFrom('connect', 'sync'),
    addresses: fc.array(bytes, { maxLength: maxAddresses }),
  });

  test('are read as they were written, and not before they are complete', () => {
    fc.assert(
      fc.property(message, bytes, (one, rest) => {
        const encoded = encodeMessage(one);
        for (let end = 0; end < encoded.length; end++)
          assert.equal(decodeMessage(encoded.subarray(0, end)), undefined);
        const { message: read, size } = decodeMessage(Uint8Array.from([...encoded, ...rest]))!;
        assert.equal(size, encoded.length);
        assert.deepEqual(
          [read.type, read.addresses.map((each) => [...each])],
          [one.type, one.addresses.map((each) => [...each])],
        );
      }),
    );
  });

  test('are those of the specification: a SYNC, and a CONNECT with one address', () => {
    assert.deepEqual([...encodeMessage({ type: 'sync', addresses: [] })], [3, 8, 0xac, 2]);
    const address = Uint8Array.of(4, 11, 0, 0, 1, 6, 39, 17);
    assert.deepEqual(
      [...encodeMessage({ type: 'connect', addresses: [address] })],
      [12, ...[8, 100, 18, 8], ...address],
    );
  });

  test('whatever arrives, reading it gives a message or ERR_PROTOCOL', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (given) => {
        try {
          decodeMessage(given);
        } catch (error) {
          assert.ok(error instanceof PeerloomError && error.code === 'ERR_PROTOCOL', String(error));
        }
      }),
    );
    assert.throws(() => decodeMessage(Uint8Array.of(0x81, 0x20)), withCode('ERR_PROTOCOL'));
    assert.throws(() => decodeMessage(Uint8Array.of(255, 255, 255, 255)), withCode('ERR_PROTOCOL'));
  });

  test('bring four addresses at most', () => {
    const addresses = Array.from({ length: 40 }, (_, index) => Uint8Array.of(index));
    const { message: read } = decodeMessage(encodeMessage({ type: 'connect', addresses }))!;
    assert.equal(read.addresses.length, maxAddresses);
  });
});

/** What another node opens to agree on an attempt. */
class Invitation extends EventTarget {
  readonly sent: Uint8Array[] = [];
  state: 'open' | 'closed' | 'aborted' = 'open';

  send(data: Uint8Array): void {
    this.sent.push(data);
  }

  says(data: Uint8Array): void {
    this.dispatchEvent(Object.assign(new Event('message'), { data: { subarray: () => data } }));
  }

  async close(): Promise<void> {
    if (this.state === 'open') this.state = 'closed';
  }

  abort(): void {
    this.state = 'aborted';
  }
}

/** A node that others invite to attempts, or reach through a relay. It notes whom it dials. Only the relay may answer. */
class Invited {
  readonly runtime = new VirtualRuntime();
  readonly dialled: string[] = [];
  /** The streams that it has opened to invite others. */
  readonly own: Invitation[] = [];
  #punching: HolePunching | undefined;
  #handle: ((stream: Stream, connection: Connection) => void) | undefined;

  static async start(hasRelay?: 'the relay answers'): Promise<Invited> {
    const invited = new Invited();
    const dial = async (address: { toString(): string }): Promise<unknown> => {
      invited.dialled.push(address.toString());
      if (hasRelay === undefined || address.toString() !== relay) throw new Error('nobody is there');
      const connection = { close: async () => {} };
      const detail = { connection, observedAddr: multiaddr('/ip4/11.0.0.1/tcp/50000') };
      setImmediate(() => node.dispatchEvent(new CustomEvent('peer:identify', { detail })));
      return connection;
    };
    const transportManager = { dial, dialTransportForMultiaddr: () => ({ dial }) };
    const node = Object.assign(new EventTarget(), {
      components: { transportManager, upgrader: {} },
      getConnections: () => [],
      peerStore: { get: async () => ({ addresses: [] }) },
      handle: async (_: string, handle: (stream: Stream, connection: Connection) => void) => {
        invited.#handle = handle;
      },
    });
    const engine = { node, multiaddr } as unknown as Engine;
    const { runtime } = invited;
    invited.#punching = new HolePunching({ engine, runtime, log: silentLog, arrived: () => {} });
    await invited.#punching.start();
    return invited;
  }

  invite(id: string, remoteAddr = `${relay}/p2p-circuit/p2p/${id}`): Invitation {
    const stream = new Invitation();
    const connection = { remotePeer: id, remoteAddr };
    this.#handle!(stream as unknown as Stream, connection as unknown as Connection);
    return stream;
  }

  /** A node comes through the relay and identifies itself. */
  isReachedBy(id: string): void {
    const newStream = async (): Promise<Invitation> => {
      this.own.push(new Invitation());
      return this.own.at(-1)!;
    };
    const remoteAddr = `${relay}/p2p-circuit/p2p/${id}`;
    const connection = { remotePeer: id, remoteAddr, direction: 'inbound', status: 'open', newStream };
    const protocols = [holePunchProtocol];
    this.#punching!.identified({ connection: connection as unknown as Connection, protocols });
  }

  /** Whom it has dialled, but for the relay. */
  get others(): readonly string[] {
    return this.dialled.filter((text) => text !== relay);
  }
}

suite('attempts to dial at the same moment', () => {
  test('begin only with nodes that came through a relay, and once for each', async () => {
    const invited = await Invited.start();
    assert.equal(invited.invite('a', '/ip4/203.0.113.9/tcp/1/p2p/a').state, 'aborted');
    assert.equal(invited.invite('a').state, 'open');
    assert.equal(invited.invite('a').state, 'aborted');
    assert.equal(invited.invite('b').state, 'open');
  });

  test('of other nodes are eight at a time, and so many in the long run', async () => {
    const invited = await Invited.start();
    const places = Array.from({ length: 12 }, (_, index) => invited.invite(`${index}`));
    assert.equal(places.filter(({ state }) => state === 'open').length, maxAttempts);
    let joined = maxAttempts;
    for (let index = 0; index < 40; index++) {
      for (const place of places) place.dispatchEvent(new Event('close'));
      await turns();
      places.splice(0, places.length, invited.invite(`again ${index}`));
      if (places[0]!.state === 'open') joined += 1;
    }
    assert.equal(joined, attemptBurst);
  });

  test('dial nothing for a node that names no public address', async () => {
    const invited = await Invited.start();
    const named = [
      '/ip4/127.0.0.1/tcp/22',
      '/ip4/192.168.1.1/tcp/80',
      '/ip4/203.0.113.2/udp/53',
      '/dns4/example.org/tcp/443',
    ];
    const stream = invited.invite('a');
    stream.says(connectTo(...named));
    await turns();
    assert.deepEqual([stream.state, invited.dialled], ['closed', []]);
    const other = invited.invite('b');
    other.says(connectTo('/ip4/11.0.0.2/tcp/50000'));
    await turns();
    assert.deepEqual(invited.dialled, [relay]);
  });

  const victims = [
    '/ip4/11.0.0.2/tcp/22',
    '/ip4/11.0.0.3/tcp/25',
    '/ip4/11.0.0.4/tcp/80',
    '/ip4/11.0.0.5/tcp/1',
  ];
  const someId = relay.split('/').at(-1)!;

  test('dial one address ten times, however many the other node names, whichever side begins', async () => {
    const invited = await Invited.start('the relay answers');
    const theirs = invited.invite(someId);
    theirs.says(connectTo('/ip4/127.0.0.1/tcp/22', ...victims.slice(0, 3)));
    await turns();
    assert.equal(theirs.sent.length, 1);
    theirs.says(encodeMessage({ type: 'sync', addresses: [] }));
    await invited.runtime.advance(10_000);
    const expected = Array.from({ length: maxTries }, () => `${victims[0]}/p2p/${someId}`);
    assert.deepEqual(invited.others, expected);
    assert.equal(theirs.state, 'closed');

    const inviting = await Invited.start('the relay answers');
    inviting.isReachedBy(someId);
    await inviting.runtime.advance(200);
    await turns();
    assert.equal(inviting.own.length, 1);
    inviting.own[0]!.says(connectTo(...victims));
    await turns();
    assert.equal(inviting.own[0]!.sent.length, 2);
    await inviting.runtime.advance(10_000);
    assert.deepEqual(inviting.others, expected);
  });

  test('that this node begins count among the eight, and so many in the long run', async () => {
    const reached = await Invited.start('the relay answers');
    for (let index = 0; index < 12; index++) reached.isReachedBy(`${index}`);
    reached.isReachedBy('0');
    await reached.runtime.advance(200);
    await turns();
    assert.equal(reached.own.length, maxAttempts);
    assert.equal(reached.invite('more').state, 'aborted');
    let begun = maxAttempts;
    for (let index = 0; index < 40; index++) {
      for (const stream of reached.own.splice(0)) stream.dispatchEvent(new Event('close'));
      await turns();
      const joined = reached.invite(`again ${index}`);
      if (joined.state === 'open') begun += 1;
      joined.dispatchEvent(new Event('close'));
      await turns();
    }
    assert.equal(begun, attemptBurst);
    reached.isReachedBy('late');
    await reached.runtime.advance(200);
    await turns();
    assert.deepEqual(reached.own, []);
  });

  test('with one node take one place, however often it comes through a relay', async () => {
    const reached = await Invited.start('the relay answers');
    for (let index = 0; index < 12; index++) reached.isReachedBy('a');
    await reached.runtime.advance(200);
    await turns();
    assert.equal(reached.own.length, 1);
    const places = Array.from({ length: 8 }, (_, index) => reached.invite(`${index}`));
    assert.equal(places.filter(({ state }) => state === 'open').length, maxAttempts - 1);
  });

  test('end after 15 seconds if the other node says CONNECT, and then nothing', async () => {
    const invited = await Invited.start('the relay answers');
    const silent = Array.from({ length: maxAttempts }, (_, index) => invited.invite(`${index}`));
    for (const stream of silent) stream.says(connectTo(victims[0]!));
    await turns();
    assert.deepEqual([invited.dialled.length, invited.others], [maxAttempts, []]);
    await invited.runtime.advance(14_999);
    await turns();
    assert.equal(invited.invite('early').state, 'aborted');
    await invited.runtime.advance(1);
    await turns();
    assert.deepEqual([invited.invite('late').state, invited.others], ['open', []]);
    assert.deepEqual(new Set(silent.map(({ state }) => state)), new Set(['closed']));
  });

  test('end with a node that sends more than the protocol has to say', async () => {
    const invited = await Invited.start();
    const stream = invited.invite('a');
    // A message that is as long as it may be, of which the last byte does not come.
    stream.says(Uint8Array.of(0x80, 0x20));
    for (let sent = 0; sent < 4 * maxMessageBytes; sent += 1_000) stream.says(new Uint8Array(1_000));
    await turns();
    assert.equal(stream.state, 'aborted');
    assert.deepEqual(invited.dialled, []);
  });

  test('end with a node that sends a message in more than 64 pieces', async () => {
    const message = connectTo(...victims, ...victims, ...victims);
    assert.ok(message.length > maxPieces);
    const invited = await Invited.start('the relay answers');
    const [fine, slow] = [invited.invite('a'), invited.invite('b')];
    const sayIn = (stream: Invitation, pieces: number): void => {
      for (let at = 0; at < pieces - 1; at++) stream.says(message.subarray(at, at + 1));
      stream.says(message.subarray(pieces - 1));
    };
    sayIn(fine, maxPieces);
    sayIn(slow, maxPieces + 1);
    await turns();
    assert.deepEqual([fine.sent.length, fine.state], [1, 'open']);
    assert.deepEqual([slow.sent.length, slow.state], [0, 'aborted']);
  });
});
