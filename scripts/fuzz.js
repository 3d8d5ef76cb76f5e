// Runs test/fuzz again and again, each time with other random data, until the time is up or something is found:
//   npm run fuzz -- 30      for 30 minutes; default 10
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';

const minutes = Number(process.argv[2] ?? 10);
if (!(minutes > 0)) {
  console.error(`The time must be a number of minutes above 0, not ${process.argv[2]}`);
  process.exit(2);
}
const files = globSync('test/fuzz/**/*.fuzz.test.ts');
const end = Date.now() + minutes * 60_000;
let round = 0;
do {
  round += 1;
  const { status } = spawnSync(process.execPath, ['--test', '--test-reporter=dot', ...files], {
    stdio: 'inherit',
  });
  if (status !== 0) {
    console.error(`Round ${round} found something: see above for the seed and the path that repeat it.`);
    process.exit(1);
  }
} while (Date.now() < end);
console.log(`${round} rounds, nothing found.`);
