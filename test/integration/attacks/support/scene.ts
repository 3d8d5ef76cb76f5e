import { after, afterEach, before, beforeEach } from 'node:test';
import { atEndOfFile } from '../../../support/look-over.ts';
import type { Child } from './child.ts';
import { destroySockets } from './raw-peer.ts';
import type { VictimCommands } from './victim.ts';
import { type WatchedOptions, WatchedVictim, Watchers } from './watched-victim.ts';

/** A node under attack, in a process of its own. */
export interface Scene {
  readonly victim: Child<VictimCommands>;
  readonly port: number;
  readonly victimId: string;
  /** What the honest peer saw before does not count: called by tests that prepare for long. */
  readonly attackBegins: () => Promise<void>;
}

/** The watchers of all scenes of a file, by whether they are SecureNodes. */
const shared = new Map<boolean, Watchers>();

function watchersOf({ secure = false }: WatchedOptions): Watchers {
  let watchers = shared.get(secure);
  if (watchers === undefined) {
    watchers = new Watchers({ secure });
    shared.set(secure, watchers);
    atEndOfFile(() => watchers!.stop());
  }
  return watchers;
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
    watched = new WatchedVictim(options, watchersOf(options));
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
