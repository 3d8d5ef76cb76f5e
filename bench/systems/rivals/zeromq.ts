import { context, Dealer, Pull, Push, Router } from 'zeromq';
import type { Endpoint, Link, Message, Plan, System } from '../../system.ts';

/** Bytes that may wait for one peer; libzmq counts messages, a thousand of them by default. */
const highWaterBytes = 16 * 1024 * 1024;
const defaultHighWater = 1_000;

/** A router drops what passes its mark, and as many requests are under way. */
const exchangeHighWater = 10_000;

/**
 * ZeroMQ on TCP, plain: push and pull for one-way traffic, dealer and router for exchanges. The library allows
 * one `send` at a time, so that each is awaited.
 */
export function createSystem(): System {
  context.ioThreads = 1;
  return { carries: 'bytes', createEndpoint: async (plan) => new ZeroEndpoint(plan) };
}

type Listening = Pull | Router;
type Dialling = Push | Dealer;

class ZeroEndpoint implements Endpoint {
  readonly #plan: Plan;
  readonly #highWater: number;
  readonly #sockets: (Listening | Dialling)[] = [];

  constructor(plan: Plan) {
    this.#plan = plan;
    const most = plan.traffic === 'exchange' ? exchangeHighWater : defaultHighWater;
    this.#highWater = Math.max(2, Math.min(most, Math.floor(highWaterBytes / plan.messageBytes)));
  }

  async listen(): Promise<string> {
    const options = { receiveHighWaterMark: this.#highWater, sendHighWaterMark: this.#highWater, linger: 0 };
    if (this.#plan.traffic === 'one-way') {
      const pull = this.#keep(new Pull({ receiveHighWaterMark: this.#highWater, linger: 0 }));
      await pull.bind('tcp://127.0.0.1:*');
      void receive(pull, ([message]) => this.#plan.onMessage(message!, silent));
      return pull.lastEndpoint!;
    }
    const router = this.#keep(new Router(options));
    await router.bind('tcp://127.0.0.1:*');
    const answers = new SendQueue((parts) => router.send(parts));
    void receive(router, ([peer, message]) => {
      this.#plan.onMessage(message!, {
        ...silent,
        send: (answer) => answers.push([peer!, answer as Buffer]),
      });
    });
    return router.lastEndpoint!;
  }

  async dial(address: string): Promise<Link> {
    const options = { sendHighWaterMark: this.#highWater, linger: 0 };
    if (this.#plan.traffic === 'one-way') {
      const push = this.#keep(new Push(options));
      await connected(push, address);
      return { ...silent, send: (message) => push.send(message as Buffer) };
    }
    const dealer = this.#keep(new Dealer({ ...options, receiveHighWaterMark: this.#highWater }));
    await connected(dealer, address);
    const queue = new SendQueue((parts) => dealer.send(parts));
    const link: Link = { ...silent, send: (message: Message) => queue.push([message as Buffer]) };
    if (this.#plan.traffic === 'exchange') {
      void receive(dealer, ([message]) => this.#plan.onMessage(message!, link));
    }
    return link;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.close();
  }

  #keep<Socket extends Listening | Dialling>(socket: Socket): Socket {
    this.#sockets.push(socket);
    return socket;
  }
}

const silent: Link = { send: () => true, drained: async () => {}, stop: async () => {} };

/** Sends one after the other, as the library demands; a promise of each resolves when it is out. */
class SendQueue {
  readonly #send: (parts: Buffer[]) => Promise<void>;
  #last: Promise<void> = Promise.resolve();

  constructor(send: (parts: Buffer[]) => Promise<void>) {
    this.#send = send;
  }

  push(parts: Buffer[]): Promise<void> {
    this.#last = this.#last.then(() => this.#send(parts));
    return this.#last;
  }
}

async function receive(socket: AsyncIterable<Buffer[]>, onMessage: (parts: Buffer[]) => void): Promise<void> {
  for await (const parts of socket) onMessage(parts);
}

function connected(socket: Dialling, address: string): Promise<void> {
  return new Promise((resolve) => {
    socket.events.on('handshake', () => resolve());
    socket.connect(address);
  });
}
