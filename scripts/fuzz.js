// Runs test/fuzz again and again, each time with other random data, until the time is up and enough cases were tried,
// or something is found:
//   npm run fuzz                          for 10 minutes, and a million cases
//   npm run fuzz -- 30 --cases 5000000    for 30 minutes, and five million
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';

/** How many times as much as `npm test` each round does, but for the first, which is to find the simple things soon. */
const scale = 10;

const command = new Command('npm run fuzz --')
  .description('Runs the fuzz tests until the time is up and enough cases were tried, or something is found.')
  .argument('[minutes]', 'how long', Number, 10)
  .option('--cases <count>', 'how many at least', Number, 1_000_000)
  .showHelpAfterError('(--help says more)')
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const [minutes] = command.processedArgs;
const { cases: minCases } = command.opts();
if (!(minutes > 0 && minCases >= 0)) {
  console.error('npm run fuzz -- MINUTES --cases COUNT: both must be numbers, the minutes above 0');
  process.exit(2);
}

const files = globSync('test/fuzz/**/*.fuzz.test.ts');
const folder = mkdtempSync(join(tmpdir(), 'peerloom-fuzz-'));
const countsFile = join(folder, 'counts');
const startedAt = Date.now();
let round = 0;
let status = 0;
do {
  round += 1;
  const env = { ...process.env, PEERLOOM_FUZZ_SCALE: round === 1 ? '1' : String(scale) };
  const args = ['--test', '--test-reporter=dot', ...files];
  env.PEERLOOM_FUZZ_COUNTS = countsFile;
  status = spawnSync(process.execPath, args, { stdio: 'inherit', env }).status ?? 1;
} while (status === 0 && (Date.now() - startedAt < minutes * 60_000 || total(counts()) < minCases));

for (const [subject, cases] of [...counts()].sort()) console.log(`${String(cases).padStart(12)}  ${subject}`);
const seconds = Math.round((Date.now() - startedAt) / 1000);
console.log(`${total(counts())} cases in ${round} rounds, ${seconds} s`);
rmSync(folder, { recursive: true });
if (status !== 0) {
  console.error(`Round ${round} found something: see above for the seed and the path that repeat it.`);
  process.exit(1);
}
console.log('Nothing was found.');

/** The cases tried so far, by what they were thrown at. */
function counts() {
  const sums = new Map();
  if (!existsSync(countsFile)) return sums;
  for (const line of readFileSync(countsFile, 'utf8').trimEnd().split('\n')) {
    const [, cases, subject] = /^(\d+) (.*)$/.exec(line);
    sums.set(subject, (sums.get(subject) ?? 0) + Number(cases));
  }
  return sums;
}

function total(sums) {
  return [...sums.values()].reduce((sum, cases) => sum + cases, 0);
}
