import type { Stream } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { tls } from '@libp2p/tls';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p, type Libp2p } from 'libp2p';
import { LengthPrefixReader, prefixed } from '../../length-prefix.ts';
import type { Endpoint, Link, Message, Plan, System } from '../../system.ts';
import { createMember } from './gossipsub.ts';

const protocol = '/peerloom-bench/1.0.0';
const pingProtocol = '/peerloom-bench/ping/1.0.0';

/** Past this the reading side of a stream would abort it. */
const readBufferBytes = 8 * 1024 * 1024;

/**
 * libp2p 3 over TCP with yamux and a long-lived stream. Messages have a length prefix and are read from
 * 'message' events; the writer waits for 'drain'.
 *
 * @param variant `noise` or `tls`; with `-batched` the user gathers small messages into one `send` by hand.
 */
export function createSystem(variant: string): System {
  const [encryption, batching] = variant.split('-');
  const isBatched = batching === 'batched';
  return {
    carries: 'bytes',
    createMember,
    async createEndpoint(plan) {
      const node = await createLibp2p({
        addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
        transports: [tcp()],
        connectionEncrypters: [encryption === 'noise' ? noise() : tls()],
        streamMuxers: [yamux({ streamOptions: { maxStreamWindowSize: 4_000_000 } })],
        connectionManager: {
          maxConnections: plan.maxLinks * 2 + 10,
          inboundConnectionThreshold: Number.POSITIVE_INFINITY,
          maxIncomingPendingConnections: 1_000,
        },
        connectionMonitor: { abortConnectionOnPingFailure: false },
      });
      const endpoint = new Libp2pEndpoint(node, plan, isBatched);
      await endpoint.handle();
      return endpoint;
    },
  };
}

class Libp2pEndpoint implements Endpoint {
  readonly #node: Libp2p;
  readonly #plan: Plan;
  readonly #isBatched: boolean;

  constructor(node: Libp2p, plan: Plan, isBatched: boolean) {
    this.#node = node;
    this.#plan = plan;
    this.#isBatched = isBatched;
  }

  async handle(): Promise<void> {
    this.#node.addEventListener('connection:open', ({ detail }) => {
      if (detail.direction === 'inbound') this.#plan.onAccepted?.();
    });
    await this.#node.handle(protocol, (stream) => void this.#adopt(stream));
    await this.#node.handle(pingProtocol, (stream) => {
      stream.addEventListener('message', ({ data }) => void stream.send(data));
    });
  }

  async listen(): Promise<string> {
    return this.#node.getMultiaddrs()[0]!.toString();
  }

  async dial(address: string): Promise<Link> {
    const connection = await this.#node.dial(multiaddr(address));
    const close = (): Promise<void> => connection.close();
    if (this.#plan.traffic === 'none') {
      return { send: () => false, drained: async () => {}, stop: close };
    }
    const link = { ...this.#adopt(await connection.newStream(protocol)), stop: close };
    if (this.#plan.traffic === 'one-way') return link;
    // As its own ping does it: on a stream beside the busy one.
    const pings = await connection.newStream(pingProtocol);
    return { ...link, ping: () => pingOn(pings) };
  }

  async stop(): Promise<void> {
    await this.#node.stop();
  }

  #adopt(stream: Stream): Link {
    const link: Link = {
      ...(this.#isBatched
        ? batched(stream)
        : { send: (message) => stream.send(prefixed(message as Uint8Array)) }),
      drained: () => drained(stream),
      stop: () => stream.close(),
    };
    stream.maxReadBufferLength = readBufferBytes;
    const reader = new LengthPrefixReader((message) => this.#plan.onMessage(message, link));
    stream.addEventListener('message', ({ data }) => {
      if (data instanceof Uint8Array) reader.push(data);
      else for (const part of data) reader.push(part);
    });
    return link;
  }
}

/** Its `onDrain()` resolves at once after the first time; the event is right. */
function drained(stream: Stream): Promise<void> {
  if (!stream.writableNeedsDrain) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      stream.removeEventListener('drain', done);
      stream.removeEventListener('close', done);
      resolve();
    };
    stream.addEventListener('drain', done);
    stream.addEventListener('close', done);
  });
}

function pingOn(stream: Stream): Promise<void> {
  return new Promise((resolve) => {
    stream.addEventListener('message', () => resolve(), { once: true });
    stream.send(new Uint8Array(32));
  });
}

/** About a yamux frame's worth of messages in one array: what its users do when they need the speed. */
const batchBytes = 62 * 1024;

function batched(stream: Stream): Pick<Link, 'send'> {
  const batch = Buffer.allocUnsafeSlow(batchBytes);
  let filled = 0;
  const flush = (): void => {
    if (filled > 0) stream.send(Buffer.from(batch.subarray(0, filled)));
    filled = 0;
  };
  return {
    send(message: Message) {
      const bytes = message as Uint8Array;
      if (filled + 4 + bytes.length > batchBytes) flush();
      if (4 + bytes.length > batchBytes) return stream.send(prefixed(bytes));
      if (filled === 0) queueMicrotask(flush);
      filled = batch.writeUInt32BE(bytes.length, filled);
      batch.set(bytes, filled);
      filled += bytes.length;
      return !stream.writableNeedsDrain;
    },
  };
}
