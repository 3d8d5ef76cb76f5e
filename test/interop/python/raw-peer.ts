import { on, once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { within } from '../../support/turns.ts';
import '../../support/look-over.ts';

/** A bare socket that plays a node, to see and to say exactly what crosses it. */
export class RawPeer {
  readonly socket: Socket;
  received: Buffer = Buffer.alloc(0);
  /** How the connection ended, once it has. */
  ended: 'end' | 'reset' | undefined;
  readonly #watchers = new Set<() => void>();

  /** Dials a node and says what a node would. */
  static async dial(t: TestContext, port: number, greeting?: string | Uint8Array): Promise<RawPeer> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    const peer = new RawPeer(t, socket);
    await once(socket, 'connect');
    if (greeting !== undefined) socket.write(greeting);
    return peer;
  }

  /** A port on which the next node that dials is taken. */
  static async listen(t: TestContext): Promise<{ port: number; accepted: Promise<RawPeer> }> {
    const server = createServer({ noDelay: true });
    t.after(() => server.close());
    const accepted = once(server, 'connection').then(([socket]) => new RawPeer(t, socket as Socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { port: (server.address() as { port: number }).port, accepted };
  }

  /** The same for any number of nodes, one after the other. */
  static async listenOn(t: TestContext): Promise<{ port: number; next: () => Promise<RawPeer> }> {
    const server = createServer({ noDelay: true });
    t.after(() => server.close());
    const connections = on(server, 'connection');
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const next = async (): Promise<RawPeer> => new RawPeer(t, (await connections.next()).value![0] as Socket);
    return { port: (server.address() as { port: number }).port, next };
  }

  private constructor(t: TestContext, socket: Socket) {
    this.socket = socket;
    t.after(() => socket.destroy());
    const changed = () => {
      for (const watcher of this.#watchers) watcher();
    };
    socket.on('data', (bytes) => {
      this.received = Buffer.concat([this.received, bytes]);
      changed();
    });
    socket.on('end', () => {
      this.ended ??= 'end';
      changed();
    });
    socket.on('error', () => {
      this.ended ??= 'reset';
      changed();
    });
  }

  write(bytes: string | Uint8Array): void {
    this.socket.write(bytes);
  }

  /** Resolves with the first `count` bytes, which are taken off. */
  async take(count: number): Promise<Buffer> {
    await this.#when(() => this.received.length >= count);
    const taken = this.received.subarray(0, count);
    this.received = this.received.subarray(count);
    return taken;
  }

  /** Resolves with everything up to the next `end`, without it; both are taken off. */
  async takeUntil(end: number): Promise<Buffer> {
    await this.#when(() => this.received.includes(end));
    const length = this.received.indexOf(end);
    const taken = await this.take(length);
    await this.take(1);
    return taken;
  }

  /** Resolves when the other side has ended the connection. */
  async over(): Promise<'end' | 'reset'> {
    await this.#when(() => this.ended !== undefined);
    return this.ended!;
  }

  async #when(condition: () => boolean): Promise<void> {
    if (condition()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const watcher = () => condition() && resolve();
    this.#watchers.add(watcher);
    try {
      await within(promise, () => `bytes from a Python node; there are ${this.received.length}`);
    } finally {
      this.#watchers.delete(watcher);
    }
  }
}
