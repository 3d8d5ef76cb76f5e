import type { NodeConnection } from '../api/node-connection.ts';
import type { ConnectionMetrics } from '../channel/channel.ts';
import type { Peering } from '../peers/peering.ts';
import type { Peers } from '../peers/peers.ts';
import { nodeMetrics } from './node-metrics.ts';

type Node = NodeConnection['mainNode'];

/** What `console.log(node)` shows, as plain data. */
export function shownNode(node: Node, { state, peers }: Pick<Peering, 'state' | 'peers'>): object {
  const { name, host, port } = node;
  const { messages, sentBytes, receivedBytes, queuedBytes } = nodeMetrics(node, peers);
  const { sent, received, rejected } = messages;
  const namesOf = (connections: Iterable<NodeConnection>): string[] =>
    [...connections].map((peer) => peer.name || peer.id);
  return {
    id: idOf(node),
    name,
    address: `${host}:${port}`,
    state,
    inbound: namesOf(peers.inbound),
    outbound: namesOf(peers.outbound),
    messages: { sent, received, rejected },
    bytes: { sent: sentBytes, received: receivedBytes, queued: queuedBytes },
  };
}

export function printConnections(node: Node, peers: Peers): void {
  console.log(`Connections of ${node.name || idOf(node)}:`);
  for (const direction of ['inbound', 'outbound'] as const) {
    const connections = peers[direction];
    console.log(`- ${direction}: ${connections.size}`);
    for (const connection of connections) {
      const { channel } = peers.connections.get(connection)!;
      const { id, host, port } = connection;
      console.log(`    ${id} at ${host}:${port}: ${metricsText(channel.metrics())}`);
    }
  }
}

function metricsText({ sentBytes, receivedBytes, ...waiting }: ConnectionMetrics): string {
  const { queuedBytes, unhandledMessages, roundTripMs } = waiting;
  const parts = [`${sentBytes} bytes sent`, `${receivedBytes} received`];
  if (queuedBytes > 0) parts.push(`${queuedBytes} waiting to be sent`);
  if (unhandledMessages > 0) parts.push(`${unhandledMessages} messages waiting for handlers`);
  if (roundTripMs !== undefined) parts.push(`round trip ${roundTripMs.toFixed(1)} ms`);
  return parts.join(', ');
}

/** `undefined` before the start of a node whose identity is in a store. */
function idOf(node: Node): string | undefined {
  try {
    return node.id;
  } catch {
    return undefined;
  }
}
