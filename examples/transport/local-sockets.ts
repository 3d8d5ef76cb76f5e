// A transport of your own: nodes of one machine reach each other over local sockets, which are files in a folder.
// Used by examples/own-transport.ts. docs/transports.md explains each method.
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { type Link, linkOverPipe, PeerloomError, type Transport, type TransportContext } from 'peerloom';

/** Nodes with the same folder reach each other. Let only programs that you trust write into it. */
export function localSockets(folder: string): Transport {
  let context: TransportContext;
  let handshakes = 0;
  const open = new Set<Socket | Server>();
  const kind = { protocol: 'local', limitsByAddress: false };
  const parent = process.platform === 'win32' ? join('\\\\?\\pipe', folder) : folder;
  const fileOf = (host: string, port: number) => join(parent, `${host}-${port}`);

  function keep<One extends Socket | Server>(one: One): One {
    open.add(one.on('error', () => {}).once('close', () => open.delete(one)) as One);
    return one;
  }

  async function accept(socket: Socket, onLink: (link: Link) => void) {
    const remoteAddress = { scheme: 'local', host: 'local', port: 0 };
    try {
      handshakes += 1;
      if (handshakes > context.limits.maxHalfOpen) {
        throw new PeerloomError('ERR_NOT_ALLOWED', 'too many handshakes at once (limits.maxHalfOpen)');
      }
      onLink(await linkOverPipe(socket, context, { ...kind, role: 'listener', remoteAddress }));
    } catch (error) {
      socket.destroy();
      context.onInboundFailure(remoteAddress, error as PeerloomError);
    } finally {
      handshakes -= 1;
    }
  }

  return {
    schemes: ['local'],

    attach(given) {
      if (context !== undefined) throw new PeerloomError('ERR_TRANSPORT_IN_USE', 'make one for each node');
      if (given.networkSecret) throw new TypeError('localSockets() does not encrypt: leave out networkKey');
      if (given.runtime.secretBytes) throw new TypeError('localSockets() needs keys that are secret');
      context = given;
    },

    async listen({ host, port }, onLink) {
      for (let free = port || 49_152; free <= (port || 65_535); free++) {
        const server = createServer((socket) => accept(keep(socket), onLink));
        try {
          await once(server.listen(fileOf(host, free)), 'listening');
          keep(server);
          return [{ scheme: 'local', host, port: free }];
        } catch (error) {
          const { code, message } = error as NodeJS.ErrnoException;
          if (code !== 'EADDRINUSE') throw new PeerloomError('ERR_ADDRESS_UNAVAILABLE', message);
        }
      }
      throw new PeerloomError('ERR_ADDRESS_IN_USE', `stop the node at ${host}:${port}, or delete its file`);
    },

    async dial(remoteAddress, signal, expected) {
      signal.throwIfAborted();
      const file = fileOf(remoteAddress.host, remoteAddress.port);
      const end = { ...kind, role: 'dialler', remoteAddress, expected, signal } as const;
      return linkOverPipe(keep(connect(file)), context, end).catch((error) => {
        if (!['ENOENT', 'ECONNREFUSED'].includes(error.cause?.code)) throw error;
        throw new PeerloomError('ERR_CONNECTION_REFUSED', `no node listens at ${file}`);
      });
    },

    async close() {
      const ended = [...open].map((one) => new Promise((end) => one.once('close', end)));
      for (const one of open) 'listening' in one ? one.close() : one.destroy();
      await Promise.all(ended);
    },
  };
}
