// A node that looks for others by multicast DNS, and says what happens: one line of JSON each.
import { type KnownNode, mdns, Node, type NodeConnection, tcp } from '../../../src/index.ts';
import { lan, libp2p, libp2pMdns } from '../../../src/libp2p/index.ts';

const { host, network, address, byLibp2p } = JSON.parse(process.argv[2]!) as {
  host: string;
  network: string;
  address?: string;
  byLibp2p?: boolean;
};

const say = (line: object): void => console.log(JSON.stringify(line));

class Neighbour extends Node {
  override nodeDiscovered({ id, source, addresses }: KnownNode): void {
    say({ event: 'discovered', id, source, addresses });
  }

  override outboundNodeConnected({ id }: NodeConnection): void {
    say({ event: 'connected', id });
  }

  override inboundNodeConnected({ id }: NodeConnection): void {
    say({ event: 'connected', id });
  }
}

const transport = byLibp2p ? libp2p(lan()) : tcp();
const discovery = byLibp2p
  ? [libp2pMdns(transport, { service: '_peerloom-test._udp.local', intervalMs: 1_000 })]
  : [mdns(address === undefined ? {} : { interface: address })];
const node = new Neighbour(host, 0, { network, discovery, transports: [transport] });
await node.start();
say({ event: 'listening', id: node.id, port: node.port });

process.stdin.resume();
process.stdin.once('end', async () => {
  await node.stop();
  const { rss } = process.memoryUsage();
  say({ event: 'stopped', rss, cpuMs: Math.round(process.cpuUsage().user / 1_000) });
});
