import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Fixture } from './fixture.ts';
import { within } from './turns.ts';

/** A line that loses packets and is slow, each way. */
export interface BadLine {
  readonly lossPercent: number;
  readonly delayMs: number;
}

const run = promisify(execFile);
const ip = (...args: string[]): Promise<unknown> => run('ip', args);
const program = fileURLToPath(new URL('programs/lossy-link.py', import.meta.url));
const seed = '1';
/** The one interface of each namespace. */
const wire = 'wire';

/** Names tell the process that made them, so that those of a killed one can be found and deleted. */
const namePattern = /^peerloom-(\d+)-/;
let made = 0;

/** Why there can be no network namespaces here; `undefined` where there can. */
export function namespacesMissing(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces exist on Linux only';
  if (process.getuid!() !== 0) return 'network namespaces need root';
  return whyNot(() => inProbe(() => {}));
}

/** Why there can be no {@link BadLine} here. */
export function badLineMissing(): string | undefined {
  const missing = namespacesMissing();
  if (missing !== undefined || netemMissing() === undefined) return missing;
  return whyNot(() => {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
    execFileSync('python3', ['-c', '']);
  });
}

function netemMissing(): string | undefined {
  const args = ['qdisc', 'add', 'dev', 'lo', 'root', 'netem', 'delay', '1ms'];
  return whyNot(() => inProbe((name) => execFileSync('tc', ['-n', name, ...args], { stdio: 'pipe' })));
}

function inProbe(tryOut: (name: string) => unknown): void {
  const name = `peerloom-${process.pid}-probe`;
  execFileSync('ip', ['netns', 'add', name], { stdio: 'pipe' });
  try {
    tryOut(name);
  } finally {
    execFileSync('ip', ['netns', 'del', name]);
  }
}

function whyNot(tryOut: () => void): string | undefined {
  try {
    tryOut();
    return undefined;
  } catch (error) {
    return (error as Error).message.trim().replaceAll('\n', ' ');
  }
}

/** A host of its own, as far as the network goes. */
export class Namespace {
  readonly name: string;
  #address: string;

  constructor(name: string, address: string) {
    this.name = name;
    this.#address = address;
  }

  get address(): string {
    return this.#address;
  }

  /** What a command begins with that is to run inside. */
  get prefix(): readonly string[] {
    return ['ip', 'netns', 'exec', this.name];
  }

  async setLink(state: 'up' | 'down'): Promise<void> {
    await ip('-n', this.name, 'link', 'set', wire, state);
  }

  /** Sends what goes to no known network, multicast included, over the line. */
  async addDefaultRoute(): Promise<void> {
    await ip('-n', this.name, 'route', 'add', 'default', 'dev', wire);
  }

  async setLoopback(state: 'up' | 'down'): Promise<void> {
    await ip('-n', this.name, 'link', 'set', 'lo', state);
  }

  /** Takes another address in place of its own. */
  async moveTo(address: string): Promise<void> {
    await ip('-n', this.name, 'addr', 'flush', 'dev', wire);
    await ip('-n', this.name, 'addr', 'add', `${address}/24`, 'dev', wire);
    this.#address = address;
  }
}

/** Two namespaces and a line between them, until the test ends. */
export class NamespacePair {
  readonly a: Namespace;
  readonly b: Namespace;
  /** What the line is made of. */
  line = 'veth';

  private constructor() {
    const name = `peerloom-${process.pid}-${++made}`;
    this.a = new Namespace(`${name}-a`, '10.97.0.1');
    this.b = new Namespace(`${name}-b`, '10.97.0.2');
  }

