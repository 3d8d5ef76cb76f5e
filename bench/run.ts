import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { isInstalled, rows, type SystemEntry, systems } from './catalogue.ts';
import { formatChart } from './chart.ts';
import { createProgress } from './progress.ts';
import { createReport } from './report.ts';
import { scales } from './row.ts';
import { Session } from './session.ts';
import { formatTable } from './table.ts';

interface Options {
  readonly quick?: boolean;
  readonly rows?: readonly string[];
  readonly peers?: readonly string[];
  readonly json?: string;
  readonly svg?: string;
  readonly python: string;
}

const command = new Command('npm run bench --')
  .description('Measures peerloom beside the systems that do the same work. The method: bench/README.md.')
  .option('--quick', 'a short run, under two minutes: plausible figures, not firm ones')
  .option('--rows <names>', `only these: ${rows.map(({ name }) => name).join(', ')}`, toList)
  .option('--peers <names>', `only these beside peerloom: ${peerNames()}`, toList)
  .option('--json <file>', 'write every sample, the machine and the versions')
  .option('--svg <file>', 'draw the ratios')
  .option('--python <command>', 'the Python that has p2pnetwork', 'python3')
  .showHelpAfterError('(--help says more)')
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .parse();

const options = command.opts<Options>();
const scale = options.quick ? scales.quick : scales.full;
const chosenRows = rows.filter(({ name }) => options.rows?.includes(name) ?? true);
const wanted = systems.filter(({ name }) => options.peers?.includes(name) ?? true);
refuseUnknown('row', options.rows, rows);
refuseUnknown('peer', options.peers, systems);

const own = systems.filter(({ name }) => name === 'peerloom');
const peers = wanted.filter((system) => !own.includes(system));
const missing = Map.groupBy(peers, whatIsMissing);
for (const [remedy, absent] of missing) {
  if (remedy === undefined) continue;
  console.error(`left out: ${absent.map(({ title }) => title).join('; ')}. To measure: ${remedy}`);
}
const chosenSystems = [...own, ...(missing.get(undefined) ?? [])];

const progress = await createProgress();
const run = { systems: chosenSystems, rows: chosenRows, scale };
const session = new Session({
  ...run,
  python: options.python,
  onProgress: (text, share) => progress.show(text, share),
});
const report = createReport(await session.run(), run);
progress.stop();

console.log(formatTable(report));
if (options.json) writeFileSync(options.json, `${JSON.stringify(report, null, 1)}\n`);
if (options.svg) writeFileSync(options.svg, await formatChart(report));

function toList(text: string): readonly string[] {
  return text.split(',').map((name) => name.trim());
}

function peerNames(): string {
  return systems
    .slice(1)
    .map(({ name }) => name)
    .join(', ');
}

function refuseUnknown(
  what: string,
  names: readonly string[] | undefined,
  known: readonly { readonly name: string }[],
): void {
  const unknown = names?.find((name) => !known.some((one) => one.name === name));
  if (unknown !== undefined) command.error(`error: there is no ${what} '${unknown}'`);
}

/** The command that would make the system available; undefined where it is. */
function whatIsMissing(system: SystemEntry): string | undefined {
  if (system.isPython) {
    return hasPythonPackage(system.name) ? undefined : `${options.python} -m pip install ${system.name}`;
  }
  return isInstalled(system) ? undefined : 'npm --prefix bench install';
}

function hasPythonPackage(name: string): boolean {
  return spawnSync(options.python, ['-c', `import ${name}`], { stdio: 'ignore' }).status === 0;
}
