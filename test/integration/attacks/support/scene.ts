import { after, afterEach, before, beforeEach } from 'node:test';
import type { Child } from './child.ts';
import { destroySockets } from './raw-peer.ts';
import type { VictimCommands } from './victim.ts';
import { type WatchedOptions, WatchedVictim } from './watched-victim.ts';

/** A node under attack, in a process of its own. */
export interface Scene {
  readonly victim: Child<VictimCommands>;
  readonly port: number;
  readonly victimId: string;
  /** What the honest peer saw before does not count: called by tests that prepare for long. */
  readonly attackBegins: () => Promise<void>;
}

/**
 * Sets a scene for the suite that this is called in: a victim that is watched. After each test handlers are prompt
 * again, the honest peer must have been answered throughout, in time, and the victim's memory must have stayed
 * within bounds; it must get rid of all others. In the end nothing of the attacks may be left, and the victim must
 * stop without a complaint.
 */
export function attackScene(options: WatchedOptions = {}): Scene {
  const scene = {} as { -readonly [Name in keyof Scene]: Scene[Name] };
  let watched: WatchedVictim;

  before(async () => {
    watched = new WatchedVictim(options);
    await watched.start();
    scene.victim = watched.victim;
    scene.port = watched.address.port;
    scene.victimId = watched.id;
    scene.attackBegins = () => watched.attackBegins();
  });

  beforeEach(() => watched.attackBegins());

  afterEach(async () => {
    destroySockets();
    await watched.attackEnds();
    await watched.recovered();
  });

  after(async () => {
    destroySockets();
    await watched.stop();
  });

  return scene;
}
