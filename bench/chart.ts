import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { figureOf, type Report, ratioOf } from './report.ts';
import type { Metric } from './row.ts';
import { formatFigure, formatRatio } from './table.ts';

const colours = { own: '#0f766e', encrypted: '#64748b', plain: '#cbd5e1' };
/** Pixels. A panel holds the bars, and behind each its figure. Two panels fill a page of 900 pixels unscaled. */
const panelWidth = 260;
const barWidth = 170;
/** One bar that is so many times longer than all others is cut, so that the others can be told apart. */
const outlierRatio = 4;
const font = 'system-ui, sans-serif';

/** Of the overview: what most users ask first, and the systems that they would take instead. */
const overviewMetrics = ['small', 'json', 'medium', 'large', 'round-trip-p50', 'dial'];
const overviewSystems = ['libp2p-noise', 'libp2p-tls', 'secret-stream', 'zeromq', 'ws', 'p2pnetwork'];

/** An SVG: for each metric a panel with a bar a system, two panels beside each other. */
export function formatChart(report: Report): Promise<string> {
  const own = report.systems[0]!.name;
  const values = report.metrics.flatMap((metric) =>
    report.systems.flatMap(({ name, title, isEncrypted }) => {
      const figure = figureOf(report, metric, name);
      const ratio = ratioOf(report, metric, { system: own, peer: name });
      if (figure === undefined || ratio === undefined) return [];
      const comparison = name === own ? '' : ` (${formatRatio(ratio)})`;
      const cut = figure > longestBarOf(report, metric) ? '▸ ' : '';
      return [
        {
          panel: titleOf(metric),
          better: `${metric.better === 'higher' ? 'more' : 'less'} is better`,
          system: title,
          figure,
          label: cut + formatFigure(figure) + comparison,
          longest: longestBarOf(report, metric),
          kind: name === own ? title : isEncrypted ? 'encrypted' : 'plain',
        },
      ];
    }),
  );
  const systems = report.systems.map(({ title }) => title);
  const panels = report.metrics.map((metric) => values.filter(({ panel }) => panel === titleOf(metric)));
  return draw({
    title: {
      text: captionOf(report),
      subtitle: `In brackets: how many times better ${report.systems[0]!.title} is. ▸: the bar is longer than drawn.`,
      offset: 16,
    },
    columns: 2,
    // Vega takes texts for wider than they are, so that only plots are laid out, and their gaps are given.
    bounds: 'flush',
    spacing: { column: 170, row: 64 },
    concat: panels
      .filter((panel) => panel.length > 0)
      .map((panel) => ({
        title: { text: panel[0]!.panel, subtitle: panel[0]!.better, fontSize: 13 },
        width: panelWidth,
        data: { values: panel },
        encoding: {
          y: {
            field: 'system',
            type: 'nominal',
            sort: systems,
            axis: { title: null, labelLimit: 0, minExtent: 150, maxExtent: 150 },
          },
          x: {
            field: 'figure',
            type: 'quantitative',
            axis: null,
            scale: { domain: [0, panel[0]!.longest], range: [0, barWidth], clamp: true },
          },
        },
        layer: [
          {
            mark: { type: 'bar', cornerRadiusEnd: 2 },
            encoding: {
              color: {
                field: 'kind',
                type: 'nominal',
                scale: {
                  domain: [report.systems[0]!.title, 'encrypted', 'plain'],
                  range: Object.values(colours),
                },
                legend: { orient: 'top', title: null, labelFontSize: 12, offset: 8 },
              },
            },
          },
          {
            mark: { type: 'text', align: 'left', dx: 4, fontSize: 12 },
            encoding: { text: { field: 'label', type: 'nominal' } },
          },
        ],
      })),
  });
}

/** A small SVG for the README: how many times better peerloom is, six metrics by the rivals. */
export function formatOverview(report: Report): Promise<string> {
  const own = report.systems[0]!.name;
  const metrics = report.metrics.filter(({ name }) => overviewMetrics.includes(name));
  const systems = report.systems.filter(({ name }) => overviewSystems.includes(name));
  const values = metrics.flatMap((metric) =>
    systems.map(({ name, title }) => {
      const ratio = ratioOf(report, metric, { system: own, peer: name });
      const label = ratio === undefined ? 'n/a' : formatRatio(ratio);
      return { metric: metric.title, system: title, ratio: ratio ?? null, label };
    }),
  );
  return draw({
    title: { text: 'How many times better peerloom is', subtitle: captionOf(report), offset: 12 },
    data: { values },
    width: 620,
    height: 200,
    encoding: {
      x: {
        field: 'system',
        type: 'nominal',
        sort: systems.map(({ title }) => title),
        axis: { title: null, orient: 'top', labelAngle: 0 },
      },
      y: {
        field: 'metric',
        type: 'nominal',
        sort: metrics.map(({ title }) => title),
        axis: { title: null, labelLimit: 300 },
      },
    },
    layer: [
      {
        mark: { type: 'rect', stroke: '#ffffff', strokeWidth: 2 },
        encoding: {
          color: {
            field: 'ratio',
            type: 'quantitative',
            scale: {
              type: 'log',
              domain: [0.3, 1, 100],
              range: ['#fca5a5', '#f1f5f9', '#0f766e'],
              interpolate: 'rgb',
              clamp: true,
            },
            legend: null,
          },
        },
      },
      {
        mark: { type: 'text', fontWeight: 'bold' },
        encoding: {
          text: { field: 'label', type: 'nominal' },
          color: { condition: { test: 'datum.ratio > 12', value: '#ffffff' }, value: '#1e293b' },
        },
      },
    ],
  });
}

/** The largest figure, or somewhat more than the second one where the largest would leave no room for the others. */
function longestBarOf(report: Report, metric: Metric): number {
  const figures = report.systems.map(({ name }) => figureOf(report, metric, name) ?? 0);
  const [largest = 0, second = 0] = figures.sort((one, other) => other - one);
  return second > 0 && largest > outlierRatio * second ? second * 1.5 : largest;
}

function titleOf({ title, unit }: Metric): string {
  return `${title}, ${unit}`;
}

function captionOf({ date, machine, versions }: Report): string {
  return `${date.slice(0, 10)}, ${machine.cores} cores, Node ${versions.node}, medians of one run`;
}

function draw(spec: Readonly<Record<string, unknown>>): Promise<string> {
  const config = {
    background: '#ffffff',
    font,
    padding: 12,
    aria: false,
    view: { stroke: null },
    axis: { grid: false, domain: false, ticks: false, labelFontSize: 12, labelColor: '#1e293b' },
    title: { anchor: 'start', color: '#1e293b', subtitleColor: '#64748b' },
  };
  return new View(parse(compile({ ...spec, config } as unknown as TopLevelSpec).spec)).toSVG();
}
