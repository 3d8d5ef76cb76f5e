import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { namespacesMissing } from './namespaces.ts';
import { within } from './turns.ts';

/**
 * What stands between a host and the public network. `'open'`: nothing. `'full cone'`: a router that passes everything on
 * to the host. `'restricted'`: one that keeps the port of the host and lets in only answers. `'symmetric'`: the same with a
 * random port for each connection. `'double'`: two restricted routers, one behind the other. `'CGNAT'`: a restricted router
 * behind a symmetric one of the provider.
 */
export const natKinds = ['open', 'full cone', 'restricted', 'symmetric', 'double', 'CGNAT'] as const;
export type NatKind = (typeof natKinds)[number];

export const relayHost = '11.0.0.10';
/** Another address of the same machine. */
export const otherRelayHost = '11.0.0.11';

const run = promisify(execFile);
let made = 0;

/** Why there can be no NATs here; `undefined` where there can. */
export function natsMissing(): string | undefined {
  const missing = namespacesMissing();
  if (missing !== undefined) return missing;
  try {
    execFileSync('nft', ['--version'], { stdio: 'pipe' });
    return undefined;
  } catch {
    return 'nft is not installed';
  }
}

interface Router {
  readonly kind: 'full cone' | 'restricted' | 'symmetric';
  /** The address of the host or router behind it. */
  readonly inner: string;
}

/** What the router does not pass on it drops, as routers do: an answer of its own would take the port from the host. */
function rulesOf({ kind, inner }: Router): string {
  const masquerade = kind === 'symmetric' ? 'masquerade fully-random' : 'masquerade';
  const passOn = kind === 'full cone' ? `iifname "wan" dnat to ${inner}` : '';
  const letIn = kind === 'full cone' ? 'iifname "wan" accept' : '';
  return `table ip nat {
    chain in { type nat hook prerouting priority -100; ${passOn}
    }
    chain out { type nat hook postrouting priority 100; oifname "wan" ${masquerade}
    }
    chain through { type filter hook forward priority 0; policy drop;
      iifname "lan" accept
      ct state established,related accept
      ${letIn}
    }
    chain own { type filter hook input priority 0; policy accept;
      iifname "wan" ct state new drop
    }
  }\n`;
}

const noUdp = `table ip firewall {
    chain in { type filter hook input priority 0; policy accept; iifname "wan" meta l4proto udp drop
    }
    chain out { type filter hook output priority 0; policy accept; oifname "wan" meta l4proto udp drop
    }
  }\n`;

/** A public network with a place for a relay, and two hosts, each behind what stands before it, until the test ends. */
export class NatNetwork {
  readonly relay: string;
  readonly hosts: readonly [string, string];
  readonly #prefix: string;
  readonly #names: string[] = [];
  readonly #programs = new Set<ChildProcess>();
  /** Of each side, the routers by name, each with the way out of one that has another one before it. */
  readonly #routers: [Record<string, string | undefined>, Record<string, string | undefined>] = [{}, {}];

  private constructor() {
    this.#prefix = `peerloom-${process.pid}-nat${++made}`;
    this.relay = `${this.#prefix}-relay`;
    this.hosts = [`${this.#prefix}-host1`, `${this.#prefix}-host2`];
  }

  static async make(t: TestContext, kinds: readonly [NatKind, NatKind]): Promise<NatNetwork> {
    const network = new NatNetwork();
    t.after(() => network.close());
    await network.#build(kinds);
    return network;
  }

  /** One that lasts until it is closed. */
  static async makeAlone(kinds: readonly [NatKind, NatKind]): Promise<NatNetwork> {
    const network = new NatNetwork();
    try {
      await network.#build(kinds);
      return network;
    } catch (error) {
      await network.close();
      throw error;
    }
  }

