import assert from 'node:assert/strict';
import { Child } from './child.ts';
import type { Address, HonestPeerCommands } from './honest-peer.ts';
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

/** Code that was compiled, and memory that is kept to be used again. */
const maxLeftMiB = 16;

/**
 * A node under attack in a process of its own. An honest peer in another process asks it all the time, and at the
 * same moments asks a node in a third one that nobody attacks.
 */
export class WatchedVictim {
  readonly victim: Child<VictimCommands>;
  readonly #control: Child<VictimCommands>;
  readonly #honestPeer: Child<HonestPeerCommands>;
  readonly #maxGrowthMiB: number;
  readonly #maxP99Ms: number;
  readonly #options: VictimOptions;
  #address: Address = { host: '', port: 0 };
  #id = '';
  #idle = { usedMiB: 0, nowMiB: 0 };

  /** @param prefix A command to run all three under, such as `ip netns exec name`. */
  constructor(options: WatchedOptions = {}, prefix: readonly string[] = []) {
    const { maxGrowthMiB = 150, maxP99Ms = 100, ...victimOptions } = options;
    this.#maxGrowthMiB = maxGrowthMiB;
    this.#maxP99Ms = maxP99Ms;
    this.#options = victimOptions;
    this.victim = new Child('victim.ts', victimOptions, prefix);
    const { secure } = victimOptions;
    this.#control = new Child('victim.ts', { host: this.#host, secure }, prefix);
    this.#honestPeer = new Child('honest-peer.ts', { secure }, prefix);
  }

  get address(): Address {
    return this.#address;
  }

  get id(): string {
    return this.#id;
  }

  async start(): Promise<void> {
    const [{ port, id }, control] = await Promise.all([
      this.victim.call('start'),
      this.#control.call('start'),
    ]);
    const host = this.#host;
    this.#address = { host, port };
    this.#id = id;
    await this.#honestPeer.call('begin', {
      victim: { ...this.#address, pid: this.victim.pid },
      control: { host, port: control.port },
    });
    const { usedMiB } = await this.victim.call('memory');
    this.#idle = { usedMiB, nowMiB: (await this.#resident()).nowMiB };
  }

  /** What comes before does not count. */
  async attackBegins(): Promise<void> {
    await this.#honestPeer.call('observe');
  }

  /** The honest peer must have been answered throughout, in time, and the memory must have stayed within bounds. */
  async attackEnds(): Promise<void> {
    const { answers, p99Ms, longestMs, failures } = await this.#honestPeer.call('observe');
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
    }
  }

  /** Looks what the attacks have left behind, once it has recovered, and stops it all. */
  async stop(): Promise<void> {
    const all = [this.#honestPeer, this.victim, this.#control];
    try {
      await this.recovered();
      await this.victim.call('forget');
      await this.#forgets();
      for (const one of all) await one.stop();
    } finally {
      await Promise.all(all.map((one) => one.kill()));
    }
  }

  /** What the victim still works on for a peer that has gone holds memory until that is done. */
  async #forgets(): Promise<void> {
    const deadline = performance.now() + recoveryMs;
    for (;;) {
      const leftMiB = (await this.victim.call('memory')).usedMiB - this.#idle.usedMiB;
      if (leftMiB < maxLeftMiB) return;
      assert.ok(performance.now() < deadline, `the attacks have left ${leftMiB} MiB behind`);
    }
  }

  get #host(): string {
    return this.#options.host ?? '127.0.0.1';
  }

  /** From outside, where the system tells it. */
  async #resident(): Promise<Resident> {
    return residentOf(this.victim.pid) ?? (await this.victim.call('memory'));
  }
}
