import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { figureOf, type Report, ratioOf } from './report.ts';
import type { Metric } from './row.ts';
import { formatFigure, formatRatio } from './table.ts';

const colours = { own: '#0f766e', encrypted: '#64748b', plain: '#cbd5e1' };
/** A panel holds the bars, and behind each its figure. */
const panelWidth = 180;
const barWidth = 100;
const font = 'system-ui, sans-serif';

/** Of the overview: what most users ask first, and the systems that they would take instead. */
const overviewMetrics = ['small', 'json', 'medium', 'large', 'round-trip-p50', 'dial'];
const overviewSystems = ['libp2p-noise', 'libp2p-tls', 'secret-stream', 'zeromq', 'ws', 'p2pnetwork'];

/** An SVG: for each metric a panel with a bar a system, three panels beside each other. */
export function formatChart(report: Report): Promise<string> {
  const own = report.systems[0]!.name;
  const values = report.metrics.flatMap((metric) =>
    report.systems.flatMap(({ name, title, isEncrypted }) => {
      const figure = figureOf(report, metric, name);
      const ratio = ratioOf(report, metric, { system: own, peer: name });
      if (figure === undefined || ratio === undefined) return [];
      const comparison = name === own ? '' : ` (${formatRatio(ratio)})`;
      return [
        {
          panel: `${metric.title}, ${metric.unit}: ${metric.better === 'higher' ? 'more' : 'less'} is better`,
          system: title,
          figure,
          label: formatFigure(figure) + comparison,
          kind: name === own ? title : isEncrypted ? 'encrypted' : 'plain',
        },
      ];
    }),
  );
  const systems = report.systems.map(({ title }) => title);
  const panels = report.metrics.map((metric) =>
    values.filter(({ panel }) => panel.startsWith(titleOf(metric))),
  );
  return draw({
    title: { text: captionOf(report), subtitle: `×: how many times better ${report.systems[0]!.title} is` },
    columns: 3,
    concat: panels
      .filter((panel) => panel.length > 0)
      .map((panel) => ({
        title: { text: panel[0]!.panel, fontSize: 12 },
        width: panelWidth,
        data: { values: panel },
        encoding: {
          y: { field: 'system', type: 'nominal', sort: systems, axis: { title: null, labelLimit: 200 } },
          x: {
            field: 'figure',
            type: 'quantitative',
            axis: null,
            scale: { domain: [0, Math.max(...panel.map(({ figure }) => figure))], range: [0, barWidth] },
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
                legend: { orient: 'bottom', title: null },
              },
            },
          },
          {
            mark: { type: 'text', align: 'left', dx: 4 },
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
    title: { text: 'How many times better peerloom is', subtitle: captionOf(report) },
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

function titleOf({ title, unit }: Metric): string {
  return `${title}, ${unit}: `;
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
    axis: { grid: false, domain: false, ticks: false, labelFontSize: 11, labelColor: '#1e293b' },
    title: { anchor: 'start', color: '#1e293b', subtitleColor: '#64748b' },
  };
  return new View(parse(compile({ ...spec, config } as unknown as TopLevelSpec).spec)).toSVG();
}
