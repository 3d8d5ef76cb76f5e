import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { within } from '../../support/turns.ts';
import { pythonWithPackage } from './setup.ts';
import '../../support/look-over.ts';

/** What happened to a Python node, as peer.py tells it. */
export interface PythonEvent {
  readonly event: string;
  /** The id of the other node. */
  readonly peer: string | null;
  /** The Python type of the data of a `node_message`, or of an exception. */
  readonly type?: string;
  /** Of bytes, and of a str in UTF-8. */
  readonly hex?: string;
  /** Of all other data, with sorted keys. */
  readonly json?: string;
  /** Of an exception that ended a thread of the package. */
  readonly message?: string;
  readonly trials?: number;
}

export interface PythonNodeOptions {
  readonly port?: number;
  readonly style?: 'class' | 'callback';
  readonly id?: string;
  readonly max_connections?: number;
  readonly debug?: boolean;
  /** Sends every message back, before it is reported. */
  readonly echo?: boolean;
  /** The event whose handler raises an exception. */
  readonly raises?: string;
  /** False: it tells others the port that it was made with, 0, as the package does. */
  readonly tell_port?: boolean;
}

export interface PythonState {
  readonly inbound: readonly string[];
  readonly outbound: readonly string[];
  /** How many nodes it would connect with again. */
  readonly reconnecting: number;
  /** The peers whose threads still run. */
  readonly reading: readonly string[];
  /** Whether its own thread, which accepts and reconnects, still runs. */
  readonly listening: boolean;
  readonly sent: number;
  readonly received: number;
  readonly errors: number;
}

/** What to send: one of the three, and how. */
export interface PythonMessage {
  readonly json?: unknown;
  readonly text?: string;
  readonly hex?: string;
  /** The id of one node; without it, to all. */
  readonly to?: string;
  readonly compression?: string;
  /** How often; once by default. */
  readonly times?: number;
}

interface PythonAnswer {
  readonly call: number;
  readonly value?: unknown;
  readonly error?: string;
}

const eventTimeoutMs = 30_000;

/** A node of the Python package in a process of its own, which ends with the test. */
export class PythonNode {
  readonly events: PythonEvent[] = [];
  id = '';
  port = 0;
  /** What the package printed. */
  printed = '';

  readonly #process: ChildProcess;
  readonly #answers = new Map<number, (answer: PythonAnswer) => void>();
  readonly #watchers = new Set<() => void>();
  #calls = 0;

  /** `undefined`, and the test skipped, where Python or the package is missing; with CI=true that is a failure. */
  static async start(t: TestContext, options: PythonNodeOptions = {}): Promise<PythonNode | undefined> {
    const setup = await pythonWithPackage();
    if ('missing' in setup) {
      assert.notEqual(process.env.CI, 'true', setup.missing);
      t.skip(setup.missing);
      return undefined;
    }
    const node = new PythonNode(setup.python);
    t.after(() => node.kill());
    await node.#start(options);
    return node;
  }

  private constructor(python: string) {
    const script = join(import.meta.dirname, 'peer.py');
    this.#process = spawn(python, ['-u', script], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#process.stdin!.on('error', () => {});
    this.#process.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.printed += text;
    });
    this.#process.on('exit', () => {
      for (const call of this.#answers.keys()) this.#onReport({ call, error: `it ended: ${this.printed}` });
    });
    createInterface({ input: this.#process.stdout! }).on('line', (line) => this.#onReport(JSON.parse(line)));
  }

  async connect(port: number, options: { host?: string; reconnect?: boolean } = {}): Promise<boolean> {
    return (await this.#call('connect', { port, ...options })) as boolean;
  }

  async send(message: PythonMessage): Promise<void> {
    await this.#call('send', { ...message });
  }

  /** Sends `{ number: 0 }`, `{ number: 1 }` and so on to one node. */
  async count(to: string, times: number): Promise<void> {
    await this.#call('count', { to, times });
  }

  /** Its handlers of messages end no more from now on, and it reads no more. */
  async hold(): Promise<void> {
    await this.#call('hold');
  }

  /** Of a connection that the Python node made. */
  async disconnect(peer: string): Promise<void> {
    await this.#call('disconnect', { peer });
  }

  /** Of a connection that was made to it. */
  async hangUp(peer: string): Promise<void> {
    await this.#call('hang_up', { peer });
  }

  async state(): Promise<PythonState> {
    return (await this.#call('state')) as PythonState;
  }

  /** `wait`: until all its threads have ended, which takes the package 10 to 20 seconds. */
  async stop(options: { wait?: boolean } = {}): Promise<void> {
    await this.#call('stop', options);
  }

  /** As a power cut would; resolves when the process is gone. */
  async kill(): Promise<void> {
    if (this.#isOver) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exited;
  }

  /** The events of one kind, until now. */
  of(event: string): PythonEvent[] {
    return this.events.filter((told) => told.event === event);
  }

  /** Resolves with the events of one kind once there are that many. */
  async until(event: string, count = 1): Promise<PythonEvent[]> {
    await this.eventually(() => this.of(event).length >= count, `${count} ${event}`);
    return this.of(event);
  }

  /** Resolves once the condition holds, which is looked at after each event. */
  async eventually(condition: () => boolean, what: string): Promise<void> {
    if (condition()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const watcher = () => condition() && resolve();
    this.#watchers.add(watcher);
    const story = () =>
      `${what}; had ${JSON.stringify(this.events.slice(-10))}, printed ${this.printed.slice(-2000)}`;
    try {
      await within(promise, story, eventTimeoutMs);
    } finally {
      this.#watchers.delete(watcher);
    }
  }

  get #isOver(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }

  async #start(options: PythonNodeOptions): Promise<void> {
    const { id, port } = (await this.#call('start', { ...options })) as { id: string; port: number };
    this.id = id;
    this.port = port;
  }

  async #call(what: string, details: Record<string, unknown> = {}): Promise<unknown> {
    if (this.#isOver) throw new Error(`${what}: the process has ended`);
    const call = ++this.#calls;
    const answer = new Promise<PythonAnswer>((resolve) => {
      this.#answers.set(call, resolve);
    });
    this.#process.stdin!.write(`${JSON.stringify({ call, do: what, ...details })}\n`);
    const { value, error } = await answer;
    if (error !== undefined) throw new Error(`${what}: ${error}`);
    return value;
  }

  #onReport(report: PythonEvent | PythonAnswer): void {
    if (!('call' in report)) {
      this.events.push(report);
      for (const watcher of this.#watchers) watcher();
      return;
    }
    this.#answers.get(report.call)?.(report);
    this.#answers.delete(report.call);
  }
}
