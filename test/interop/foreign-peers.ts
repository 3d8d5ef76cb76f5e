// Peers in Go, Rust and Python, each on the libp2p of its language, beside nodes of ours: npm run test:foreign
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { suite, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { internet, libp2p } from '../../src/libp2p/index.ts';
import '../support/libp2p-engines.ts';
import { withCode } from '../support/errors.ts';
import { Fixture } from '../support/fixture.ts';
import { pythonWith } from '../support/python-environment.ts';
import type { RecordingNode } from '../support/recording-node.ts';
import { makeNode } from '../support/start-nodes.ts';
import { within } from '../support/turns.ts';

const run = promisify(execFile);
const folderOf = (name: string): string => join(import.meta.dirname, name);
const cache = join(import.meta.dirname, '../../node_modules/.cache');

/** How a program is started, or why it cannot be built here. */
type Build = { readonly command: readonly [string, ...string[]] } | { readonly missing: string };

interface Language {
  readonly name: string;
  build(): Promise<Build>;
}

const languages: readonly Language[] = [
  {
    name: 'go',
    async build() {
      const have = await versionOf('go', ['env', 'GOVERSION']);
      const missing = lacks('go', have, /^go (\S+)$/m.exec(readFileSync(folderOf('go/go.mod'), 'utf8'))![1]!);
      if (missing !== undefined) return { missing };
      const program = join(cache, 'peerloom-go/peer');
      await run('go', ['build', '-trimpath', '-o', program, '.'], { cwd: folderOf('go') });
      return { command: [program] };
    },
  },
  {
    name: 'rust',
    async build() {
      const manifest = readFileSync(folderOf('rust/Cargo.toml'), 'utf8');
      const have = await versionOf('cargo', ['--version']);
      const missing = lacks('cargo', have, /^rust-version = "(.+)"$/m.exec(manifest)![1]!);
      if (missing !== undefined) return { missing };
      const target = join(cache, 'peerloom-rust');
      const env = { ...process.env, CARGO_TARGET_DIR: target };
      await run('cargo', ['build', '--quiet', '--locked'], { cwd: folderOf('rust'), env });
      return { command: [join(target, 'debug/peer')] };
    },
  },
  {
    name: 'python',
    async build() {
      const requirements = ['--requirement', folderOf('python-libp2p/requirements.txt')];
      const setup = await pythonWith({ requirements, module: 'libp2p', atLeast: [3, 11] });
      return 'missing' in setup
        ? setup
        : { command: [setup.python, '-u', folderOf('python-libp2p/peer.py')] };
    },
  },
];

/** Numbers such as `[1, 26, 8]`; `undefined` if there is no such command. */
async function versionOf(command: string, args: readonly string[]): Promise<readonly number[] | undefined> {
  try {
    const { stdout } = await run(command, args);
    return /\d+(\.\d+)+/.exec(stdout)![0].split('.').map(Number);
  } catch {
    return undefined;
  }
}

/** Why a toolchain does not do; `undefined` if it does. */
function lacks(name: string, have: readonly number[] | undefined, needed: string): string | undefined {
  if (have === undefined) return `${name} is not installed`;
  const wanted = needed.split('.').map(Number);
  const at = wanted.findIndex((part, index) => part !== (have[index] ?? 0));
  if (at < 0 || (have[at] ?? 0) > wanted[at]!) return undefined;
  return `${name} ${have.join('.')} is installed, and the program needs ${needed} or later`;
}

/** A program of another language, which ends with the test. */
class ForeignPeer {
  readonly lines: string[] = [];
  readonly #process: ChildProcess;
  readonly #watchers = new Set<() => void>();
  #errors = '';

  constructor(
    t: TestContext,
    [command, ...args]: readonly [string, ...string[]],
    address: readonly string[],
  ) {
    this.#process = spawn(command, [...args, ...address], { stdio: ['ignore', 'pipe', 'pipe'] });
    createInterface(this.#process.stdout!).on('line', (line) => {
      this.lines.push(line);
      for (const watcher of this.#watchers) watcher();
    });
    this.#process.stderr!.on('data', (text: Buffer) => {
      this.#errors = `${this.#errors}${text}`.slice(-2_000);
    });
    Fixture.of(t).defer(() => this.kill());
  }

  /** What the first line with such a beginning says after it. */
  async said(beginning: string): Promise<string> {
    const { promise, resolve } = Promise.withResolvers<string>();
    const look = (): void => {
      const line = this.lines.find((one) => one.startsWith(beginning));
      if (line !== undefined) resolve(line.slice(beginning.length).trim());
    };
    this.#watchers.add(look);
    look();
    return within(
      promise,
      () => `it says '${beginning}'; it said ${this.lines.join('\n')}\n${this.#errors}`,
      30_000,
    );
  }

  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exited;
  }
}

