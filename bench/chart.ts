import { figureOf, type Report, ratioOf } from './report.ts';
import { formatFigure, formatRatio } from './table.ts';

const width = 900;
const labelWidth = 190;
const figureWidth = 150;
const barHeight = 13;
const barGap = 4;
const groupGap = 34;
const top = 40;

const colours = { own: '#0f766e', encrypted: '#64748b', plain: '#cbd5e1', text: '#1e293b', faint: '#64748b' };

/** An SVG: for each metric a bar a system. Within a metric the best has the full width. */
export function formatChart(report: Report): string {
  const parts: string[] = [];
  let y = top;
  for (const metric of report.metrics) {
    const figures = report.systems.map(({ name }) => figureOf(report, metric, name));
    const best = Math.max(...figures.filter((figure) => figure !== undefined));
    const direction = metric.better === 'higher' ? 'more is better' : 'less is better';
    parts.push(text(0, y, `${metric.title}, ${metric.unit}`, { weight: 600 }));
    parts.push(text(width, y, direction, { anchor: 'end', colour: colours.faint }));
    y += 10;
    for (const [index, system] of report.systems.entries()) {
      const figure = figures[index];
      if (figure === undefined) continue;
      const length = Math.max(1, ((width - labelWidth - figureWidth) * figure) / best);
      const isOwn = index === 0;
      const fill = isOwn ? colours.own : system.isEncrypted ? colours.encrypted : colours.plain;
      const ratio = ratioOf(report, metric, { system: report.systems[0]!.name, peer: system.name });
      const comparison = isOwn || ratio === undefined ? '' : `  ${formatRatio(ratio)}`;
      parts.push(text(labelWidth - 8, y + barHeight - 3, system.title, { anchor: 'end' }));
      parts.push(
        `<rect x="${labelWidth}" y="${y}" width="${length.toFixed(1)}" height="${barHeight}" fill="${fill}" rx="2"/>`,
      );
      parts.push(text(labelWidth + length + 6, y + barHeight - 3, formatFigure(figure) + comparison));
      y += barHeight + barGap;
    }
    y += groupGap - barGap;
  }
  const legend = `dark: encrypted, light: plain; ×: how many times better ${report.systems[0]!.title} is`;
  const caption = `${report.date.slice(0, 10)}, ${report.machine.processor}, ${report.machine.cores} cores, Node ${report.versions.node}; ${legend}`;
  parts.unshift(text(0, 14, caption, { colour: colours.faint }));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" font-family="system-ui, sans-serif" font-size="11">
<title>peerloom beside other systems</title>
<rect width="100%" height="100%" fill="#ffffff"/>
${parts.join('\n')}
</svg>
`;
}

function text(
  x: number,
  y: number,
  content: string,
  style: { anchor?: 'end'; weight?: number; colour?: string } = {},
): string {
  const anchor = style.anchor ? ` text-anchor="${style.anchor}"` : '';
  const weight = style.weight ? ` font-weight="${style.weight}"` : '';
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" fill="${style.colour ?? colours.text}"${anchor}${weight}>${escaped}</text>`;
}
