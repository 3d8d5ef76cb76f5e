import type { NodeConnection } from '../api/node-connection.ts';

type Node = NodeConnection['mainNode'];

/** What `console.log(node)` shows, as plain data. */
export function shownNode(node: Node, state: 'new' | 'started' | 'stopped'): object {
  const { id, name, host, port, nodesInbound, nodesOutbound } = node;
  const peersOf = (connections: Iterable<NodeConnection>): string[] =>
    [...connections].map((peer) => peer.name || peer.id);
  return {
    id,
    name,
    address: `${host}:${port}`,
    state,
    inbound: peersOf(nodesInbound),
    outbound: peersOf(nodesOutbound),
    messages: {
      sent: node.messageCountSend,
      received: node.messageCountRecv,
      rejected: node.messageCountRerr,
    },
  };
}

export function printConnections({ id, name, nodesInbound, nodesOutbound }: Node): void {
  console.log(`Connections of ${name || id}:`);
  for (const [title, connections] of [
    ['inbound', nodesInbound],
    ['outbound', nodesOutbound],
  ] as const) {
    console.log(`- ${title}: ${connections.size}`);
    for (const { id, host, port } of connections) console.log(`    ${id} at ${host}:${port}`);
  }
}
