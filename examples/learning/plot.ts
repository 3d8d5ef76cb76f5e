// Draws the accuracy of every node over the rounds as an SVG picture.
const [width, height, left, right, top, bottom] = [760, 420, 60, 190, 40, 50];

/** What a node reported; the accuracy after each round. */
export interface Curve {
  readonly name: string;
  readonly alone: number;
  readonly accuracies: readonly number[];
  readonly wasKilled: boolean;
  readonly isPython: boolean;
}

export function plot(curves: readonly Curve[], ofAllData: number): string {
  const rounds = Math.max(...curves.map(({ accuracies }) => accuracies.length), 2);
  const x = (round: number): number => left + ((width - left - right) * round) / (rounds - 1);
  const y = (accuracy: number): number => height - bottom - (height - top - bottom) * accuracy;
  const text = (at: readonly [number, number], words: string, style = ''): string =>
    `<text x="${at[0].toFixed(1)}" y="${at[1].toFixed(1)}" ${style}>${words}</text>`;
  const parts = [0, 0.2, 0.4, 0.6, 0.8, 1].map(
    (accuracy) =>
      `<path d="M${left} ${y(accuracy)}H${width - right}" stroke="#ddd"/>` +
      text([left - 8, y(accuracy) + 4], `${accuracy * 100} %`, 'text-anchor="end"'),
  );
  for (const { accuracies, alone, isPython, wasKilled } of curves) {
    const color = isPython ? '#d95f02' : '#1b6fb3';
    const points = accuracies.map((accuracy, round) => `${x(round).toFixed(1)},${y(accuracy).toFixed(1)}`);
    parts.push(`<polyline points="${points.join(' ')}" fill="none" stroke="${color}" opacity="0.7"/>`);
    parts.push(
      `<circle cx="${width - right + 12}" cy="${y(alone).toFixed(1)}" r="4" fill="${color}" opacity="0.7"/>`,
    );
    const last = accuracies.length - 1;
    if (!wasKilled || last < 0) continue;
    parts.push(
      text([x(last), y(accuracies[last]!) + 5], '✕', 'text-anchor="middle" font-size="16" fill="#c00"'),
    );
  }
  parts.push(`<path d="M${left} ${y(ofAllData)}H${width - right}" stroke="#222" stroke-dasharray="6 4"/>`);
  const key = width - right + 24;
  parts.push(
    text([left, 22], 'Ten nodes learn to read digits, each from its own images', 'font-size="16"'),
    text([width - right + 4, y(ofAllData) - 6], 'one node with all images'),
    text([key, height / 2], '● each node alone'),
    text([key, height / 2 + 22], '— TypeScript nodes', 'fill="#1b6fb3"'),
    text([key, height / 2 + 44], '— Python nodes', 'fill="#d95f02"'),
    text([key, height / 2 + 66], '✕ the node was killed', 'fill="#c00"'),
    text([(left + width - right) / 2, height - 14], 'rounds', 'text-anchor="middle"'),
  );
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">` +
    '<title>The accuracy of each node over the rounds</title>' +
    `<rect width="${width}" height="${height}" fill="#fff"/>${parts.join('\n')}</svg>\n`
  );
}
