/** What one address can do to a node, from a process that can run in a network namespace: loopback is exempt. */
import { connect } from 'node:net';
import { Node } from '../../../../src/index.ts';
import { serve } from './child.ts';

interface Attack {
  readonly host: string;
  readonly port: number;
  readonly count: number;
}

const nodes: Node[] = [];

const commands = {
  /** Opens connections that say nothing; resolves when so few of them are left. */
  async openSilent({ host, port, count, left }: Attack & { readonly left: number }): Promise<void> {
    let open = count;
    const isOver = Promise.withResolvers<void>();
    for (let opened = 0; opened < count; opened++) {
      const socket = connect({ host, port });
      // The node may well reset it.
      socket
        .on('error', () => {})
        .once('close', () => {
          open -= 1;
          if (open === left) isOver.resolve();
        });
    }
    await isOver.promise;
  },

  /** Connects nodes, one after the other, and answers how that went. */
  async connectNodes({ host, port, count }: Attack): Promise<string[]> {
    const outcomes: string[] = [];
    for (let made = 0; made < count; made++) {
      const node = new Node('127.0.0.1', 0);
      nodes.push(node);
      await node.start();
      const outcome = node.connectWithNode(host, port);
      outcomes.push(
        await outcome.then(
          () => 'connected',
          (error: Error) => error.message,
        ),
      );
    }
    return outcomes;
  },
};
export type OneAddressCommands = typeof commands;

if (process.send !== undefined) serve(commands);
