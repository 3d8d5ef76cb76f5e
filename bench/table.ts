import { figureOf, type Report, ratioOf } from './report.ts';
import type { Metric } from './row.ts';

/** Three significant digits, with k, M where they shorten it. */
export function formatFigure(value: number): string {
  if (value >= 999_500) return `${(value / 1e6).toPrecision(3)} M`;
  if (value >= 9_995) return `${(value / 1e3).toPrecision(3)} k`;
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** One of nothing against something, such as copies of which the first system has none, is ∞; of nothing twice, 1. */
export function formatRatio(ratio: number): string {
  if (!Number.isFinite(ratio)) return Number.isNaN(ratio) ? formatRatio(1) : '∞×';
  return `${ratio >= 10 ? ratio.toFixed(0) : ratio.toFixed(ratio >= 1 ? 1 : 2)}×`;
}

/**
 * One line a metric, one column a system; what one system alone can do has a table of its own. The number behind a
 * figure says how many times better the first system is. Markdown, aligned, so that a terminal shows it well.
 */
export function formatTable(report: Report): string {
  const notes: string[] = [];
  const isAlone = (metric: Metric): boolean => withFigure(report, metric).length === 1;
  const shared = report.metrics.filter((metric) => !isAlone(metric));
  const tables = [
    formatGrid({ ...report, metrics: shared }, notes),
    ...report.systems.map((system) => {
      const metrics = report.metrics.filter((metric) => withFigure(report, metric)[0] === system);
      return formatGrid({ ...report, systems: [system], metrics: metrics.filter(isAlone) }, notes);
    }),
  ];
  const list = notes.map((note, index) => `${index + 1}. n/a: ${note}`).join('\n');
  return [...tables, list].filter((part) => part !== '').join('\n\n');
}

function withFigure(report: Report, metric: Metric): Report['systems'] {
  return report.systems.filter(({ name }) => figureOf(report, metric, name) !== undefined);
}

function formatGrid(report: Report, notes: string[]): string {
  if (report.metrics.length === 0) return '';
  const head = ['', ...report.systems.map(({ title }) => title)];
  const lines = report.metrics.map((metric) => [
    `${metric.title}, ${metric.unit}`,
    ...report.systems.map(({ name }) => formatCell(report, metric, { system: name, notes })),
  ]);
  const widths = head.map((_, column) =>
    Math.max(...[head, ...lines].map((line) => line[column]!.length), 3),
  );
  const format = (line: readonly string[]): string =>
    `| ${line.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join(' | ')} |`;
  const rule = `|${widths.map((width, column) => (column === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [format(head), rule, ...lines.map(format)].join('\n');
}

function formatCell(
  report: Report,
  metric: Metric,
  { system, notes }: { system: string; notes: string[] },
): string {
  const figure = figureOf(report, metric, system);
  const reference = report.systems[0]!.name;
  if (figure !== undefined) {
    const ratio = ratioOf(report, metric, { system: reference, peer: system });
    const comparison = ratio === undefined || system === reference ? '' : ` (${formatRatio(ratio)})`;
    return `${formatFigure(figure)}${comparison}`;
  }
  const outcome = report.outcomes[metric.name]?.[system];
  const reason = outcome !== undefined && 'notAvailable' in outcome ? outcome.notAvailable : 'not measured';
  if (!notes.includes(reason)) notes.push(reason);
  return `n/a ${notes.indexOf(reason) + 1}`;
}
