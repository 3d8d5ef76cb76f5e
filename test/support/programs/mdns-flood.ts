// Sends packets to the multicast group of mDNS: garbage, and nodes that are not there.
import { createSocket } from 'node:dgram';
import { createRequire } from 'node:module';
import { recordsOf } from '../../../src/discovery/mdns-records.ts';
import { Identity } from '../../../src/index.ts';

const { address, network, count, byLibp2p } = JSON.parse(process.argv[2]!) as {
  address: string;
  network: string;
  count: number;
  byLibp2p?: boolean;
};
const { encode } = createRequire(import.meta.url)('dns-packet') as { encode(packet: object): Uint8Array };

const service = '_peerloom-test._udp.local';
const socket = createSocket('udp4');
await new Promise<void>((resolve) => socket.bind(0, address, resolve));
socket.setMulticastInterface(address);
const send = (bytes: Uint8Array): Promise<void> =>
  new Promise((resolve) => socket.send(bytes, 5353, '224.0.0.251', () => resolve()));

for (let index = 0; index < count; index++) {
  const { id } = Identity.generate();
  const port = 1_024 + (index % 60_000);
  const self = { id, network, addresses: [`tls://${address}:${port}`], hosts: [address] };
  const answers = byLibp2p ? libp2pRecords(id, `/ip4/${address}/tcp/${port}/p2p/${id}`) : recordsOf(self);
  const packet = encode({ type: 'response', answers });
  await send(packet);
  // The pointers of names lead in a circle, lengths are wrong, and the rest is chance.
  const spoilt = Uint8Array.from(packet);
  for (let at = 12; at < spoilt.length; at += 1 + (index % 7)) spoilt[at] = 0xc0 ^ (index + at);
  await send(spoilt);
  await send(crypto.getRandomValues(new Uint8Array(1 + (index % 1_400))));
}
socket.close();

function libp2pRecords(id: string, multiaddr: string): object[] {
  const [name, type] = [service, 'PTR'];
  return [
    { name, type, data: `${id}.${name}` },
    { name: `${id}.${name}`, type: 'TXT', data: `dnsaddr=${multiaddr}` },
  ];
}

console.log('sent');
