// Prints the table of docs/internet.md: the way that two nodes find, behind each pair of routers, under each condition.
//   node scripts/nat-table.ts RESULTS [SECONDS]
// Measures what RESULTS, a file of JSON lines, does not hold yet, for so many seconds at most, and prints the table of all
// that it holds. It needs what test/support/nat-network.ts needs: Linux, root, iproute2 and nft.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { NatNetwork, natsMissing } from '../test/support/nat-network.ts';
import {
  changesPorts,
  type FoundWay,
  findWay,
  letsIn,
  type NatCondition,
  natConditions,
  natPairs,
} from '../test/support/nat-pairs.ts';

const [file, seconds = '3600'] = process.argv.slice(2);
if (file === undefined) throw new Error('name a file for the results');
const missing = natsMissing();
if (missing !== undefined) throw new Error(missing);

const results = new Map<string, FoundWay>();
if (existsSync(file)) {
  for (const line of readFileSync(file, 'utf8').split('\n').filter(Boolean)) {
    const { key, ...found } = JSON.parse(line) as FoundWay & { key: string };
    results.set(key, found);
  }
}
const keyOf = (kinds: readonly string[], condition: NatCondition): string =>
  [...kinds, condition].join(' | ');

const endsAt = performance.now() + Number(seconds) * 1_000;
for (const condition of natConditions) {
  for (const kinds of natPairs) {
    const key = keyOf(kinds, condition);
    if (results.has(key) || performance.now() > endsAt) continue;
    const network = await NatNetwork.makeAlone(kinds);
    try {
      const found = await findWay(network, kinds, condition);
      results.set(key, found);
      appendFileSync(file, `${JSON.stringify({ key, ...found })}\n`);
    } finally {
      await network.close();
    }
  }
}

function cell(found: FoundWay | undefined): string {
  if (found === undefined) return '?';
  const { way, firstMs, wayMs, megabytesPerSecond, breaks } = found;
  if (way === 'failed') return 'none';
  const moved = way === 'relayed' || wayMs - firstMs < 5 ? '' : `, ${(wayMs / 1_000).toFixed(1)} s`;
  const broke = breaks === 0 ? '' : `, **${breaks} breaks**`;
  return `${way}: ${(firstMs / 1_000).toFixed(1)} s${moved}, ${megabytesPerSecond} MB/s${broke}`;
}

console.log(`| routers | ${natConditions.join(' | ')} | stays relayed because |`);
console.log(`|---|${natConditions.map(() => '---').join('|')}|---|`);
for (const kinds of natPairs) {
  const cells = natConditions.map((condition) => cell(results.get(keyOf(kinds, condition))));
  const changing = [...new Set(kinds.filter(changesPorts))].join(' and ');
  const why = kinds.some(letsIn) || changing === '' ? '' : `${changing}: new port for each destination`;
  console.log(`| ${kinds.join(', ')} | ${cells.join(' | ')} | ${why} |`);
}