async function startOurs(t: TestContext): Promise<RecordingNode> {
  const transports = [libp2p(internet())];
  const node = makeNode(t, { options: { name: 'ours', transports } });
  node.on('node_request', (_peer, data) => `${data} I am ours`);
  await node.start();
  return node;
}

/** Everything that the two say to each other, whichever of them dialled. */
async function checkConversation(ours: RecordingNode, theirs: ForeignPeer, name: string): Promise<void> {
  const peer = ours.allNodes[0]!;
  assert.equal(peer.name, name);
  assert.match(await theirs.said('hello'), /"name":"ours"/);
  assert.equal(await ours.message(1), `hello from ${name}`);
  assert.equal(await ours.message(2), 'sure?');
  await theirs.said('delivered');
  assert.equal(await theirs.said('response'), 'who are you? I am ours');

  peer.send('hello from ours');
  assert.equal(await theirs.said('message'), 'hello from ours');
  await peer.deliver('for certain');
  assert.equal(await theirs.said('deliver for'), 'certain');
  assert.equal(await peer.request('and who are you?'), 'and who are you?');
  assert.equal(await theirs.said('request'), 'and who are you?');
  const large = Uint8Array.from({ length: 1_000_000 }, (_, index) => index % 251);
  assert.deepEqual(await peer.request(large), large, 'in several frames each way');
  assert.ok((await peer.ping()) > 0);
  await assert.rejects(peer.openStream('to it'), withCode('ERR_HANDLER', /no streams here/));
}

/** All at once, before the first test, so that no test takes their processes for its own. */
const builds = languages.map(({ build }) => build());
const allBuilt = Promise.allSettled(builds);

for (const [index, { name }] of languages.entries()) {
  suite(`a peer in ${name}`, () => {
    function foreignTest(title: string, body: Parameters<typeof withPeer>[1]): void {
      test(title, { timeout: 280_000 }, (t) => withPeer(t, body));
    }

    async function withPeer(
      t: TestContext,
      body: (
        t: TestContext,
        ours: RecordingNode,
        start: (...address: string[]) => ForeignPeer,
      ) => Promise<void>,
    ): Promise<void> {
      await allBuilt;
      const setup = await builds[index]!;
      if ('missing' in setup) {
        t.skip(setup.missing);
        return;
      }
      const ours = await startOurs(t);
      await body(t, ours, (...address) => new ForeignPeer(t, setup.command, address));
    }

    foreignTest('is dialled, answers everything, and sees this node stop', async (_, ours, start) => {
      const theirs = start();
      await ours.connectWithNode(await theirs.said('listening on'));
      await ours.event('outbound_node_connected');
      await checkConversation(ours, theirs, name);
      await ours.stop();
      assert.match(await theirs.said('end'), /goodbye .*"stopped"/);
      await ours.event('outbound_node_disconnected');
    });

    foreignTest('dials, identifies and pings this node, and leaves', async (_, ours, start) => {
      const theirs = start(ours.addresses[0]!);
      assert.match(await theirs.said('identify'), /\/peerloom\/1/);
      assert.match(await theirs.said('ping'), /\d/);
      await ours.event('inbound_node_connected');
      await checkConversation(ours, theirs, name);
      ours.allNodes[0]!.send('leave');
      const { peer } = await ours.event('inbound_node_disconnected');
      assert.deepEqual(peer!.closeReason, { code: 'disconnected', by: 'them', message: 'as asked' });
    });

    foreignTest('that is gone at once is lost', async (_, ours, start) => {
      const theirs = start(ours.addresses[0]!);
      assert.equal(await ours.message(), `hello from ${name}`);
      await theirs.kill();
      const { peer } = await ours.event('inbound_node_disconnected');
      assert.equal(peer!.closeReason!.code, 'lost');
    });
  });
}
