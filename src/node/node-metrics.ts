import type { HandshakeMetrics, NodeMetrics } from '../api/metrics.ts';
import type { NodeConnection } from '../api/node-connection.ts';
import type { HandshakeCounts } from '../base/meter.ts';
import type { ConnectionMetrics } from '../channel/channel.ts';
import type { Peers } from '../peers/peers.ts';

/** Reads the meter of a node, and sums up its connections. */
export function nodeMetrics(
  { nodeMeter, memoryBudget, broadcastCountDropped }: NodeConnection['mainNode'],
  { connections, inbound, outbound }: Pick<Peers, 'connections' | 'inbound' | 'outbound'>,
): NodeMetrics {
  const open = Array.from(connections.values(), ({ channel }) => channel.metrics());
  const sumOf = (of: (metrics: ConnectionMetrics) => number): number =>
    open.reduce((sum, metrics) => sum + of(metrics), 0);
  const { sent, received, rejected, handshakes, broadcastCopies } = nodeMeter;
  return {
    messages: { sent, received, rejected: rejected.total, rejectedBy: rejected.byCode() },
    broadcastsDropped: broadcastCountDropped,
    broadcastCopies,
    ...nodeMeter.traffic(open),
    queuedBytes: sumOf(({ queuedBytes }) => queuedBytes),
    unhandledMessages: sumOf(({ unhandledMessages }) => unhandledMessages),
    connections: {
      inbound: inbound.size,
      outbound: outbound.size,
      suspended: open.length - inbound.size - outbound.size,
    },
    handshakes: {
      inbound: handshakeMetrics(handshakes.inbound),
      outbound: handshakeMetrics(handshakes.outbound),
    },
    memory: { heldBytes: memoryBudget.heldBytes, maxBytes: memoryBudget.maxBytes },
  };
}

function handshakeMetrics({ completed, failed }: HandshakeCounts): HandshakeMetrics {
  return { completed, failed: failed.byCode() };
}
