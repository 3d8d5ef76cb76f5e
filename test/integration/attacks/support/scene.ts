import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach } from 'node:test';
import { Child } from './child.ts';
import type { HonestPeerCommands } from './honest-peer.ts';
import { destroySockets } from './raw-peer.ts';
import type { VictimCommands, VictimOptions } from './victim.ts';

export interface SceneOptions extends VictimOptions {
  /** How much the victim's process may grow during all the attacks of the suite. Default 128 MiB. */
  readonly maxGrowthMiB?: number;
  /** How long the honest peer may wait for an answer while others attack. Default 2,000. */
  readonly maxAnswerMs?: number;
}

/** A node under attack, in a process of its own. */
export interface Scene {
  readonly victim: Child<VictimCommands>;
  readonly port: number;
  readonly victimId: string;
}

/**
 * Sets a scene for the suite that this is called in: a victim, and an honest peer in a third process that
 * asks it all the time. After each test the honest peer must have been answered throughout, and the victim's
 * memory must have stayed within bounds.
 */
export function attackScene(options: SceneOptions = {}): Scene {
  const { maxGrowthMiB = 128, maxAnswerMs = 2_000, ...victimOptions } = options;
  const scene = {} as { -readonly [Name in keyof Scene]: Scene[Name] };
  let honestPeer: Child<HonestPeerCommands>;
  let peakAtStartMiB: number;

  before(async () => {
    scene.victim = new Child<VictimCommands>('victim.ts', victimOptions);
    honestPeer = new Child<HonestPeerCommands>('honest-peer.ts', {});
    const { port, id } = await scene.victim.call('start');
    scene.port = port;
    scene.victimId = id;
    await honestPeer.call('begin', port);
    peakAtStartMiB = (await scene.victim.call('memory')).peakMiB;
  });

  beforeEach(async () => {
    await honestPeer.call('observe');
    await scene.victim.call('longestPauseMs');
  });

  afterEach(async (context) => {
    destroySockets();
    const { answers, slowestMs, failures } = await honestPeer.call('observe');
    const grownMiB = (await scene.victim.call('memory')).peakMiB - peakAtStartMiB;
    if (process.env.ATTACKS_VERBOSE)
      console.log(
        `${(context as { name: string }).name}: answers ${answers}, slowest ${slowestMs.toFixed(0)} ms, grown ${grownMiB.toFixed(0)} MiB, pause ${(await scene.victim.call('longestPauseMs')).toFixed(0)} ms`,
      );
    assert.deepEqual(failures, [], 'the honest peer is not disturbed');
    assert.ok(answers > 0);
    assert.ok(slowestMs < maxAnswerMs, `the honest peer waited ${slowestMs} ms for an answer`);
    assert.ok(grownMiB < maxGrowthMiB, `the victim has grown by ${grownMiB} MiB`);
  });

  after(async () => {
    destroySockets();
    await Promise.all([honestPeer.stop(), scene.victim.stop()]);
  });

  return scene;
}
