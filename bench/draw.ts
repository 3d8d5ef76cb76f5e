// Draws a run again, without measuring: node bench/draw.ts bench/results/2026-11-23.json
import { readFileSync, writeFileSync } from 'node:fs';
import { formatChart, formatOverview } from './chart.ts';
import type { Report } from './report.ts';

const docs = new URL('../docs/', import.meta.url);
const file = process.argv[2];
if (file === undefined) {
  console.error('node bench/draw.ts FILE: which run? bench/results/ has them');
  process.exit(2);
}
const report = JSON.parse(readFileSync(file, 'utf8')) as Report;
writeFileSync(new URL('benchmark.svg', docs), await formatChart(report));
writeFileSync(new URL('overview.svg', docs), await formatOverview(report));
