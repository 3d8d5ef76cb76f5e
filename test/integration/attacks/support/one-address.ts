/** What one address can do to a node, from a process that can run in a network namespace: loopback is exempt. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Node } from '../../../../src/index.ts';
import { serve } from './child.ts';
import type { Address } from './honest-peer.ts';

interface Attack extends Address {
  readonly count: number;
}

const nodes: Node[] = [];
const sockets = new Set<Socket>();

/** A connection that says nothing; the node may well reset it. */
function open({ host, port }: Address): Socket {
  const socket = connect({ host, port });
  sockets.add(socket);
  return socket.on('error', () => {}).once('close', () => sockets.delete(socket));
}

/** @returns how it went. */
async function connectOnce({ host, port }: Address): Promise<string> {
  const node = new Node('127.0.0.1', 0);
  nodes.push(node);
  await node.start();
  return node.connectWithNode(host, port).then(
    () => 'connected',
    (error: Error) => error.message,
  );
}

async function stopNodes(): Promise<void> {
  await Promise.all(nodes.splice(0).map((node) => node.stop()));
}

const commands = {
  /** Opens connections that say nothing; resolves when so few of them are left. */
  async openSilent({ count, left, ...address }: Attack & { readonly left: number }): Promise<void> {
    let remaining = count;
    const isOver = Promise.withResolvers<void>();
    for (let opened = 0; opened < count; opened++) {
      open(address).once('close', () => {
        remaining -= 1;
        if (remaining === left) isOver.resolve();
      });
    }
    await isOver.promise;
  },

  /** Connects nodes, one after the other, and answers how that went. */
  async connectNodes({ count, ...address }: Attack): Promise<string[]> {
    const outcomes: string[] = [];
    while (outcomes.length < count) outcomes.push(await connectOnce(address));
    return outcomes;
  },

  /** Connects nodes that leave again at once, and answers how that went and how long it took. */
  async comeAndGo({ count, ...address }: Attack): Promise<{ outcomes: string[]; seconds: number }> {
    const outcomes: string[] = [];
    const startedAt = performance.now();
    while (outcomes.length < count) {
      outcomes.push(await connectOnce(address));
      await stopNodes();
    }
    return { outcomes, seconds: (performance.now() - startedAt) / 1_000 };
  },

  /** Opens so many connections that say nothing, 100 at a time, while nodes come and go. */
  async flood({ count, ...address }: Attack): Promise<void> {
    for (let opened = 0; opened < count; opened += 100) {
      const lot = Array.from({ length: 100 }, () => open(address));
      await Promise.all(lot.map((socket) => once(socket, 'connect')));
      await connectOnce(address);
      await stopNodes();
    }
  },

  async stop(): Promise<void> {
    for (const socket of sockets) socket.destroy();
    await stopNodes();
  },
};
export type OneAddressCommands = typeof commands;

if (process.send !== undefined) serve(commands);
