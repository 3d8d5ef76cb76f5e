// Lets many nodes live together for a while and looks for what should not be:
//   npm run soak                                       50 nodes for 10 minutes
//   npm run soak -- --minutes 60 --nodes 100 --seed 7  or as you like
import { Command } from 'commander';
import { type Round, resources, soak } from '../test/soak/soak.ts';

/** How long a process with nothing left to do may take to end. */
const endMs = 10_000;

const { minutes, nodes, seed } = new Command('npm run soak --')
  .description('Lets many nodes live together for a while and looks for what should not be.')
  .option('--minutes <number>', 'how long', Number, 10)
  .option('--nodes <count>', 'how many, from 4 on', Number, 50)
  .option(
    '--seed <number>',
    'what happens; default: something else each time',
    Number,
    Date.now() % 1_000_000,
  )
  .showHelpAfterError('(--help says more)')
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse()
  .opts<{ minutes: number; nodes: number; seed: number }>();
if (!(minutes > 0 && nodes >= 4 && Number.isInteger(nodes) && Number.isInteger(seed))) {
  console.error('--minutes must be above 0, --nodes a whole number from 4 on, --seed a whole number');
  process.exit(2);
}

console.log(`${nodes} nodes for ${minutes} minutes, --seed ${seed}`);
const startedAt = performance.now();
const { rounds, grownMiB, violations } = await soak({
  nodes,
  minutes,
  seed,
  onRound: print,
  onViolation: (violation) => console.error(`- ${violation}`),
});
const { acts, messages, connections, restarts } = rounds.at(-1)!;
console.log(
  `${violations === 0 ? 'passed' : 'FAILED'}: ${violations} violations, ${acts} acts, ${connections / 2} connections, ${messages} messages, ${restarts} restarts, ${grownMiB.toFixed(1)} MiB grown, --seed ${seed}`,
);
process.exitCode = violations === 0 ? 0 : 1;

// Nothing may keep the process alive from here on.
setTimeout(() => {
  console.error(`FAILED: the process does not end, because of ${JSON.stringify(resources())}`);
  process.exit(1);
}, endMs).unref();

function print({ acts, messages, connections, heldMiB, resources, violations }: Round): void {
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  const left = Object.entries(resources).map(([name, count]) => `${count} ${name}`);
  console.log(
    `${seconds} s: ${acts} acts, ${connections / 2} connections, ${messages} messages, ${heldMiB.toFixed(1)} MiB, ${left.join(', ')}, ${violations} violations`,
  );
}
