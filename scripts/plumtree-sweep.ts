/**
 * The sweep that chose Plumtree's timers, of which the paper gives none: how long announcements wait, how long a node
 * waits for a broadcast that was announced before it asks for it, and how long pushes wait for each other. 60 simulated nodes with five random links
 * each, of which a quarter is cut off while broadcasts are under way.
 *
 * Run it: node scripts/plumtree-sweep.ts        each setting with the seeds 1 and 2, as a table
 */
import { spawnSync } from 'node:child_process';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

/** All in round trips but `minMs`. */
interface Setting {
  readonly announceAfter: number;
  readonly askAfter: number;
  readonly minMs: number;
  readonly pushGap: number;
}

interface Measured {
  readonly reached: number;
  readonly redundancy: number;
  readonly messages: number;
  readonly latencyMs: readonly number[];
}

const seeds = [1, 2];
const chosen: Setting = { announceAfter: 2, askAfter: 2, minMs: 100, pushGap: 5 / 16 };
const settings: readonly Setting[] = [
  chosen,
  ...[0, 1, 4].map((announceAfter) => ({ ...chosen, announceAfter })),
  ...[1, 3, 4, 8].map((askAfter) => ({ ...chosen, askAfter })),
  ...[20, 400].map((minMs) => ({ ...chosen, minMs })),
  ...[0, 1 / 8, 1 / 2].map((pushGap) => ({ ...chosen, pushGap })),
];

/** The constants stay constants: they are replaced in the source as it loads. */
function withSetting({ announceAfter, askAfter, minMs, pushGap }: Setting): void {
  const replacements: readonly (readonly [RegExp, string])[] = [
    [/announceAfter = \{ roundTrips: [^,]+,/, `announceAfter = { roundTrips: ${announceAfter},`],
    [
      /patience = \{ roundTrips: [^,]+, minMs: [^,]+,/,
      `patience = { roundTrips: ${askAfter}, minMs: ${minMs},`,
    ],
    [/pushGap = \{ roundTrips: [^,]+,/, `pushGap = { roundTrips: ${pushGap},`],
  ];
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      if (!url.endsWith('/src/overlay/router.ts')) return loaded;
      let source = String(loaded.source);
      for (const [constant, replacement] of replacements) {
        if (!constant.test(source)) throw new Error(`no such constant: ${constant}`);
        source = source.replace(constant, replacement);
      }
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
  '| announce after | ask after | at least | push gap | reached | copies | messages | median | 99 % | longest |',
);
console.log('|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|');
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
    `${setting.announceAfter}`,
    `${setting.askAfter}`,
    `${setting.minMs} ms`,
    `${setting.pushGap}`,
    `${(100 * mean(({ reached }) => reached)).toFixed(2)} %`,
    mean(({ redundancy }) => redundancy).toFixed(3),
    mean(({ messages }) => messages).toFixed(2),
    ...[0, 1, 2].map((at) => `${Math.round(mean(({ latencyMs }) => latencyMs[at]!))} ms`),
  ];
  console.log(`| ${cells.join(' | ')} |`);
}