  async #build(kinds: readonly [NatKind, NatKind]): Promise<void> {
    await this.#add('switch');
    await this.#ip('switch', 'link', 'add', 'bridge', 'type', 'bridge');
    await this.#ip('switch', 'link', 'set', 'bridge', 'up');
    await this.#add('relay');
    await this.#join('relay', 'wan', relayHost);
    await this.#ip('relay', 'addr', 'add', `${otherRelayHost}/24`, 'dev', 'wan');
    for (const [index, kind] of kinds.entries()) await this.#addSide(index + 1, kind);
  }

  /** The address that others see of a host. */
  publicHostOf(index: 0 | 1): string {
    return `11.0.0.${index + 1}`;
  }

  /** The routers of a side forget their mappings, as after a restart: nothing that was under way fits any more. */
  async forgetMappings(index: 0 | 1): Promise<void> {
    for (const [name, via] of Object.entries(this.#routers[index])) {
      // Linux drops the mappings of an interface that goes down.
      await this.#ip(name, 'link', 'set', 'wan', 'down');
      await this.#untilForgotten(name);
      await this.#ip(name, 'link', 'set', 'wan', 'up');
      if (via !== undefined) await this.#ip(name, 'route', 'replace', 'default', 'via', via);
    }
  }

  /** From now on, no UDP gets out of the hosts or in. */
  async blockUdp(): Promise<void> {
    for (const host of this.hosts) {
      execFileSync('ip', ['netns', 'exec', host, 'nft', '-f', '-'], { input: noUdp, stdio: 'pipe' });
    }
  }

  /** The kernel drops the mappings a moment after the interface is down. */
  async #untilForgotten(name: string): Promise<void> {
    const file = '/proc/sys/net/netfilter/nf_conntrack_count';
    const command = ['netns', 'exec', `${this.#prefix}-${name}`, 'cat', file];
    const isForgotten = async (): Promise<boolean> => Number((await run('ip', command)).stdout) === 0;
    const deadline = performance.now() + 10_000;
    while (!(await isForgotten()))
      if (performance.now() > deadline) throw new Error(`${name} does not forget its mappings`);
  }

  /** The namespace of the router that is nearest to a host, the address at which the host sees it, and its other address. */
  routerOf(index: 0 | 1): { readonly name: string; readonly inside: string; readonly outside: string } {
    const number = index + 1;
    const via = this.#routers[index][`near${number}`];
    return {
      name: `${this.#prefix}-near${number}`,
      inside: `192.168.${number}.1`,
      outside: via === undefined ? this.publicHostOf(index) : via.replace(/1$/, '2'),
    };
  }

  /** Starts a program of Node.js inside. */
  start(namespace: string, args: readonly string[]): NatProgram {
    const program = new NatProgram(namespace, args);
    this.#programs.add(program.process);
    return program;
  }

  /** The hosts that a namespace has TCP connections with. */
  async connectedWith(namespace: string): Promise<readonly string[]> {
    const { stdout } = await run('ip', ['netns', 'exec', namespace, 'ss', '-Htn', 'state', 'established']);
    return [...new Set(Array.from(stdout.matchAll(/([\d.]+):\d+\s*$/gm), ([, host]) => host!))];
  }

  /** Ends it before the test does. */
  async close(): Promise<void> {
    for (const program of this.#programs) {
      const ended =
        program.exitCode === null && program.signalCode === null ? once(program, 'close') : undefined;
      program.kill('SIGKILL');
      await ended;
    }
    this.#programs.clear();
    for (const name of this.#names.splice(0)) execFileSync('ip', ['netns', 'del', name]);
  }

  async #addSide(number: number, kind: NatKind): Promise<void> {
    const host = `host${number}`;
    const outside = `11.0.0.${number}`;
    await this.#add(host);
    if (kind === 'open') return this.#join(host, 'wan', outside);
    const near = `near${number}`;
    const routers = this.#routers[number - 1]!;
    routers[near] = undefined;
    await this.#add(near);
    const isAlone = kind !== 'double' && kind !== 'CGNAT';
    if (isAlone) await this.#join(near, 'wan', outside);
    else {
      const far = `far${number}`;
      await this.#add(far);
      await this.#join(far, 'wan', outside);
      const between = kind === 'CGNAT' ? `100.64.${number}` : `10.64.${number}`;
      const [inner, outer] = [`${between}.2`, `${between}.1`];
      await this.#connect([near, 'wan', inner], [far, 'lan', outer]);
      await this.#ip(near, 'route', 'add', 'default', 'via', outer);
      routers[far] = undefined;
      routers[near] = outer;
      await this.#route(far, { kind: kind === 'CGNAT' ? 'symmetric' : 'restricted', inner });
    }
    const inner = `192.168.${number}.2`;
    await this.#connect([host, 'wan', inner], [near, 'lan', `192.168.${number}.1`]);
    await this.#ip(host, 'route', 'add', 'default', 'via', `192.168.${number}.1`);
    await this.#route(near, { kind: isAlone ? kind : 'restricted', inner });
  }

  async #route(name: string, router: Router): Promise<void> {
    const inside = ['netns', 'exec', `${this.#prefix}-${name}`];
    await run('ip', [...inside, 'sysctl', '-qw', 'net.ipv4.ip_forward=1']);
    execFileSync('ip', [...inside, 'nft', '-f', '-'], { input: rulesOf(router), stdio: 'pipe' });
  }

  async #add(name: string): Promise<void> {
    const namespace = `${this.#prefix}-${name}`;
    await run('ip', ['netns', 'add', namespace]);
    this.#names.push(namespace);
    await this.#ip(name, 'link', 'set', 'lo', 'up');
  }

  /** Connects with the public network. */
  async #join(name: string, wire: string, address: string): Promise<void> {
    const plug = `to-${name}`;
    const peer = ['type', 'veth', 'peer', 'name', wire, 'netns', `${this.#prefix}-${name}`];
    await this.#ip('switch', 'link', 'add', plug, ...peer);
    await this.#ip('switch', 'link', 'set', plug, 'master', 'bridge', 'up');
    await this.#up(name, wire, address);
  }

  async #connect(
    one: readonly [string, string, string],
    other: readonly [string, string, string],
  ): Promise<void> {
    const peer = ['type', 'veth', 'peer', 'name', other[1], 'netns', `${this.#prefix}-${other[0]}`];
    await this.#ip(one[0], 'link', 'add', one[1], ...peer);
    await this.#up(...one);
    await this.#up(...other);
  }

  async #up(name: string, wire: string, address: string): Promise<void> {
    await this.#ip(name, 'addr', 'add', `${address}/24`, 'dev', wire);
    await this.#ip(name, 'link', 'set', wire, 'up');
  }

  async #ip(name: string, ...args: readonly string[]): Promise<void> {
    await run('ip', ['-n', `${this.#prefix}-${name}`, ...args]);
  }
}

