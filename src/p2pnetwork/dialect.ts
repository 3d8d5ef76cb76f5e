import type { Dialect, DialectSocket } from '../transport/tcp/dialect.ts';
import { reset } from '../transport/tcp/reset.ts';
import { remoteAddressOf } from '../transport/tcp/sockets.ts';
import type { Link } from '../transport/transport.ts';
import { type ClaimedId, introducedBy, introduceTo, PeerIdClaimed } from './exchange-ids.ts';
import { PythonLink } from './python-link.ts';

const security = { protocol: 'p2pnetwork', encrypted: false, authenticated: false } as const;

/**
 * Nodes of the Python package, on the port of `tcp()`. Connections with them end by a reset, the only end they notice.
 */
export const pythonDialect: Dialect = {
  name: 'p2pnetwork',

  async accept(inbound) {
    const { socket, context } = inbound;
    return linkOf(inbound, await introducedBy(socket, context.identity.id, context.runtime));
  },

  async dial(outbound) {
    const { socket, context, port, expected } = outbound;
    const { id } = context.identity;
    return linkOf(
      outbound,
      await introduceTo(socket, { id, port, expectedId: expected?.id }, context.runtime),
    );
  },

  isAnsweredByPeerloom: (error) => error instanceof PeerIdClaimed,

  drop: reset,
};

function linkOf({ socket, context, startedAt }: DialectSocket, { id, port }: ClaimedId): Link {
  const { runtime, limits } = context;
  // There are no pings, so TCP itself must detect a dead node.
  socket.setKeepAlive(true, limits.pingAfterMs);
  const remoteAddress = remoteAddressOf(socket);
  return new PythonLink(socket, {
    remoteId: id,
    remoteAddress,
    announcedPort: port,
    security,
    startedAt,
    runtime,
  });
}
