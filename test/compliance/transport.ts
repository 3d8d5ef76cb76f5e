import { suite, type TestContext, test } from 'node:test';
import type { Engine } from '../support/engines.ts';
import { connectingContract } from './connecting-contract.ts';
import { conversationContract } from './conversation-contract.ts';
import { linkContract } from './link-contract.ts';

/** Promises that every transport keeps, each with the test that holds it to them. */
export type Contract = Readonly<Record<string, (t: TestContext, engine: Engine) => Promise<void>>>;

const contracts = { links: linkContract, connecting: connectingContract, conversation: conversationContract };

/** Holds a transport to everything that the rest of the program takes for granted. */
export function complianceSuite(engine: Engine): void {
  suite(engine.name, () => {
    for (const [title, contract] of Object.entries(contracts)) {
      suite(title, () => {
        for (const [name, run] of Object.entries(contract)) {
          test(name, { skip: engine.skips?.[name] ?? false }, (t) => run(t, engine));
        }
      });
    }
  });
}
