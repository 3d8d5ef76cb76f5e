// Who is online: each node tells the whole network its status, and one of them serves a page that lists them.
// Run it: node examples/presence.ts
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { type Data, Node } from 'peerloom';
import { z } from 'zod';

const statusSchema = z.object({ name: z.string().max(30), status: z.enum(['online', 'busy', 'away']) });

class PresentNode extends Node {
  /** What the others are, by their ids. */
  readonly others = new Map<string, { name: string; status: string }>();

  override nodeBroadcast(origin: string, data: Data) {
    const { data: said } = statusSchema.safeParse(data);
    if (said !== undefined) this.others.set(origin, said);
  }

  // A node that stopped, crashed or was cut off need not say so itself.
  override nodeLeft(id: string) {
    const other = this.others.get(id);
    if (other !== undefined) other.status = 'gone';
  }

  become(status: z.infer<typeof statusSchema>['status']) {
    this.broadcast({ name: this.name, status }, { topic: 'status' });
  }

  get page() {
    const lines = [...this.others.values()].map(({ name, status }) => `${name} is ${status}`);
    return lines.sort().join('\n');
  }
}

const nodes = ['ada', 'ben', 'cleo', 'dave'].map(
  (name) => new PresentNode('127.0.0.1', 0, { name, presence: true }),
);
const [ada, ben, cleo, dave] = nodes as [PresentNode, PresentNode, PresentNode, PresentNode];
ada.on('node_joined', () => console.log(`${ada.presentNodes.length} of 3 others are here`));
for (const [at, node] of nodes.entries()) {
  // The latest status counts, and nodes that come later learn it too.
  node.subscribe('status', { ordered: true, history: { maxMessages: 100 } });
  await node.start();
  if (at === 0) continue;
  await node.connectWithNode('127.0.0.1', nodes[at - 1]!.port);
  await nodes[at - 1]!.waitForNodes([node.id]);
}
const server = createServer((_request, response) => response.end(ada.page)).listen(0, '127.0.0.1');
await once(server, 'listening');

for (const node of [ben, cleo, dave]) node.become('online');
ben.become('busy');
cleo.become('away');
while (!/dave is online/.test(ada.page)) await setTimeout(10);
await dave.stop();
while (!/busy.*away.*gone/s.test(ada.page)) await setTimeout(10);
const { port } = server.address() as AddressInfo;
console.log(await (await fetch(`http://127.0.0.1:${port}/`)).text());

server.close();
for (const node of nodes) await node.stop();
