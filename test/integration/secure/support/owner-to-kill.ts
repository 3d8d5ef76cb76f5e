// Changes a vault without an end and says so, on the standard output: a line before each change, and one after.
import { writeSync } from 'node:fs';
import { Identity, memory } from '../../../../src/index.ts';
import { SecureNode } from '../../../../src/secure/index.ts';

/** What is done, one after the other; `value` never repeats. */
export type Step =
  | { readonly kind: 'put'; readonly item: string; readonly value: number }
  | { readonly kind: 'grant' | 'revoke' | 'revoke-and-reencrypt'; readonly id: string };

export const collection = 'crashing';

async function run(
  path: string,
  seed: string,
  firstValue: number,
  readers: readonly string[],
): Promise<never> {
  const identity = Identity.fromSeed(Buffer.from(seed, 'hex'));
  const node = new SecureNode('owner', 1, { identity, vault: { path }, transports: [memory()] });
  const pick = (count: number): number => Math.floor(Math.random() * count);
  for (let value = firstValue; ; value++) {
    const isNew = node.vault.collections().length === 0; // nobody can be revoked yet
    const step = isNew ? ({ kind: 'put', item: 'item 0', value } as const) : nextStep(value, pick, readers);
    writeSync(1, `begin ${JSON.stringify(step)}\n`);
    if (step.kind === 'put') await node.vault.put(collection, step.item, step.value);
    else if (step.kind === 'grant') await node.vault.grant(collection, step.id, { history: pick(2) === 0 });
    else await node.vault.revoke(collection, step.id, { reencrypt: step.kind !== 'revoke' });
    writeSync(1, 'done\n');
  }
}

function nextStep(value: number, pick: (count: number) => number, readers: readonly string[]): Step {
  const chance = pick(10);
  if (chance < 6) return { kind: 'put', item: `item ${pick(20)}`, value };
  const id = readers[pick(readers.length)]!;
  if (chance < 8) return { kind: 'grant', id };
  return { kind: chance === 8 ? 'revoke' : 'revoke-and-reencrypt', id };
}

if (import.meta.main) {
  const [path, seed, firstValue, ...readers] = process.argv.slice(2);
  await run(path!, seed!, Number(firstValue), readers);
}
