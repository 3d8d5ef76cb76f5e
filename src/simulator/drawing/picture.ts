import { type ChartBox, curve, histogram } from './chart.ts';
import { layout, type Place } from './layout.ts';
import { element, escaped, text } from './svg.ts';

/** A node of a {@link Picture}. */
export interface DrawnNode {
  readonly isUp: boolean;
  /** When the rumour reached the node. `undefined` if it never did. */
  readonly reachedAtMs: number | undefined;
}

/** A finished run of a rumour, as {@link draw} draws it. */
export interface Picture {
  readonly title: string;
  readonly subtitle: string;
  readonly nodes: readonly DrawnNode[];
  /** Pairs of indices of `nodes`. */
  readonly links: readonly (readonly [number, number])[];
}

const width = 1240;
const height = 860;
const graphBox = { x: 40, y: 110, size: 700 };
const degreesBox: ChartBox = { x: 840, y: 150, width: 360, height: 250 };
const deliveryBox: ChartBox = { x: 840, y: 530, width: 360, height: 250 };

/** The colours from the first node that a rumour reaches to the last. They are readable on white and on black. */
const early = [20, 184, 166] as const;
const late = [217, 119, 6] as const;

const style = `
  .paper { fill: #ffffff }
  text { fill: #475569; font: 13px system-ui, 'Segoe UI', Helvetica, Arial, sans-serif }
  .title { fill: #0f172a; font-size: 15px; font-weight: 600 }
  .headline { fill: #0f172a; font-size: 22px; font-weight: 600 }
  .link { stroke: #475569; stroke-opacity: 0.28; stroke-width: 0.7 }
  .down-link { stroke: #94a3b8; stroke-opacity: 0.22; stroke-width: 0.6 }
  .down { fill: none; stroke: #94a3b8; stroke-width: 1 }
  .missed { fill: none; stroke: #dc2626; stroke-width: 2 }
  .grid { stroke: #e2e8f0 }
  .axis { stroke: #64748b }
  .bar { fill: #6366f1 }
  .curve { fill: none; stroke: #0d9488; stroke-width: 2 }
  .area { fill: #0d9488; fill-opacity: 0.15 }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0f172a }
    text { fill: #94a3b8 }
    .title, .headline { fill: #f1f5f9 }
    .link { stroke: #cbd5e1; stroke-opacity: 0.22 }
    .down-link { stroke: #64748b }
    .down { stroke: #64748b }
    .missed { stroke: #f87171 }
    .grid { stroke: #1e293b }
    .bar { fill: #818cf8 }
    .curve { stroke: #2dd4bf }
    .area { fill: #2dd4bf }
  }`;

/**
 * Draws a run as SVG: the nodes with their links, a histogram of links per node, and how the rumour spread. The colours
 * follow the reader's light or dark theme.
 */
export function draw(picture: Picture): string {
  const { nodes, links, title, subtitle } = picture;
  const times = nodes.flatMap(({ reachedAtMs }) => (reachedAtMs === undefined ? [] : [reachedAtMs]));
  times.sort((one, other) => one - other);
  const isUp = (index: number): boolean => nodes[index]!.isUp;
  const upLinks = links.filter((ends) => ends.every(isUp));
  const drawing = [
    element('title', {}, escaped(title)),
    element('rect', { class: 'paper', width, height }),
    text(40, 48, title, { class: 'headline' }),
    text(40, 76, subtitle),
    graph(picture, times.at(-1) ?? 0),
    legend(times),
    histogram(
      { ...degreesBox, title: 'Nodes by their links, where both nodes run', label: 'links of a node' },
      degrees(nodes, upLinks),
    ),
    curve(
      {
        ...deliveryBox,
        title: 'Nodes that the rumour reached',
        label: 'milliseconds',
        maxY: Math.max(times.length, nodes.filter(({ isUp }) => isUp).length),
      },
      times.map((at, index) => [at, index + 1]),
    ),
  ];
  return `${element(
    'svg',
    { xmlns: 'http://www.w3.org/2000/svg', viewBox: `0 0 ${width} ${height}`, width, height, role: 'img' },
    element('style', {}, style),
    ...drawing,
  )}\n`;
}

function degrees(
  nodes: readonly DrawnNode[],
  links: readonly (readonly [number, number])[],
): Map<number, number> {
  const ofNode = new Map<number, number>();
  for (const [index, { isUp }] of nodes.entries()) if (isUp) ofNode.set(index, 0);
  for (const ends of links) for (const end of ends) ofNode.set(end, ofNode.get(end)! + 1);
  const counts = new Map<number, number>();
  for (const degree of ofNode.values()) counts.set(degree, (counts.get(degree) ?? 0) + 1);
  return counts;
}

function graph({ nodes, links }: Picture, lastMs: number): string {
  const places = layout(nodes.length, links, { size: graphBox.size });
  const lines = links.map(([from, to]) => {
    const [one, other] = [places[from]!, places[to]!];
    const isUp = nodes[from]!.isUp && nodes[to]!.isUp;
    return element('line', {
      class: isUp ? 'link' : 'down-link',
      ...{ x1: one.x, y1: one.y, x2: other.x, y2: other.y },
    });
  });
  const radius = Math.max(1.2, Math.min(7, 110 / Math.sqrt(nodes.length)));
  const dots = nodes.map((node, index) => dot(node, places[index]!, { radius, lastMs }));
  // The more links there are, the fainter each is drawn, so that the nodes stay visible.
  const opacity = Math.min(1, Math.sqrt(2_000 / Math.max(1, links.length)));
  return element(
    'g',
    { transform: `translate(${graphBox.x} ${graphBox.y})` },
    ...(lines.length === 0 ? [] : [element('g', { opacity }, ...lines)]),
    ...dots,
  );
}

function dot(
  { isUp, reachedAtMs }: DrawnNode,
  { x, y }: Place,
  { radius, lastMs }: { readonly radius: number; readonly lastMs: number },
): string {
  const circle = { cx: x, cy: y, r: radius };
  if (!isUp) return element('circle', { class: 'down', ...circle, r: radius * 0.7 });
  if (reachedAtMs === undefined) return element('circle', { class: 'missed', ...circle });
  return element('circle', { fill: colour(reachedAtMs / Math.max(1, lastMs)), ...circle });
}

/** @param share 0 is early, 1 is late. */
function colour(share: number): string {
  const parts = early.map((from, index) => Math.round(from + (late[index]! - from) * share));
  return `rgb(${parts.join(',')})`;
}

function legend(times: readonly number[]): string {
  const y = height - 22;
  const last = `${Math.round(times.at(-1) ?? 0).toLocaleString('en')} ms`;
  const steps = Array.from({ length: 40 }, (_, index) =>
    element('rect', { x: 170 + index * 3, y: y - 10, width: 3.2, height: 10, fill: colour(index / 39) }),
  );
  return element(
    'g',
    {},
    text(40, y, 'reached after 0 ms'),
    ...steps,
    text(298, y, last),
    element('circle', { class: 'missed', cx: 400, cy: y - 5, r: 5 }),
    text(412, y, 'not reached'),
    element('circle', { class: 'down', cx: 514, cy: y - 5, r: 5 }),
    text(526, y, 'crashed'),
  );
}
