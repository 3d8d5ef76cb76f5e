import assert from 'node:assert/strict';
import { pause } from '../../../support/turns.ts';
import { Child } from './child.ts';
import type { Address, HonestPeerCommands, Observation } from './honest-peer.ts';
import { type Resident, residentOf } from './kernel.ts';
import type { VictimCommands, VictimOptions } from './victim.ts';

export interface WatchedOptions extends VictimOptions {
  /** How much the victim's process may grow above what it has when idle, during all attacks. Default 150 MiB. */
  readonly maxGrowthMiB?: number;
  /** How much longer than an idle node the victim may take for 99 % of its answers. Default 100. */
  readonly maxP99Ms?: number;
}

/** How much longer than an idle node the victim may take for any of its answers. */
const maxLongestMs = 1_000;

/** Longer than connections get to send what waits. */
const recoveryMs = 30_000;

/** Between two looks at whether it has recovered. */
const lookMs = 20;

/** Code that was compiled, and memory that is kept to be used again. */
const maxLeftMiB = 16;

/**
 * Who watches a victim: an honest peer, and a node that nobody attacks, each in a process of its own. They can watch
 * one victim after the other.
 */
export class Watchers {
  readonly host: string;
  readonly prefix: readonly string[];
  readonly #control: Child<VictimCommands>;
  readonly #honestPeer: Child<HonestPeerCommands>;
  #started: Promise<Address> | undefined;

  /** @param prefix A command to run them and the victim under, such as `ip netns exec name`. */
  constructor({ host = '127.0.0.1', secure }: VictimOptions = {}, prefix: readonly string[] = []) {
    this.host = host;
    this.prefix = prefix;
    this.#control = new Child('victim.ts', { host, secure }, prefix);
    this.#honestPeer = new Child('honest-peer.ts', { secure }, prefix);
  }

  async start(): Promise<void> {
    this.#started ??= this.#control.call('start').then(({ port }) => ({ host: this.host, port }));
    await this.#started;
  }

  /** Asks this victim all the time, and the other node at the same moments. */
  async begin(victim: Address & { readonly pid: number }): Promise<void> {
    await this.#honestPeer.call('begin', { victim, control: (await this.#started)! });
  }

  /** What the honest peer saw since this was called before. */
  observe(): Promise<Observation> {
    return this.#honestPeer.call('observe');
  }

  /** Leaves the victim. */
  leave(): Promise<void> {
    return this.#honestPeer.call('leave');
  }

  async stop(): Promise<void> {
    const all = [this.#honestPeer, this.#control];
    try {
      for (const one of all) await one.stop();
    } finally {
      await Promise.all(all.map((one) => one.kill()));
    }
  }
}

/** A node under attack in a process of its own, which an honest peer asks all the time. */
export class WatchedVictim {
  readonly victim: Child<VictimCommands>;
  readonly #watchers: Watchers;
  readonly #maxGrowthMiB: number;
  readonly #maxP99Ms: number;
  #address: Address = { host: '', port: 0 };
  #id = '';
  #idle = { usedMiB: 0, nowMiB: 0 };

  /** @param watchers Of a host and a kind like the victim's. They are left running. */
  constructor(options: WatchedOptions, watchers: Watchers) {
    const { maxGrowthMiB = 150, maxP99Ms = 100, ...victimOptions } = options;
    this.#maxGrowthMiB = maxGrowthMiB;
    this.#maxP99Ms = maxP99Ms;
    this.victim = new Child('victim.ts', victimOptions, watchers.prefix);
    this.#watchers = watchers;
  }

  get address(): Address {
    return this.#address;
  }

  get id(): string {
    return this.#id;
  }

  async start(): Promise<void> {
    const [{ port, id }] = await Promise.all([this.victim.call('start'), this.#watchers.start()]);
    this.#address = { host: this.#watchers.host, port };
    this.#id = id;
    await this.#watchers.begin({ ...this.#address, pid: this.victim.pid });
    const { usedMiB } = await this.victim.call('memory');
    this.#idle = { usedMiB, nowMiB: (await this.#resident()).nowMiB };
  }

  /** What comes before does not count. */
  async attackBegins(): Promise<void> {
    await this.#watchers.observe();
  }

  /** The honest peer must have been answered throughout, in time, and the memory must have stayed within bounds. */
  async attackEnds(): Promise<void> {
    const { answers, p99Ms, longestMs, failures } = await this.#watchers.observe();
    await this.victim.call('handlers', 'prompt');
    const grownMiB = (await this.#resident()).peakMiB - this.#idle.nowMiB;
    assert.ok(answers > 0);
    const bounds: [what: string, value: number, allowed: number][] = [
      ['ms more than an idle node for 99 % of the answers', p99Ms, this.#maxP99Ms],
      ['ms more than an idle node for an answer', longestMs, maxLongestMs],
      ['MiB more than when idle', grownMiB, this.#maxGrowthMiB],
    ];
    const passed = bounds.filter(([, value, allowed]) => value >= allowed);
    const stories = passed.map(
      ([what, value, allowed]) => `the victim took ${value} ${what}; ${allowed} are allowed`,
    );
    assert.deepEqual([...failures, ...stories], []);
  }

  /** Waits until the honest peer is the only one left, and nothing of the others is still to be handled. */
  async recovered(): Promise<void> {
    const deadline = performance.now() + recoveryMs;
    while ((await this.victim.call('stats')).connections > 1) {
      assert.ok(performance.now() < deadline, 'the victim keeps connections whose peers are gone');
      await pause(lookMs);
    }
  }

  /** Looks what the attacks have left behind, once it has recovered, and stops it all. */
  async stop(): Promise<void> {
    try {
      await this.recovered();
      await this.victim.call('forget');
      await this.#forgets();
      await this.#watchers.leave();
      await this.victim.stop();
    } finally {
      await this.victim.kill();
    }
  }

  /** What the victim still works on for a peer that has gone holds memory until that is done. */
  async #forgets(): Promise<void> {
    const deadline = performance.now() + recoveryMs;
    for (;;) {
      const leftMiB = (await this.victim.call('memory')).usedMiB - this.#idle.usedMiB;
      if (leftMiB < maxLeftMiB) return;
      assert.ok(performance.now() < deadline, `the attacks have left ${leftMiB} MiB behind`);
      await pause(lookMs);
    }
  }

  /** From outside, where the system tells it. */
  async #resident(): Promise<Resident> {
    return residentOf(this.victim.pid) ?? (await this.victim.call('memory'));
  }
}
