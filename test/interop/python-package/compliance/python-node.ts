import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { newIdentity, type SecondIdentity } from '../../../compliance/protocol/second-identity.ts';
import { dialTls, preSharedKey, tracked } from '../../../compliance/protocol/second-links.ts';
import type { SecondPeer } from '../../../compliance/protocol/second-peer.ts';
import { acceptNoise, dialNoise, SecondWebSocket } from '../../../compliance/protocol/second-web-socket.ts';
import { pythonWithSources } from '../environment.ts';

interface Line {
  readonly event?: string;
  readonly data?: unknown;
  readonly id?: number;
  readonly result?: unknown;
  readonly code?: string;
  readonly message?: string;
}

/** A node of the Python package, in a process of its own, which is told what to do. */
export class PythonNode {
  readonly #child: ChildProcess;
  readonly #events: Line[] = [];
  readonly #answers = new Map<number, PromiseWithResolvers<unknown>>();
  #wake = (): void => {};
  #commands = 0;
  port = 0;
  id = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    createInterface({ input: child.stdout! }).on('line', (text) => this.#take(JSON.parse(text) as Line));
    child.once('exit', () => this.#take({ event: 'exit' }));
  }

  static async start(options: Record<string, unknown> = {}): Promise<PythonNode> {
    const setup = await pythonWithSources();
    assert.ok('python' in setup, 'missing' in setup ? setup.missing : '');
    const args = [join(import.meta.dirname, 'node.py'), JSON.stringify(options)];
    const node = new PythonNode(spawn(setup.python, args, { stdio: ['pipe', 'pipe', 'inherit'] }));
    const { port, id } = (await node.said('ready')) as { port: number; id: string };
    node.port = port;
    node.id = id;
    return node;
  }

  #take(line: Line): void {
    if (line.id === undefined) {
      this.#events.push(line);
      this.#wake();
      return;
    }
    const answer = this.#answers.get(line.id)!;
    this.#answers.delete(line.id);
    if (line.code === undefined) answer.resolve(line.result);
    else answer.reject(Object.assign(new Error(line.message), { code: line.code }));
  }

  /** What the next such event carries; events before it are dropped. */
  async said(event: string): Promise<unknown> {
    for (;;) {
      const line = this.#events.shift();
      if (line === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      } else if (line.event === event) return line.data;
      else assert.notEqual(line.event, 'exit', 'the Python node has ended');
    }
  }

  /** Forgets the events so far. */
  clear(): void {
    this.#events.length = 0;
  }

  do(command: string, args: Record<string, unknown> = {}): Promise<unknown> {
    const id = ++this.#commands;
    const answer = Promise.withResolvers<unknown>();
    answer.promise.catch(() => {});
    this.#answers.set(id, answer);
    this.#child.stdin!.write(`${JSON.stringify({ id, do: command, arguments: args })}\n`);
    return answer.promise;
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}

/** How the second implementation and a Python node are linked. */
export interface LinkKind {
  readonly name: string;
  /** Of the Python node. */
  readonly options: Record<string, unknown>;
  dial(node: PythonNode, identity?: SecondIdentity): Promise<SecondPeer>;
}

const networkKey = 'the key of the tests';
const psk = preSharedKey(networkKey);

async function dialWebSocket(
  { port }: PythonNode,
  options: { identity?: SecondIdentity | undefined; psk?: Uint8Array },
): Promise<SecondPeer> {
  const { identity = newIdentity(), ...rest } = options;
  const { link } = await dialNoise(await SecondWebSocket.open(port), { identity, ...rest });
  return tracked(link.stream as unknown as Socket);
}

export const linkKinds: readonly LinkKind[] = [
  {
    name: 'TLS',
    options: {},
    dial: (node, identity) => dialTls(node, identity === undefined ? {} : { identity }),
  },
  {
    name: 'WebSocket',
    options: { accept: ['ws'] },
    dial: (node, identity) => dialWebSocket(node, { identity }),
  },
  {
    name: 'WebSocket with a network key',
    options: { network_key: networkKey },
    dial: (node, identity) => dialWebSocket(node, { identity, psk }),
  },
];

/** Listens at a WebSocket for what a Python node dials; the link is there once its ids are proven. */
export async function listenWebSocket(
  t: TestContext,
  options: { psk?: Uint8Array } = {},
): Promise<{ address: string; identity: SecondIdentity; accepted: Promise<SecondPeer> }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const identity = newIdentity();
  const accepted = once(server, 'connection').then(async ([socket]) => {
    const { link } = await acceptNoise(await SecondWebSocket.accept(socket as Socket), {
      identity,
      ...options,
    });
    return tracked(link.stream as unknown as Socket);
  });
  accepted.catch(() => {});
  const { port } = server.address() as { port: number };
  return { address: `ws://127.0.0.1:${port}`, identity, accepted };
}

export { networkKey, psk };
