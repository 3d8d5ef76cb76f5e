// A router that says which address it has, by NAT-PMP (RFC 6886): nat-pmp-server.ts HOST OUTSIDE
import { createSocket } from 'node:dgram';

const [host, outside] = process.argv.slice(2) as [string, string];
const socket = createSocket('udp4');
socket.on('message', (request, { address, port }) => {
  if (!request.equals(Uint8Array.of(0, 0))) return;
  socket.send(Uint8Array.from([0, 128, 0, 0, 0, 0, 0, 1, ...outside.split('.').map(Number)]), port, address);
});
socket.bind(5351, host, () => console.log('listening'));
