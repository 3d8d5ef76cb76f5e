import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type MemoryAccount, MemoryBudget } from '../../../src/base/memory-budget.ts';
import { turn } from '../../support/turns.ts';

const maxBytes = 6_400;

/** What is kept for a peer, until the peer is given up. */
class Account implements MemoryAccount {
  readonly name: string;
  readonly #given: string[];
  bytes: number;
  looks = 0;

  constructor(name: string, bytes: number, given: string[]) {
    this.name = name;
    this.bytes = bytes;
    this.#given = given;
  }

  get heldBytes(): number {
    this.looks += 1;
    return this.bytes;
  }

  shed(): void {
    this.bytes = 0;
    this.#given.push(this.name);
  }
}

/** A budget, its accounts, and the names of those that were given up, in their order. */
function budgetOf(holdings: Record<string, number>) {
  const budget = new MemoryBudget(maxBytes);
  const givenUp: string[] = [];
  const accounts = Object.entries(holdings).map(([name, bytes]) => new Account(name, bytes, givenUp));
  for (const account of accounts) budget.open(account);
  return { budget, accounts, givenUp };
}

suite('a budget', () => {
  test('that is kept costs nobody anything, not even a look', async () => {
    const { budget, accounts, givenUp } = budgetOf({ a: 3_000, b: 3_400 });
    budget.grew(6_400);
    await turn();
    assert.deepEqual(givenUp, []);
    assert.equal(accounts[0]!.looks, 0);
  });

  test('that is passed costs those who hold most, until it is kept again', async () => {
    const { budget, givenUp } = budgetOf({ a: 100, b: 3_000, c: 2_000, d: 4_000, e: 1_500 });
    budget.grew(10_600);
    await turn();
    assert.deepEqual(givenUp, ['d', 'b']);
  });

  test('that is used up to the last byte is not passed', async () => {
    const { budget, givenUp } = budgetOf({ a: 3_000, b: 3_400 });
    budget.grew(1_000_000);
    await turn();
    assert.deepEqual(givenUp, []);
  });

  test('ends nobody in the middle of what they do', () => {
    const { budget, givenUp } = budgetOf({ a: 10_000 });
    budget.grew(10_000);
    assert.deepEqual(givenUp, []);
  });

  test('forgets what is let go of: only what is held counts', async () => {
    const { budget, accounts, givenUp } = budgetOf({ a: 100, b: 100 });
    for (let count = 0; count < 1_000; count++) {
      budget.grew(1_000);
      await turn();
    }
    assert.deepEqual(givenUp, []);
    // Of a million bytes that came and went, one look for each 6,200.
    assert.ok(accounts[0]!.looks > 100 && accounts[0]!.looks < 200, `${accounts[0]!.looks} looks`);
  });

  test('is passed by a 64th part at most before somebody goes', async () => {
    const { budget, accounts, givenUp } = budgetOf({ a: 0, b: 0 });
    const [a, b] = accounts as [Account, Account];
    let mostHeld = 0;
    for (let count = 0; count < 10_000 && givenUp.length === 0; count++) {
      const account = count % 3 === 0 ? a : b;
      account.bytes += 1;
      budget.grew(1);
      await turn();
      mostHeld = Math.max(mostHeld, a.bytes + b.bytes);
    }
    assert.deepEqual(givenUp, ['b']);
    assert.ok(mostHeld <= maxBytes + maxBytes / 64, `${mostHeld} bytes`);
  });

  test('that is nearly used up is not summed up with each byte', async () => {
    const { budget, accounts } = budgetOf({ a: maxBytes });
    for (let count = 0; count < 1_000; count++) {
      budget.grew(1);
      await turn();
    }
    assert.ok(accounts[0]!.looks <= 10, `${accounts[0]!.looks} looks`);
  });

  test('does not know who has left, or was given up', async () => {
    const { budget, accounts, givenUp } = budgetOf({ a: 9_000, b: 7_000 });
    budget.close(accounts[0]!);
    budget.grew(16_000);
    await turn();
    assert.deepEqual(givenUp, ['b']);
    accounts[1]!.bytes = 20_000;
    budget.grew(20_000);
    await turn();
    assert.deepEqual(givenUp, ['b']);
  });

  test('counts what is shared as well, for which nobody in particular goes', async () => {
    const { budget, accounts, givenUp } = budgetOf({ a: 1_000, b: 2_000 });
    let sharedBytes = 3_400;
    budget.share(() => sharedBytes);
    budget.grew(6_401);
    await turn();
    assert.deepEqual(givenUp, [], 'used up to the last byte');
    sharedBytes += 1;
    budget.grew(maxBytes / 64 + 1);
    await turn();
    assert.deepEqual(givenUp, ['b']);
    assert.equal(accounts[0]!.bytes, 1_000);
  });
});
