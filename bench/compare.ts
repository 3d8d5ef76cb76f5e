import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { Command } from 'commander';
import { type Report, ratioOf } from './report.ts';
import type { Metric } from './row.ts';
import { median } from './statistics.ts';

const resultsFolder = new URL('results/', import.meta.url);

const command = new Command('npm run bench:compare --')
  .description('Holds the ratios of a new run against the last committed one and names what got slower.')
  .argument('<file>', 'what `npm run bench -- --json <file>` wrote')
  .option('--with <file>', 'instead of the newest in bench/results/')
  .option(
    '--tolerance <share>',
    'a loss up to this share is noise (default: 0.15, of quick runs 0.4)',
    Number,
  )
  .showHelpAfterError('(--help says more)')
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();

const { with: given, tolerance: givenTolerance } = command.opts<{ with?: string; tolerance?: number }>();
const fresh = readReport(command.args[0]!);
const tolerance = givenTolerance ?? (fresh.scale.name === 'quick' ? 0.4 : 0.15);
const committed = given === undefined ? newestLike(fresh) : readReport(given);

const changes = fresh.metrics.flatMap((metric) => {
  const change = changeOf(metric);
  return change === undefined ? [] : [{ metric, change }];
});
for (const { metric, change } of changes) {
  const percent = `${change < 0 ? '' : '+'}${(change * 100).toFixed(0)} %`;
  console.log(`${percent.padStart(7)}  ${metric.title}${change < -tolerance ? '  SLOWER' : ''}`);
}
const slower = changes.filter(({ change }) => change < -tolerance);
if (slower.length > 0) {
  console.error(`slower than on ${committed.date}: ${slower.map(({ metric }) => metric.name).join(', ')}`);
  process.exitCode = 1;
}

/**
 * How the ratios have changed: -0.2 where peerloom lost a fifth. The median over the peers, so that one that
 * had a bad moment says nothing; undefined where there is nothing to compare.
 */
function changeOf(metric: Metric): number | undefined {
  const own = fresh.systems[0]!.name;
  const changes = fresh.systems.slice(1).flatMap(({ name: peer }) => {
    const now = ratioOf(fresh, metric, { system: own, peer });
    const then = ratioOf(committed, metric, { system: own, peer });
    return now === undefined || then === undefined ? [] : [now / then - 1];
  });
  return changes.length === 0 ? undefined : median(changes);
}

function readReport(file: string | URL): Report {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Report;
  } catch (error) {
    return command.error(`error: cannot read ${file}: ${(error as Error).message}`);
  }
}

/** Quick and full runs differ too much to be compared with each other. */
function newestLike({ scale }: Report): Report {
  const all = existsSync(resultsFolder) ? readdirSync(resultsFolder) : [];
  const files = all.filter((file) => file.endsWith('.json'));
  const reports = files.map((file) => readReport(new URL(file, resultsFolder)));
  const [newest] = reports
    .filter((report) => report.scale.name === scale.name)
    .sort((one, other) => other.date.localeCompare(one.date));
  return newest ?? command.error(`error: bench/results/ has no ${scale.name} run`);
}