  static async make(t: TestContext, badLine?: BadLine | 'bridge'): Promise<NamespacePair> {
    deleteNamespaces(isLeftover);
    const pair = new NamespacePair();
    const names = pair.#both.map(({ name }) => name);
    if (badLine === 'bridge') names.push(pair.#bridge);
    const deleteOwn = (): void => deleteNamespaces((name) => names.includes(name));
    process.once('exit', deleteOwn);
    Fixture.of(t).defer(() => {
      process.off('exit', deleteOwn);
      deleteOwn();
    });
    for (const name of names) await ip('netns', 'add', name);
    if (badLine === undefined) await pair.#connectWell();
    else if (badLine === 'bridge') await pair.#connectByBridge();
    else await pair.#connectBadly(t, badLine);
    for (const one of pair.#both) {
      await one.moveTo(one.address);
      await one.setLink('up');
    }
    return pair;
  }

  get #both(): readonly [Namespace, Namespace] {
    return [this.a, this.b];
  }

  get #bridge(): string {
    return `${this.a.name}-bridge`;
  }

  /** As by a switch, which has a namespace of its own. */
  async #connectByBridge(): Promise<void> {
    const bridge = this.#bridge;
    await ip('-n', bridge, 'link', 'add', 'switch', 'type', 'bridge', 'mcast_snooping', '0');
    await ip('-n', bridge, 'link', 'set', 'switch', 'up');
    for (const [index, { name }] of this.#both.entries()) {
      const port = `port${index}`;
      await ip(
        ...['link', 'add', wire, 'netns', name, 'type', 'veth', 'peer', 'name', port, 'netns', bridge],
      );
      await ip('-n', bridge, 'link', 'set', port, 'master', 'switch', 'up');
    }
    this.line = 'veth and a bridge';
  }

  async #connectWell(): Promise<void> {
    const [a, b] = this.#both;
    await ip(
      ...['link', 'add', wire, 'netns', a.name, 'type', 'veth', 'peer', 'name', wire, 'netns', b.name],
    );
  }

  /** By netem of the kernel; where it has none, by a program of ours between two tunnels. */
  async #connectBadly(t: TestContext, { lossPercent, delayMs }: BadLine): Promise<void> {
    if (netemMissing() === undefined) {
      await this.#connectWell();
      const netem = ['netem', 'delay', `${delayMs}ms`, 'loss', `${lossPercent}%`];
      for (const { name } of this.#both)
        await run('tc', ['-n', name, 'qdisc', 'add', 'dev', wire, 'root', ...netem]);
      this.line = 'veth with netem';
    } else {
      const names = await startLossyLink(t, [`${lossPercent}`, `${delayMs}`, seed]);
      for (const [index, { name }] of this.#both.entries())
        await ip('link', 'set', names[index]!, 'netns', name, 'name', wire);
      this.line = 'tunnels with a program between them';
    }
  }
}

/** @returns the names of its two interfaces. */
async function startLossyLink(t: TestContext, args: string[]): Promise<string[]> {
  const child: ChildProcess = spawn('python3', [program, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit').then(() => Promise.reject(new Error('no bad line: see above')));
  exited.catch(() => {});
  Fixture.of(t).defer(async () => {
    child.kill();
    await exited.catch(() => {});
  });
  const line = once(createInterface(child.stdout!), 'line');
  const [names] = (await within(Promise.race([line, exited]), 'the bad line begins')) as [string];
  return names.split(' ');
}

/** Whether the process that made it is gone; a zombie has no command line. */
function isLeftover(name: string): boolean {
  const pid = namePattern.exec(name)?.[1];
  if (pid === undefined) return false;
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8') === '';
  } catch {
    return true;
  }
}

/** Another test may delete the same ones. */
function deleteNamespaces(isDoomed: (name: string) => boolean): void {
  for (const name of namespaces().filter(isDoomed)) {
    try {
      execFileSync('ip', ['netns', 'del', name]);
    } catch (error) {
      if (namespaces().includes(name)) throw error;
    }
  }
}

function namespaces(): string[] {
  const lines = execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' }).split('\n');
  return lines.map((line) => line.split(' ')[0]!).filter((name) => name !== '');
}
