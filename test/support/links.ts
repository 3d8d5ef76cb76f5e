import type { TestContext } from 'node:test';
import { resolveLimits } from '../../src/base/limits.ts';
import { Identity } from '../../src/identity/identity.ts';
import { networkSecretOf } from '../../src/identity/network-secret.ts';
import { type Link, systemRuntime, type Transport, type TransportContext } from '../../src/index.ts';
import type { Engine } from './engines.ts';
import { Fixture } from './fixture.ts';
import { within } from './turns.ts';

/** What a node gives its transport, without the node. */
export function transportContext(networkKey?: string): TransportContext {
  return {
    identity: Identity.generate(),
    network: '',
    networkSecret: networkKey === undefined ? undefined : networkSecretOf(networkKey),
    limits: resolveLimits(),
    runtime: systemRuntime,
    log: Object.assign(() => {}, { enabled: false }),
    onInboundFailure: () => {},
  };
}

/** One end of a link, which keeps count of what arrives. */
export class LinkEnd {
  readonly link: Link;
  received = 0;
  /** What arrived, unless {@link LinkEnd.keeps} was switched off. */
  readonly pieces: Uint8Array[] = [];
  keeps = true;
  #waiting: { bytes: number; resolve: () => void } | undefined;

  constructor(link: Link) {
    this.link = link;
    link.onMessage = (bytes) => {
      this.received += bytes.length;
      if (this.keeps) this.pieces.push(Uint8Array.from(bytes));
      if (this.#waiting !== undefined && this.received >= this.#waiting.bytes) this.#waiting.resolve();
    };
  }

  /** Resolves when that many bytes have arrived in all. */
  async arrived(bytes: number): Promise<void> {
    if (this.received >= bytes) return;
    const waiting = new Promise<void>((resolve) => {
      this.#waiting = { bytes, resolve };
    });
    await within(waiting, () => `${bytes} bytes arrive; there are ${this.received}`);
  }

  /** Sends piece after piece, each when the link has room. */
  async sendAll(pieces: Iterable<Uint8Array>): Promise<void> {
    for (const piece of pieces) if (!this.link.send(piece)) await this.link.drained();
  }
}

/** Two attached transports, one of which listens. */
export interface Line {
  readonly dialler: { readonly transport: Transport; readonly context: TransportContext };
  readonly listener: { readonly transport: Transport; readonly context: TransportContext };
  readonly port: number;
  /** Makes a link and hands over both of its ends. */
  link(): Promise<{ ours: LinkEnd; theirs: LinkEnd }>;
  /** Ends of links that came in. */
  readonly accepted: readonly LinkEnd[];
}

/** Sets up two transports; they are closed when the test ends. */
export async function openLine(t: TestContext, engine: Engine): Promise<Line> {
  const [dialler, listener] = [0, 1].map(() => {
    const context = transportContext(engine.networkKey);
    const transport = engine.transport();
    transport.attach(context);
    Fixture.of(t).defer(() => within(transport.close(), 'the transport closes'));
    return { transport, context };
  }) as [Line['dialler'], Line['listener']];
  const accepted: LinkEnd[] = [];
  let arrival = Promise.withResolvers<LinkEnd>();
  const address = { scheme: undefined, host: engine.host };
  const [bound] = await listener.transport.listen({ ...address, port: 0 }, (link) => {
    const end = new LinkEnd(link);
    accepted.push(end);
    arrival.resolve(end);
  });
  return {
    dialler,
    listener,
    port: bound!.port,
    accepted,
    async link() {
      arrival = Promise.withResolvers();
      const { port } = bound!;
      const ours = new LinkEnd(
        await dialler.transport.dial({ ...address, port }, new AbortController().signal),
      );
      return { ours, theirs: await within(arrival.promise, 'the listener gets the link') };
    },
  };
}
