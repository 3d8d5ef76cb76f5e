import { heldBytes } from '../support/memory.ts';
import { randomFrom } from '../support/random-from.ts';
import { actOnce } from './actions.ts';
import { Ledger } from './ledger.ts';
import { World } from './world.ts';

export interface SoakOptions {
  readonly nodes: number;
  readonly minutes: number;
  readonly seed: number;
  /** Told what was found at the end of each round. */
  readonly onRound: (round: Round) => void;
  /** Told of what should not be, as soon as it is seen. */
  readonly onViolation: (violation: string) => void;
}

/** What is left when all connections of a round are gone. */
export interface Round {
  readonly heldMiB: number;
  /** Of the process: `TCPServerWrap 25, Timeout 50`. */
  readonly resources: Readonly<Record<string, number>>;
  readonly acts: number;
  readonly messages: number;
  readonly connections: number;
  readonly restarts: number;
  readonly violations: number;
}

export interface SoakReport {
  readonly rounds: readonly Round[];
  /** How much more is held at the end than after the first rounds. */
  readonly grownMiB: number;
  readonly violations: number;
}

const maxRoundMs = 30_000;
const minRounds = 6;

/** Rounds after which caches and pools are full. */
const warmUpRounds = 2;

/** What may be held more at the end than at the beginning: the noise of the garbage collector, and no more. */
const maxGrownMiB = 8;

/** How long what was closed may take to be gone. */
const graceMs = 10_000;

const mebibyte = 2 ** 20;

/**
 * Lets nodes connect, talk, flood, dawdle, break and restart for some minutes, in rounds: at the end of each the
 * books of both sides of every connection are compared, all part, and what is left is measured.
 */
export async function soak({ nodes, minutes, seed, onRound, onViolation }: SoakOptions): Promise<SoakReport> {
  const random = randomFrom(seed);
  const ledger = new Ledger(onViolation);
  const world = new World(ledger, random);
  const onRejection = (reason: unknown): void => ledger.violation(`unhandled rejection: ${reason}`);
  const onWarning = (warning: Error): void => ledger.violation(`warning: ${warning.message}`);
  process.on('unhandledRejection', onRejection).on('warning', onWarning);
  const before = resources();
  const rounds: Round[] = [];
  let acts = 0;
  try {
    await world.populate(nodes);
    const idle = resources();
    const durationMs = minutes * 60_000;
    const roundMs = Math.min(maxRoundMs, durationMs / minRounds);
    const end = performance.now() + durationMs;
    while (performance.now() < end || rounds.length < minRounds) {
      const roundEnd = performance.now() + roundMs;
      const work = async (): Promise<void> => {
        while (performance.now() < roundEnd) {
          await actOnce(world);
          acts += 1;
        }
      };
      const workers = Array.from({ length: Math.ceil(nodes / 3) }, work);
      // What still waits for a slow handler then must not hold up the end of the round.
      const hurry = setTimeout(() => world.hurry(), roundMs);
      await Promise.all(workers);
      clearTimeout(hurry);
      await world.settle();
      await world.part();
      await checkResources(ledger, idle);
      const { messages, connections, violationCount: violations } = ledger;
      const { restarts } = world;
      const heldMiB = heldBytes() / mebibyte;
      rounds.push({ heldMiB, resources: resources(), acts, messages, connections, restarts, violations });
      onRound(rounds.at(-1)!);
    }
  } finally {
    await world.stop();
  }
  await checkResources(ledger, before);
  process.off('unhandledRejection', onRejection).off('warning', onWarning);
  const grownMiB = growth(rounds.slice(warmUpRounds).map(({ heldMiB }) => heldMiB));
  ledger.check(
    grownMiB <= maxGrownMiB,
    () => `${grownMiB.toFixed(1)} MiB more are held than at the beginning`,
  );
  return { rounds, grownMiB, violations: ledger.violationCount };
}

/** From the least of the first half to that of the second: what is not collected yet only adds. */
function growth(values: readonly number[]): number {
  const half = Math.floor(values.length / 2);
  return Math.min(...values.slice(half)) - Math.min(...values.slice(0, half));
}

/** What this process writes to, where that is a pipe or a terminal: no node has any. */
const standardStreams = new Set(['PipeWrap', 'TTYWrap']);

/** What keeps the process alive, by kind. */
export function resources(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) {
    if (!standardStreams.has(name)) counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** There must not be more of anything than there was. */
async function checkResources(ledger: Ledger, allowed: Readonly<Record<string, number>>): Promise<void> {
  const deadline = performance.now() + graceMs;
  for (;;) {
    const left = Object.entries(resources()).filter(([name, count]) => count > (allowed[name] ?? 0));
    // The wait below is a timer itself, but not when this is asked.
    if (left.length === 0) return;
    if (performance.now() > deadline) {
      ledger.violation(`left open: ${left.map(([name, count]) => `${count} ${name}`).join(', ')}`);
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
