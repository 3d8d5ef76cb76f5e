import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import type { Stream } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { preSharedKey as privateNetwork } from '@libp2p/pnet';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import type { NodeOptions } from '../../../src/index.ts';
import { lan, libp2p } from '../../../src/libp2p/index.ts';
import '../../support/libp2p-engines.ts';
import { Fixture } from '../../support/fixture.ts';
import type { RecordingNode } from '../../support/recording-node.ts';
import { makeNode } from '../../support/start-nodes.ts';
import { until } from '../../support/turns.ts';
import { preSharedKey } from './second-links.ts';
import { frame, hello, kinds } from './second-peer.ts';

/** A stream of another libp2p program to a node, and everything that came over it. */
class SecondStream {
  received: Buffer = Buffer.alloc(0);
  isEnded = false;
  readonly stream: Stream;

  constructor(stream: Stream) {
    this.stream = stream;
    stream.addEventListener('message', ({ data }) => {
      this.received = Buffer.concat([this.received, data.subarray()]);
    });
    stream.addEventListener('remoteCloseWrite', () => {
      this.isEnded = true;
    });
  }

  send(...pieces: Uint8Array[]): void {
    this.stream.send(Buffer.concat(pieces));
  }

  has(text: string): Promise<void> {
    return until(() => this.received.includes(text), text);
  }
}

interface Scene {
  readonly node: RecordingNode;
  readonly stream: SecondStream;
  readonly secondId: string;
}

async function opened(t: TestContext, protocol: string, options: NodeOptions = {}): Promise<Scene> {
  const node = makeNode(t, { options: { transports: [libp2p(lan())], ...options } });
  await node.start();
  const key = options.networkKey === undefined ? undefined : preSharedKey(options.networkKey);
  const file = `/key/swarm/psk/1.0.0/\n/base16/\n${Buffer.from(key ?? []).toString('hex')}`;
  const second = await createLibp2p({
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    ...(key !== undefined && { connectionProtector: privateNetwork({ psk: Buffer.from(file) }) }),
  });
  Fixture.of(t).defer(() => second.stop());
  const connection = await second.dial(multiaddr(node.addresses[0]!));
  const stream = new SecondStream(await connection.newStream(protocol));
  return { node, stream, secondId: second.peerId.toString() };
}

const accept = frame(kinds.accept);
const text = (content: string): Buffer => frame(kinds.message, Buffer.from(content), { format: 2 });

function record(kind: number, number: number, bytes: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(kind * 2 ** 30 + number);
  return Buffer.concat([head, bytes]);
}

/** The kinds and numbers of the records in some bytes. */
function recordsIn(bytes: Buffer): [kind: number, number: number][] {
  const records: [number, number][] = [];
  for (let at = 0; at + 4 <= bytes.length; ) {
    const head = bytes.readUInt32BE(at);
    const [kind, number] = [Math.floor(head / 2 ** 30), head % 2 ** 30];
    records.push([kind, number]);
    at += 4 + (kind === 0 ? number : 0);
  }
  return records;
}

const data = (...pieces: Uint8Array[]): Buffer => {
  const bytes = Buffer.concat(pieces);
  return record(0, bytes.length, bytes);
};

suite('links over libp2p', () => {
  test('19.1, 19.2 a stream is a link, which ends when both sides have closed their halves', async (t) => {
    const { node, stream, secondId } = await opened(t, '/peerloom/1');
    stream.send(hello());
    await stream.has('"versions"');
    stream.send(accept, text('the last one'));
    assert.equal((await node.event('inbound_node_connected')).peer!.id, secondId);
    await stream.stream.close();
    assert.equal(await node.message(), 'the last one');
    await until(() => stream.isEnded, 'the node closes its half');
    assert.equal((await node.event('inbound_node_disconnected')).peer!.closeReason!.code, 'lost');
  });

  test('19.3 the network key is the key of a private network', async (t) => {
    const { node, stream, secondId } = await opened(t, '/peerloom/1', { networkKey: 'the key' });
    stream.send(hello());
    await stream.has('"versions"');
    stream.send(accept);
    assert.equal((await node.event('inbound_node_connected')).peer!.id, secondId);
  });

  test('19.4, 19.5, 19.6 records carry a link with credit, and an end is answered with one', async (t) => {
    const { node, stream } = await opened(t, '/peerloom/1/credit');
    stream.send(data(hello()));
    await stream.has('"versions"');
    stream.send(data(accept));
    const large = frame(kinds.message, Buffer.alloc(200_000, 'x'), { format: 2 });
    stream.send(data(large.subarray(0, 70_000)), data(large.subarray(70_000)), data(text('the last one')));
    assert.equal(await node.message(2), 'the last one');
    stream.send(data(large));
    assert.equal(((await node.message(3)) as string).length, 200_000);
    const given = (): number[] =>
      recordsIn(stream.received).flatMap(([kind, amount]) => (kind === 1 ? [amount] : []));
    await until(() => given().length === 1, 'the node gives credit');
    assert.ok(given()[0]! >= 262_144 && given()[0]! <= 401_000, `${given()}`);
    stream.send(record(2, 0));
    await node.event('inbound_node_disconnected');
    await until(() => recordsIn(stream.received).at(-1)![0] === 2, 'the node answers with an end');
  });

  for (const [name, bytes] of Object.entries({
    'more credit than at the beginning': record(1, 1_048_577),
    'data of no bytes': record(0, 0),
    'a record after the end': Buffer.concat([record(2, 0), data(Buffer.of(1))]),
  })) {
    test(`19.5 ${name} is a breach`, async (t) => {
      const { stream } = await opened(t, '/peerloom/1/credit');
      stream.send(bytes);
      await until(() => stream.stream.status !== 'open', 'the node resets the stream');
    });
  }
});
