import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach } from 'node:test';
import { Child } from './child.ts';
import type { HonestPeerCommands } from './honest-peer.ts';
import { destroySockets } from './raw-peer.ts';
import type { VictimCommands, VictimOptions } from './victim.ts';

export interface SceneOptions extends VictimOptions {
  /** How much the victim's process may grow during all the attacks of the suite. Default 150 MiB. */
  readonly maxGrowthMiB?: number;
  /** Within what time the honest peer must get 99 % of its answers during each attack. Default 100. */
  readonly maxP99Ms?: number;
}

/** Longer than connections get to send what waits. */
const recoveryMs = 30_000;

/** Code that was compiled, and memory that is kept to be used again. */
const maxLeftMiB = 16;

/** A node under attack, in a process of its own. */
export interface Scene {
  readonly victim: Child<VictimCommands>;
  readonly port: number;
  readonly victimId: string;
}

/**
 * Sets a scene for the suite that this is called in: a victim, and an honest peer in a third process that
 * asks it all the time. After each test handlers are prompt again, the honest peer must have been answered throughout, in time, and the
 * victim's memory must have stayed within bounds; in the end nothing of the attacks may be left.
 */
export function attackScene(options: SceneOptions = {}): Scene {
  const { maxGrowthMiB = 150, maxP99Ms = 100, ...victimOptions } = options;
  const scene = {} as { -readonly [Name in keyof Scene]: Scene[Name] };
  let honestPeer: Child<HonestPeerCommands>;
  let atStart: { usedMiB: number; peakMiB: number };
  /** Where processors are short, garbage stays longer as well. */
  let worstSlowdown = 1;

  before(async () => {
    scene.victim = new Child<VictimCommands>('victim.ts', victimOptions);
    honestPeer = new Child<HonestPeerCommands>('honest-peer.ts', {});
    const { port, id } = await scene.victim.call('start');
    scene.port = port;
    scene.victimId = id;
    await honestPeer.call('begin', port);
    atStart = await scene.victim.call('memory');
  });

  beforeEach(async () => {
    await honestPeer.call('observe');
    await scene.victim.call('slowdown');
  });

  afterEach(async () => {
    destroySockets();
    const { answers, p99Ms, latestMs, failures } = await honestPeer.call('observe');
    const slowdown = await scene.victim.call('slowdown');
    worstSlowdown = Math.max(worstSlowdown, slowdown);
    const grownMiB = (await scene.victim.call('memory')).peakMiB - atStart.peakMiB;
    await scene.victim.call('handlers', 'prompt');
    assert.deepEqual(failures, [], 'the honest peer is not disturbed');
    assert.ok(answers > 0);
    const allowedMs = maxP99Ms * slowdown + latestMs;
    assert.ok(
      p99Ms < allowedMs,
      `the honest peer waited ${p99Ms} ms for an answer, ${allowedMs} are allowed`,
    );
    const allowedMiB = maxGrowthMiB * worstSlowdown;
    assert.ok(grownMiB < allowedMiB, `the victim has grown by ${grownMiB} MiB, ${allowedMiB} are allowed`);
  });

  after(async () => {
    destroySockets();
    await recovered();
    await Promise.all([honestPeer.stop(), scene.victim.stop()]);
  });

  /** Waits until the honest peer is the only one left, and looks what the others have left behind. */
  async function recovered(): Promise<void> {
    await scene.victim.call('handlers', 'prompt');
    const deadline = performance.now() + recoveryMs;
    while ((await scene.victim.call('stats')).connections > 1) {
      assert.ok(performance.now() < deadline, 'the victim keeps connections whose peers are gone');
    }
    const leftMiB = (await scene.victim.call('memory')).usedMiB - atStart.usedMiB;
    assert.ok(leftMiB < maxLeftMiB, `the attacks have left ${leftMiB} MiB behind`);
  }

  return scene;
}
