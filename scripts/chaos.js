// Has two nodes talk through a proxy that breaks their link 300 times, in every way there is:
//   npm run chaos -- 7      as the seed 7 says; default: a seed at random
import { spawnSync } from 'node:child_process';

const seed = Number(process.argv[2] ?? Math.floor(Math.random() * 1_000_000));
if (!Number.isSafeInteger(seed) || seed < 0) {
  console.error(`The seed must be a whole number of at least 0, not ${process.argv[2]}`);
  process.exit(2);
}
const { status } = spawnSync(process.execPath, ['--test', 'test/integration/durable/chaos.test.ts'], {
  env: { ...process.env, PEERLOOM_CUTS: '300', PEERLOOM_SEED: String(seed) },
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
