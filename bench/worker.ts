import { rows, systems } from './catalogue.ts';
import type { Scale, Side } from './row.ts';
import type { SystemModule } from './system.ts';

/** What the measuring process asks of this one; each gets one answer with its id. */
export type Order =
  | {
      readonly id: number;
      readonly do: 'open';
      readonly row: string;
      readonly system: string;
      readonly scale: Scale;
      readonly dial?: string;
    }
  | { readonly id: number; readonly do: 'act'; readonly action: string; readonly input?: unknown }
  | { readonly id: number; readonly do: 'close' };

export interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

let side: Side | undefined;

async function obey(order: Order): Promise<unknown> {
  switch (order.do) {
    case 'open': {
      const row = rows.find(({ name }) => name === order.row)!;
      const { module, variant } = systems.find(({ name }) => name === order.system)!;
      const { createSystem } = (await import(module)) as SystemModule;
      const system = await createSystem(variant);
      side =
        order.dial === undefined
          ? await row.server(system, order.scale)
          : await row.client(system, order.dial, order.scale);
      return side.address;
    }
    case 'act':
      return side!.actions[order.action]!(order.input as never);
    case 'close':
      await side?.stop();
      side = undefined;
      return undefined;
  }
}

process.on('message', async (order: Order) => {
  let answer: Answer;
  try {
    answer = { id: order.id, result: await obey(order) };
  } catch (error) {
    answer = { id: order.id, error: error instanceof Error ? error.message : String(error) };
  }
  process.send!(answer);
});
process.on('disconnect', () => process.exit());
