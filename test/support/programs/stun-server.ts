// A STUN server (RFC 8489) that says how it sees whoever asks: stun-server.ts HOST PORT…
// With two hosts, HOST,OTHER, and two ports it also answers from the other ones if asked to (RFC 5780).
import { createSocket, type Socket } from 'node:dgram';

const [host, ...ports] = process.argv.slice(2) as [string, ...string[]];
const hosts = host.split(',');
const cookie = 0x2112_a442;
const isPair = hosts.length === 2 && ports.length === 2;
const sockets: Socket[][] = [];

function attribute(type: number, body: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(body.length, 2);
  return Buffer.concat([head, body]);
}

function endpoint(address: string, port: number, mask: number): Buffer {
  const body = Buffer.alloc(8);
  body.writeUInt16BE(1, 0);
  body.writeUInt16BE(port ^ (mask >>> 16), 2);
  const number = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  body.writeUInt32BE((number ^ mask) >>> 0, 4);
  return body;
}

for (const [hostIndex, each] of hosts.entries()) {
  const row: Socket[] = [];
  sockets.push(row);
  for (const [portIndex, port] of ports.entries()) {
    const socket = createSocket('udp4');
    row.push(socket);
    socket.on('message', (request, { address, port: from }) => {
      const attributes = [attribute(0x0020, endpoint(address, from, cookie))];
      if (isPair) {
        const other = endpoint(hosts[1 - hostIndex]!, Number(ports[1 - portIndex]), 0);
        attributes.push(attribute(0x802c, other));
      }
      const isChange = isPair && request.length >= 28 && request.readUInt16BE(20) === 0x0003;
      const flags = isChange ? request.readUInt32BE(24) : 0;
      const answerer = sockets[(flags & 4) === 0 ? hostIndex : 1 - hostIndex]!;
      const body = Buffer.concat(attributes);
      const head = Buffer.alloc(20);
      head.writeUInt16BE(0x0101, 0);
      head.writeUInt16BE(body.length, 2);
      request.copy(head, 4, 4, 20);
      const answer = Buffer.concat([head, body]);
      answerer[(flags & 2) === 0 ? portIndex : 1 - portIndex]!.send(answer, from, address);
    });
    await new Promise<void>((resolve) => socket.bind(Number(port), each, resolve));
  }
}
console.log('listening');
