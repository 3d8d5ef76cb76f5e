import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { dialSocket, socketListener } from '../../../../src/transport/tcp/sockets.ts';

/** The two ends of a TCP connection, made as the transport makes them; the second was accepted. */
export async function socketPair(t: TestContext): Promise<[Socket, Socket]> {
  const arrival = Promise.withResolvers<Socket>();
  const server = socketListener(arrival.resolve).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const dialled = dialSocket('127.0.0.1', (server.address() as AddressInfo).port);
  const [accepted] = await Promise.all([arrival.promise, once(dialled, 'connect')]);
  accepted.pause();
  t.after(() => {
    for (const socket of [dialled, accepted]) socket.destroy();
    server.close();
  });
  return [dialled, accepted];
}
