import { suite, test } from 'node:test';
import { randomWorld } from '../support/random-world.ts';

/** `npm run simulate:long` tries 3,000. */
const seeds = Number(process.env.PEERLOOM_WORLDS ?? 12);

suite('nodes and signers in worlds where everything goes wrong that can', () => {
  test(`keep what docs/protocol.md promises: ${seeds} seeds`, async () => {
    for (let seed = 1; seed <= seeds; seed++) await randomWorld(seed);
  });
});
