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
import { HolePunching, joinBurst, maxAttempts } from '../../../src/libp2p/hole-punching.ts';
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

/** A node that others invite to attempts. It dials nobody, and notes whom it would dial. */
class Invited {
  readonly runtime = new VirtualRuntime();
  readonly dialled: string[] = [];
  #handle: ((stream: Stream, connection: Connection) => void) | undefined;

  static async start(): Promise<Invited> {
    const invited = new Invited();
    const transportManager = {
      dial: async (address: { toString(): string }) => {
        invited.dialled.push(address.toString());
        throw new Error('nobody is there');
      },
    };
    const node = Object.assign(new EventTarget(), {
      components: { transportManager },
      handle: async (_: string, handle: (stream: Stream, connection: Connection) => void) => {
        invited.#handle = handle;
      },
    });
    const engine = { node, multiaddr } as unknown as Engine;
    const { runtime } = invited;
    await new HolePunching({ engine, runtime, log: silentLog, arrived: () => {} }).start();
    return invited;
  }

  invite(id: string, remoteAddr = `${relay}/p2p-circuit/p2p/${id}`): Invitation {
    const stream = new Invitation();
    const connection = { remotePeer: id, remoteAddr };
    this.#handle!(stream as unknown as Stream, connection as unknown as Connection);
    return stream;
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
    assert.equal(joined, joinBurst);
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
});
