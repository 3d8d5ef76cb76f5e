import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { suite, test } from 'node:test';
import {
  asksFor,
  type MdnsPacket,
  type MdnsSelf,
  nodesIn,
  recordsOf,
  serviceType,
} from '../../../src/discovery/mdns-records.ts';
import { Identity } from '../../../src/index.ts';

const { decode, encode } = createRequire(import.meta.url)('dns-packet') as {
  encode(packet: object): Uint8Array;
  decode(bytes: Uint8Array): MdnsPacket;
};

const from = '192.168.1.7';

function self(more: Partial<MdnsSelf> = {}): MdnsSelf {
  return {
    id: Identity.generate().id,
    network: 'home',
    addresses: ['tls://0.0.0.0:10001'],
    hosts: [from],
    ...more,
  };
}

/** As it arrives over the network. */
function packetOf(other: MdnsSelf, ttl?: number): MdnsPacket {
  return decode(encode({ type: 'response', answers: recordsOf(other, ttl) }));
}

suite('records of mdns', () => {
  test('may be missing, or have a name that is not text: a packet can hold anything', () => {
    const text = recordsOf(self()).find(({ type }) => type === 'TXT')!;
    const asker = self();
    assert.equal(nodesIn({ additionals: [text] }, from, asker).length, 1);
    assert.equal(nodesIn({ answers: [text] }, from, asker).length, 1);
    assert.deepEqual(nodesIn({}, from, asker), []);
    for (const name of [undefined, null, 5, {}, [text.name]]) {
      const odd = { ...text, name } as unknown as typeof text;
      assert.equal(nodesIn({ answers: [odd, text] }, from, asker).length, 1);
    }
  });

  test('are those of RFC 6763: the instance of the service, where it is, what it says, and the host', () => {
    const node = self();
    const records = recordsOf(node);
    assert.deepEqual(
      records.map(({ type }) => type),
      ['PTR', 'SRV', 'TXT', 'A'],
    );
    const [pointer, service, text, host] = records;
    assert.equal(pointer!.name, serviceType);
    assert.equal(pointer!.data, service!.name);
    assert.equal(text!.name, service!.name);
    assert.equal((service!.data as { target: string }).target, host!.name);
    assert.equal((service!.data as { port: number }).port, 10_001);
    for (const label of pointer!.data!.toString().split('.')) assert.ok(label.length <= 63);
  });

  test('lead to the address that the packet came from', () => {
    const node = self({ addresses: ['tls://0.0.0.0:10001', 'ws://192.168.1.7:8080', 'tls://192.0.2.1:80'] });
    assert.deepEqual(nodesIn(packetOf(node), from, self()), [
      { address: `tls://${from}:10001`, id: node.id },
      { address: `ws://${from}:8080`, id: node.id },
    ]);
  });

  test('lead nowhere if they are of another network, of the node itself, of one that leaves, or of other services', () => {
    const node = self();
    assert.deepEqual(nodesIn(packetOf(node), from, self({ network: 'another' })), []);
    assert.deepEqual(nodesIn(packetOf(node), from, node), []);
    assert.deepEqual(nodesIn(packetOf(node, 0), from, self()), []);
    const { answers } = packetOf(node);
    const other = answers!.map((record) => ({ ...record, name: record.name.replace('peerloom', 'printer') }));
    assert.deepEqual(nodesIn({ answers: other }, from, self()), []);
  });

  test('are none for a node that listens on its own machine only, or nowhere', () => {
    for (const addresses of [[], ['tls://127.0.0.1:1'], ['tls://[::1]:1', 'tls://localhost:1']]) {
      assert.deepEqual(recordsOf(self({ addresses })), []);
    }
  });

  test('of strangers are read within bounds, whatever they hold', () => {
    const addresses = Array.from({ length: 100 }, (_, port) => `tls://0.0.0.0:${1 + port}`);
    const many = Array.from({ length: 100 }, () => packetOf(self({ addresses })).answers!).flat();
    const found = nodesIn({ answers: many }, from, self());
    assert.equal(new Set(found.map(({ id }) => id)).size, 16);
    assert.equal(found.length, 16 * 8);
    const name = `x.${serviceType}`;
    const odd: unknown[] = [
      undefined,
      null,
      5,
      {},
      [5, null],
      ['id=12D3KooW'],
      Buffer.from('id='),
      ['id=a', 'net=b', 'addr='],
    ];
    for (const data of odd) {
      assert.deepEqual(nodesIn({ answers: [{ name, type: 'TXT', data }] }, from, self()), []);
    }
    const { answers } = packetOf(self());
    const text = answers!.find(({ type }) => type === 'TXT')!;
    const wrong = {
      ...text,
      data: (text.data as Buffer[]).map((one) => `${one}`.replace('12D3KooW', '12D3KooX')),
    };
    assert.deepEqual(nodesIn({ answers: [wrong] }, from, self()), []);
  });

  test('are asked for by the names of the service, the instance and the host, in capitals too', () => {
    const node = self();
    const asks = (...names: unknown[]): boolean =>
      asksFor(node, { questions: names.map((name) => ({ name: name as string, type: 'ANY' })) });
    assert.equal(asks(serviceType), true);
    assert.equal(asks(serviceType.toUpperCase()), true);
    assert.equal(asks('_services._dns-sd._udp.local'), true);
    for (const { name } of recordsOf(node)) assert.equal(asks(name), true);
    assert.equal(asks('_printer._tcp.local', undefined, 5), false);
    assert.equal(asksFor(node, {}), false);
  });
});
