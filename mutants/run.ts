// Puts small defects into the source, one at a time, and counts how many of them the tests notice:
//   npm run mutants                                        a tenth of the lines of every folder
//   npm run mutants -- src/secure --share 1                all of one folder, which takes hours
//   npm run mutants -- src/wire --share 0.1 --seed 7       the same lines again
import { spawnSync } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { randomFrom } from '../test/support/random-from.ts';
import { type Folder, folders } from './folders.ts';
import { sample } from './sample.ts';

/** Of the mutants that the tests should notice, in percent. */
const wantedScore = 90;

/** A mutant that keeps a process computing is noticed when the test files take this much longer than usual. */
const extraTimeMs = 60_000;

/** The first run, without a mutant, may take this long: a busy machine needs more than the default of five. */
const firstRunMinutes = 30;

const stryker = join(import.meta.dirname, 'node_modules/@stryker-mutator/core/bin/stryker.js');
const testRunner = join(import.meta.dirname, 'warm-runner.js');

interface Options {
  readonly share: number;
  readonly seed: number;
  readonly minutes: number;
}

interface Score {
  readonly noticed: number;
  readonly unnoticed: number;
  /** Mutants of which the runner does not know, since it failed itself. */
  readonly failed: number;
}

interface MutationReport {
  readonly files: Readonly<Record<string, { readonly mutants: readonly { readonly status: string }[] }>>;
}

const command = new Command('npm run mutants --')
  .description('Puts small defects into the source and counts how many of them the tests notice.')
  .argument('[folders...]', `any of ${Object.keys(folders).join(', ')}`, [])
  .option('--share <share>', 'of the lines of each folder, above 0 and up to 1', Number, 0.1)
  .option(
    '--seed <number>',
    'which lines; default: others each time',
    Number,
    Math.floor(Math.random() * 1e6),
  )
  .option(
    '--minutes <minutes>',
    'for each folder; mutants that no time is left for do not count',
    Number,
    Infinity,
  )
  .showHelpAfterError('(--help says more)')
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const { share, seed, minutes } = command.opts<Options>();
const chosen = command.args.length > 0 ? command.args : Object.keys(folders);
const unknown = chosen.find((name) => !Object.hasOwn(folders, name));
if (unknown !== undefined)
  command.error(`error: '${unknown}' is not one of ${Object.keys(folders).join(', ')}`);
if (!(share > 0 && share <= 1)) command.error('error: --share must be a number above 0 and up to 1');
if (!(minutes > 0)) command.error('error: --minutes must be a number above 0');
if (!Number.isSafeInteger(seed)) command.error('error: --seed must be a whole number');

const scratch = join('.stryker-tmp', 'peerloom');
mkdirSync(scratch, { recursive: true });
const scores = chosen.map((name) => ({ name, score: test(name, folders[name]!) }));
// Processes that were killed a moment ago may still write there.
rmSync('.stryker-tmp', { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });

console.log(`\nMutants that the tests noticed, --share ${share} --seed ${seed}`);
for (const { name, score } of scores) {
  const { noticed, unnoticed, failed } = score;
  const unknown = failed > 0 ? `, ${failed} more could not be tried` : '';
  console.log(
    `${percent(score).padStart(7)}  ${noticed} of ${noticed + unnoticed}`.padEnd(24),
    name,
    unknown,
  );
}
if (scores.some(({ score }) => !(fractionOf(score) >= wantedScore / 100))) {
  console.error(`Below ${wantedScore} % in a folder, or nothing was measured there.`);
  process.exitCode = 1;
}

/** @returns how many mutants were noticed; of none where the run failed. */
function test(name: string, { sources, tests }: Folder): Score {
  const files = globSync([...sources])
    .map((path) => path.replaceAll('\\', '/'))
    .sort();
  const mutate = sample(files, share, randomFrom(seed));
  const report = join(scratch, 'report.json');
  const config = join(scratch, 'config.json');
  writeFileSync(
    config,
    JSON.stringify({
      mutate,
      plugins: [testRunner],
      testRunner: 'warm',
      warm: { testFiles: tests, ...(minutes < Infinity && { endsAt: Date.now() + minutes * 60_000 }) },
      coverageAnalysis: 'perTest',
      concurrency: Math.max(1, Math.floor(availableParallelism() / 2)),
      timeoutMS: extraTimeMs,
      dryRunTimeoutMinutes: firstRunMinutes,
      mutator: { excludedMutations: ['StringLiteral'] },
      disableTypeChecks: false,
      ignorePatterns: ['bench', 'docs', 'dist', 'mutants'],
      reporters: ['clear-text', 'progress-append-only', 'json'],
      clearTextReporter: { allowColor: false, reportTests: false },
      jsonReporter: { fileName: report },
      allowEmpty: true,
    }),
  );
  console.log(`\n${name}`);
  rmSync(report, { force: true });
  // Processes start three times faster where those before them left the compiled sources.
  const env = { ...process.env, NODE_COMPILE_CACHE: resolve(scratch, 'compiled') };
  spawnSync(process.execPath, [stryker, 'run', config], { stdio: 'inherit', env });
  return scoreOf(report);
}

function scoreOf(report: string): Score {
  let mutation: MutationReport;
  try {
    mutation = JSON.parse(readFileSync(report, 'utf8')) as MutationReport;
  } catch {
    return { noticed: 0, unnoticed: 0, failed: 0 };
  }
  const statuses = Object.values(mutation.files).flatMap(({ mutants }) =>
    mutants.map(({ status }) => status),
  );
  const count = (...of: string[]): number => statuses.filter((status) => of.includes(status)).length;
  return {
    noticed: count('Killed', 'Timeout'),
    unnoticed: count('Survived', 'NoCoverage'),
    failed: count('RuntimeError', 'CompileError'),
  };
}

/** @returns NaN for no mutants. */
function fractionOf({ noticed, unnoticed }: Score): number {
  return noticed / (noticed + unnoticed);
}

function percent(score: Score): string {
  const fraction = fractionOf(score);
  return Number.isNaN(fraction) ? 'none' : `${(100 * fraction).toFixed(1)} %`;
}
