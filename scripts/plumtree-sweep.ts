/**
 * The sweep that chose Plumtree's timers, of which the paper gives none: how long announcements wait for others, and how
 * long a node waits for a broadcast that was announced before it asks for it. 60 simulated nodes with five random links
 * each, of which a quarter is cut off while broadcasts are under way.
 *
 * Run it: node scripts/plumtree-sweep.ts        each setting with the seeds 1 and 2, as a table
 */
import { spawnSync } from 'node:child_process';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

interface Setting {
  readonly announceAfterMs: number;
  readonly roundTrips: number;
  readonly minMs: number;
}

interface Measured {
  readonly reached: number;
  readonly redundancy: number;
  readonly messages: number;
  readonly latencyMs: readonly number[];
}

const seeds = [1, 2];
const chosen: Setting = { announceAfterMs: 25, roundTrips: 4, minMs: 100 };
const settings: readonly Setting[] = [
  chosen,
  ...[0, 5, 100, 400].map((announceAfterMs) => ({ ...chosen, announceAfterMs })),
  ...[1, 2, 8].map((roundTrips) => ({ ...chosen, roundTrips })),
  ...[20, 400, 1_600].map((minMs) => ({ ...chosen, minMs })),
];

/** The constants stay constants: they are replaced in the source as it loads. */
function withSetting({ announceAfterMs, roundTrips, minMs }: Setting): void {
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      if (!url.endsWith('/src/overlay/router.ts')) return loaded;
      const source = String(loaded.source)
        .replace(/announceAfterMs = \d+;/, `announceAfterMs = ${announceAfterMs};`)
        .replace(/roundTrips: \d+, minMs: \d+,/, `roundTrips: ${roundTrips}, minMs: ${minMs},`);
      if (!source.includes(`roundTrips: ${roundTrips}, minMs: ${minMs},`))
        throw new Error('no such constants');
      return { ...loaded, source };
    },
  });
}

async function measure(seed: number): Promise<Measured> {
  const { randomNetwork } = await import('./papers/network.ts');
  const { world, nodes, chance } = await randomNetwork(60, { seed });
  for (let warming = 0; warming < 5; warming++) {
    nodes[0]!.broadcast(`warm ${warming}`);
    await world.run(2_000);
  }
  const cut = nodes.slice(45);
  const stay = nodes.slice(0, 45);
  const before = world.metrics.broadcasts;
  const messagesBefore = world.metrics.transmissions;
  const sentAt = new Map<string, number>();
  for (let count = 0; count < 100; count++) {
    // The tree through these nodes breaks, and nobody learns of it but by what does not arrive.
    if (count % 20 === 5) world.pause(cut);
    if (count % 20 === 15) world.resume(cut);
    const origin = stay[Math.floor(chance.random() * stay.length)]!;
    origin.heard.set(`${count}`, world.now);
    sentAt.set(`${count}`, world.now);
    origin.broadcast(`${count}`);
    await world.run(200);
  }
  await world.run(20_000);
  const after = world.metrics.broadcasts;
  const received = after.received - before.received;
  const times: number[] = [];
  let missed = 0;
  for (const [text, at] of sentAt) {
    for (const { heard } of stay) {
      if (heard.has(text)) times.push(heard.get(text)! - at);
      else missed += 1;
    }
  }
  times.sort((one, other) => one - other);
  return {
    reached: 1 - missed / (sentAt.size * stay.length),
    redundancy: (after.redundancy * after.received - before.redundancy * before.received) / received,
    messages: (world.metrics.transmissions - messagesBefore) / received,
    latencyMs: [times[times.length >> 1]!, times[Math.floor(times.length * 0.99)]!, times.at(-1)!],
  };
}

const [given, seed] = process.argv.slice(2);
if (given !== undefined) {
  withSetting(JSON.parse(given) as Setting);
  console.log(JSON.stringify(await measure(Number(seed))));
  process.exit(0);
}

console.log(
  '| announce after | round trips | at least | reached | copies | messages | median | 99 % | longest |',
);
console.log('|---:|---:|---:|---:|---:|---:|---:|---:|---:|');
for (const setting of settings) {
  const runs = seeds.map((each) => {
    const args = [fileURLToPath(import.meta.url), JSON.stringify(setting), `${each}`];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout) as Measured;
  });
  const mean = (of: (run: Measured) => number): number =>
    runs.reduce((sum, run) => sum + of(run), 0) / runs.length;
  const cells = [
    `${setting.announceAfterMs} ms`,
    `${setting.roundTrips}`,
    `${setting.minMs} ms`,
    `${(100 * mean(({ reached }) => reached)).toFixed(2)} %`,
    mean(({ redundancy }) => redundancy).toFixed(3),
    mean(({ messages }) => messages).toFixed(2),
    ...[0, 1, 2].map((at) => `${Math.round(mean(({ latencyMs }) => latencyMs[at]!))} ms`),
  ];
  console.log(`| ${cells.join(' | ')} |`);
}
