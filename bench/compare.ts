import { existsSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { rows, systems } from './catalogue.ts';
import { Pair } from './pair.ts';
import { createProgress } from './progress.ts';
import { type Metric, type Row, scales } from './row.ts';
import { median, medianInterval } from './statistics.ts';

/** A row holds where the new checkout surely keeps this share of the old one's speed. */
const wantedRatio = 0.95;

const defaultRows = 'small,medium,large,dial,round-trip,fan-out';

interface Options {
  readonly rows: string;
  readonly pairs: number;
  readonly system: string;
  readonly json?: string;
}

/** How many times better the new checkout is in one metric, pair by pair. */
interface Comparison {
  readonly metric: Metric;
  readonly ratios: number[];
}

const command = new Command('npm run bench:compare --')
  .description(
    'Measures two checkouts by turns, each built with `npm run build`. Exits with 1 if a row does not hold.',
  )
  .argument('<old>', 'the folder of the checkout to compare with')
  .argument('[new]', 'the folder of the other one', '.')
  .option('--rows <names>', rows.map(({ name }) => name).join(', '), defaultRows)
  .option('--pairs <count>', 'measurements of each checkout in each row, from 6 on', Number, 10)
  .option('--system <name>', 'peerloom, peerloom-durable, peerloom-plain or secure-node', 'peerloom')
  .option('--json <file>', 'write every ratio')
  .showHelpAfterError('(--help says more)')
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();
const options = command.opts<Options>();
const [oldCheckout, newCheckout] = command.processedArgs.map(checkBuilt) as [string, string];
const system = systems.find(({ name }) => name === options.system);
if (system === undefined || system.needs !== undefined || !/^(peerloom|secure-node)/.test(system.name)) {
  command.error(`error: --system cannot be '${options.system}'`);
}
if (!Number.isSafeInteger(options.pairs) || options.pairs < 6) {
  command.error('error: --pairs must be a whole number from 6 on');
}
const chosen = options.rows.split(',').map((text) => {
  const name = text.trim();
  return rows.find((row) => row.name === name) ?? command.error(`error: there is no row '${name}'`);
});

const scale = scales.full;
const progress = await createProgress();
const comparisons: Comparison[] = [];
for (const [index, row] of chosen.entries()) comparisons.push(...(await compare(row, index)));
progress.stop();

console.log(`ratio of new to old (above 1: better), median of ${options.pairs} pairs, 95 % interval`);
for (const comparison of comparisons) console.log(lineOf(comparison));
if (options.json) {
  const ratios = Object.fromEntries(comparisons.map(({ metric, ratios }) => [metric.name, ratios]));
  writeFileSync(options.json, `${JSON.stringify(ratios, null, 1)}\n`);
}
if (!comparisons.every(holds)) process.exitCode = 1;

function checkBuilt(folder: string): string {
  if (existsSync(join(folder, 'dist/index.d.ts'))) return resolve(folder);
  return command.error(`error: ${folder} has no dist: run \`npm run build\` there first`);
}

/** The checkouts take turns, and take turns in going first, so that what else the machine does meets both alike. */
async function compare(row: Row, index: number): Promise<Comparison[]> {
  const results = row.metrics.map((metric): Comparison => ({ metric, ratios: [] }));
  for (let pair = 0; pair < options.pairs; pair++) {
    progress.show(
      `${row.name}: pair ${pair + 1} of ${options.pairs}`,
      (index + pair / options.pairs) / chosen.length,
    );
    const isOldFirst = pair % 2 === 0;
    const first = await measure(row, isOldFirst ? oldCheckout : newCheckout);
    const second = await measure(row, isOldFirst ? newCheckout : oldCheckout);
    const [before, after] = isOldFirst ? [first, second] : [second, first];
    for (const { metric, ratios } of results) {
      const ratio = after[metric.name]! / before[metric.name]!;
      ratios.push(metric.better === 'higher' ? ratio : 1 / ratio);
    }
  }
  return results;
}

/** Processes of their own each time: how they compiled and laid out memory would favour one checkout throughout. */
async function measure(row: Row, checkout: string): Promise<Record<string, number>> {
  const pair = new Pair(system!, { scale, python: 'python3', checkout });
  try {
    await pair.open(row.name, system!.name, scale);
    if (!row.freshProcesses) await row.sample(pair, scale.warmUpMs, scale);
    return await row.sample(pair, scale.sampleMs, scale);
  } finally {
    await pair.stop();
  }
}

function holds({ metric, ratios }: Comparison): boolean {
  return metric.isTail === true || medianInterval(ratios)[0] >= wantedRatio;
}

function lineOf(comparison: Comparison): string {
  const { metric, ratios } = comparison;
  const [low, high] = medianInterval(ratios);
  const figures = `${median(ratios).toFixed(2)}  (${low.toFixed(2)} to ${high.toFixed(2)})`;
  return `${figures}  ${metric.title}${holds(comparison) ? '' : '  DOES NOT HOLD'}`;
}
