// A STUN server (RFC 8489) that says how it sees whoever asks: stun-server.ts HOST PORT…
import { createSocket } from 'node:dgram';

const [host, ...ports] = process.argv.slice(2) as [string, ...string[]];
const cookie = 0x2112_a442;

for (const port of ports) {
  const socket = createSocket('udp4');
  socket.on('message', (request, { address, port: from }) => {
    const answer = Buffer.alloc(32);
    answer.writeUInt16BE(0x0101, 0);
    answer.writeUInt16BE(12, 2);
    request.copy(answer, 4, 4, 20);
    answer.writeUInt16BE(0x0020, 20);
    answer.writeUInt16BE(8, 22);
    answer.writeUInt16BE(1, 24);
    answer.writeUInt16BE(from ^ (cookie >>> 16), 26);
    const number = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
    answer.writeUInt32BE((number ^ cookie) >>> 0, 28);
    socket.send(answer, from, address);
  });
  await new Promise<void>((resolve) => socket.bind(Number(port), host, resolve));
}
console.log('listening');
