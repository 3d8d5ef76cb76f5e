import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import type { SystemEntry } from './catalogue.ts';
import type { Metric, Row, Scale } from './row.ts';
import type { Outcome, Outcomes } from './session.ts';
import { median } from './statistics.ts';

/** What a run leaves behind, as JSON. */
export interface Report {
  readonly date: string;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly versions: Readonly<Record<string, string>>;
  readonly scale: Scale;
  readonly systems: readonly Pick<SystemEntry, 'name' | 'title' | 'isEncrypted'>[];
  readonly metrics: readonly Metric[];
  readonly outcomes: Outcomes;
}

export function createReport(
  outcomes: Outcomes,
  { systems, rows, scale }: { systems: readonly SystemEntry[]; rows: readonly Row[]; scale: Scale },
): Report {
  return {
    date: new Date().toISOString(),
    machine: {
      processor: cpus()[0]?.model.trim() ?? 'unknown',
      cores: cpus().length,
      memoryGB: Math.round(totalmem() / 1e9),
      system: `${process.platform} ${release()} ${process.arch}`,
    },
    versions: versionsOf(systems),
    scale,
    systems: systems.map(({ name, title, isEncrypted }) => ({ name, title, isEncrypted })),
    metrics: rows.flatMap((row) => row.metrics),
    outcomes,
  };
}

/** The median of a system in a metric; undefined where it has none. */
export function figureOf(report: Report, metric: Metric, system: string): number | undefined {
  const outcome: Outcome | undefined = report.outcomes[metric.name]?.[system];
  return outcome !== undefined && 'samples' in outcome ? median(outcome.samples) : undefined;
}

/** How many times better `system` is than `peer`: above 1 it is ahead, whichever way the metric goes. */
export function ratioOf(
  report: Report,
  metric: Metric,
  { system, peer }: { system: string; peer: string },
): number | undefined {
  const own = figureOf(report, metric, system);
  const theirs = figureOf(report, metric, peer);
  if (own === undefined || theirs === undefined) return undefined;
  return metric.better === 'higher' ? own / theirs : theirs / own;
}

function versionsOf(systems: readonly SystemEntry[]): Record<string, string> {
  const versions: Record<string, string> = { node: process.version, openssl: process.versions.openssl };
  versions.peerloom = versionIn(new URL('../package.json', import.meta.url));
  const commit = commitOf();
  if (commit !== undefined) versions.commit = commit;
  for (const { needs } of systems) {
    if (needs !== undefined) {
      versions[needs] = versionIn(new URL(`node_modules/${needs}/package.json`, import.meta.url));
    }
  }
  return versions;
}

function versionIn(packageFile: URL): string {
  return (JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string }).version;
}

function commitOf(): string | undefined {
  try {
    const options = { cwd: import.meta.dirname, encoding: 'utf8', stdio: 'pipe' } as const;
    return execFileSync('git', ['describe', '--always', '--dirty'], options).trim();
  } catch {
    return undefined; // a copy without its history
  }
}
