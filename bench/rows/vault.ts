import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sharedNowMs } from '../clock.ts';
import { jsonPayload, sumOf } from '../payload.ts';
import type { Row, Side } from '../row.ts';
import type { System } from '../system.ts';
import type { SecureEndpoint } from '../systems/secure-node.ts';
import { createSecureEndpoint } from './secure-endpoint.ts';

const collection = 'measured';
const { messages, sums } = jsonPayload();

/** Items of about 100 bytes, one after the other: put on the disk by the server, read by it and by the client. */
export const vault: Row = {
  name: 'vault',
  metrics: [
    { name: 'vault-put', title: 'vault put, on the disk', unit: 'items/s', better: 'higher' },
    { name: 'vault-get', title: 'vault get, own', unit: 'items/s', better: 'higher' },
    { name: 'vault-read', title: 'vault get, from the owner', unit: 'items/s', better: 'higher' },
  ],

  async server(system: System): Promise<Side> {
    const folder = mkdtempSync(join(tmpdir(), 'peerloom-bench-'));
    const node = await createSecureEndpoint(system, { vaultPath: join(folder, 'vault.db') });
    return {
      address: `${node.id} ${await node.listen()}`,
      actions: {
        grant: (reader: string) => node.vault.grant(collection, reader),
        put: (sampleMs: number) =>
          ratePerSecond(sampleMs, (which) => {
            return node.vault.put(
              collection,
              nameOf(which),
              messages[which] as { readonly [key: string]: string },
            );
          }),
        get: (sampleMs: number) => ratePerSecond(sampleMs, (which) => read(node, node.id, which)),
      },
      async stop() {
        await node.stop();
        rmSync(folder, { recursive: true });
      },
    };
  },

  async client(system: System, address: string): Promise<Side> {
    const [owner, where] = address.split(' ') as [string, string];
    const node = await createSecureEndpoint(system);
    await node.dial(where);
    return {
      actions: {
        id: async () => node.id,
        get: (sampleMs: number) => ratePerSecond(sampleMs, (which) => read(node, owner, which)),
      },
      stop: () => node.stop(),
    };
  },

  async sample({ client, server }, sampleMs) {
    await server('grant', await client<string>('id'));
    return {
      'vault-put': await server<number>('put', sampleMs),
      'vault-get': await server<number>('get', sampleMs),
      'vault-read': await client<number>('get', sampleMs),
    };
  },
};

function nameOf(which: number): string {
  return `item ${which}`;
}

async function read(node: SecureEndpoint, owner: string, which: number): Promise<void> {
  const item = await node.vault.get(owner, collection, nameOf(which));
  if (sumOf(item as object) !== sums[which]) throw new Error(`item ${which} is not what was put`);
}

/** Each item once at least. */
async function ratePerSecond(sampleMs: number, work: (which: number) => Promise<void>): Promise<number> {
  const startedAtMs = sharedNowMs();
  let count = 0;
  while (count < messages.length || sharedNowMs() - startedAtMs < sampleMs) {
    await work(count % messages.length);
    count += 1;
  }
  return (count * 1000) / (sharedNowMs() - startedAtMs);
}
