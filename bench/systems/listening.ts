import type { AddressInfo, Server } from 'node:net';

/** Connections that may wait to be accepted while many dial at once. */
const backlog = 1024;

/** @returns the port that the system picked. */
export function listenOnLoopback(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: 0, backlog }, () =>
      resolve((server.address() as AddressInfo).port),
    );
  });
}
