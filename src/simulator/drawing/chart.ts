import { element, points, text } from './svg.ts';

/** The place and size of a chart in its picture. */
export interface ChartBox {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

interface Axes extends ChartBox {
  readonly title: string;
  /** The label of the x axis, with the unit. */
  readonly label: string;
  /** The largest values on both axes. The smallest are 0. */
  readonly maxX: number;
  readonly maxY: number;
}

/** Draws a bar for each whole number from 0. Its height shows how often the number occurs. */
export function histogram(
  box: ChartBox & Pick<Axes, 'title' | 'label'>,
  counts: ReadonlyMap<number, number>,
): string {
  const maxX = Math.max(1, ...counts.keys()) + 1;
  const axes = { ...box, maxX, maxY: Math.max(1, ...counts.values()) };
  const { x, y } = scales(axes);
  const width = x(1) - x(0);
  const bars = [...counts].map(([value, count]) =>
    element('rect', {
      class: 'bar',
      x: x(value) + width * 0.08,
      y: y(count),
      width: width * 0.84,
      height: y(0) - y(count),
    }),
  );
  // The number is written below the middle of its bar.
  return framed(axes, bars, (value) => x(value + 0.5));
}

/** Draws how a count grows, with a step at each point. */
export function curve(
  box: ChartBox & Pick<Axes, 'title' | 'label' | 'maxY'>,
  steps: readonly (readonly [x: number, count: number])[],
): string {
  const axes = { ...box, maxX: Math.max(1, steps.at(-1)?.[0] ?? 0), maxY: Math.max(1, box.maxY) };
  const { x, y } = scales(axes);
  const line: [number, number][] = [[x(0), y(0)]];
  for (const [at, count] of steps) line.push([x(at), line.at(-1)![1]], [x(at), y(count)]);
  const area = [...line, [line.at(-1)![0], y(0)] as const];
  const shapes = [
    element('polygon', { class: 'area', points: points(area) }),
    element('polyline', { class: 'curve', points: points(line) }),
  ];
  return framed(axes, shapes, x);
}

function scales({ x, y, width, height, maxX, maxY }: Axes) {
  return {
    x: (value: number): number => x + (value / maxX) * width,
    y: (value: number): number => y + height - (value / maxY) * height,
  };
}

function framed(axes: Axes, shapes: readonly string[], tickX: (value: number) => number): string {
  const { x, y, width, height, title, label, maxX, maxY } = axes;
  const scale = scales(axes);
  const bottom = y + height;
  const marksX = ticks(maxX, 6).filter((value) => tickX(value) <= x + width);
  return element(
    'g',
    {},
    text(x, y - 12, title, { class: 'title' }),
    ...ticks(maxY, 4).flatMap((value) => [
      element('line', { class: 'grid', x1: x, x2: x + width, y1: scale.y(value), y2: scale.y(value) }),
      text(x - 8, scale.y(value) + 4, value.toLocaleString('en'), { 'text-anchor': 'end' }),
    ]),
    ...shapes,
    element('line', { class: 'axis', x1: x, x2: x + width, y1: bottom, y2: bottom }),
    ...marksX.map((value) =>
      text(tickX(value), bottom + 18, value.toLocaleString('en'), { 'text-anchor': 'middle' }),
    ),
    text(x + width, bottom + 36, label, { 'text-anchor': 'end' }),
  );
}

/** 0 and at most `most` round numbers up to `max`. */
export function ticks(max: number, most: number): number[] {
  const power = 10 ** Math.floor(Math.log10(Math.max(max, 1) / most));
  const step = [1, 2, 5, 10, 20].map((one) => one * power).find((one) => one >= 1 && max / one <= most)!;
  return Array.from({ length: Math.floor(max / step) + 1 }, (_, index) => index * step);
}