/** A program that runs in a namespace. */
export class NatProgram {
  readonly process: ChildProcess;
  #output = '';
  #recheck = (): void => {};

  constructor(namespace: string, args: readonly string[]) {
    const { NODE_OPTIONS, DEBUG, FORCE_COLOR, ...inherited } = process.env;
    const env = { ...inherited, NO_COLOR: '1' };
    const command = ['netns', 'exec', namespace, process.execPath, ...args];
    this.process = spawn('ip', command, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const output of [this.process.stdout!, this.process.stderr!]) {
      output.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
        this.#recheck();
      });
    }
  }

  get output(): string {
    return this.#output;
  }

  /** The end of it. */
  get recent(): string {
    return this.#output.slice(-1_000);
  }

  signal(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }

  /** Kills it. */
  async stop(): Promise<void> {
    const ended = once(this.process, 'close');
    this.process.kill('SIGKILL');
    await ended;
  }

  /** Waits until its output holds something; gives what the groups of the pattern match. */
  prints(pattern: RegExp): Promise<RegExpExecArray> {
    const found = new Promise<RegExpExecArray>((resolve) => {
      this.#recheck = () => {
        const one = pattern.exec(this.#output);
        if (one !== null) resolve(one);
      };
      this.#recheck();
    });
    return within(found, () => `${pattern} in\n${this.#output}`);
  }
}
