import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

/** The two ends of a TCP connection; the second was accepted. */
export async function socketPair(t: TestContext): Promise<[Socket, Socket]> {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const dialled = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [[accepted]] = (await Promise.all([once(server, 'connection'), once(dialled, 'connect')])) as [
    [Socket],
    unknown,
  ];
  t.after(() => {
    for (const socket of [dialled, accepted]) socket.destroy();
    server.close();
  });
  return [dialled, accepted];
}
