import { suite, test } from 'node:test';
import type { Engine } from '../support/engines.ts';
import { linkContract } from './link-contract.ts';
import { nodeContract } from './node-contract.ts';

/** Holds a transport to everything that the rest of the program takes for granted. */
export function complianceSuite(engine: Engine): void {
  suite(engine.name, () => {
    for (const [title, contract] of Object.entries({ links: linkContract, nodes: nodeContract })) {
      suite(title, () => {
        for (const [name, run] of Object.entries(contract)) {
          test(name, { skip: engine.skips?.[name] ?? false }, (t) => run(t, engine));
        }
      });
    }
  });
}
