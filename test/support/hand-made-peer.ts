import type { TestContext } from 'node:test';
import { type HandshakeOptions, shakeHands } from '../../src/channel/handshake.ts';
import { LinkEnd } from '../../src/channel/link-end.ts';
import {
  Identity,
  type Link,
  type Node,
  type Runtime,
  systemRuntime,
  type Transport,
} from '../../src/index.ts';
import { availableCompressions } from '../../src/wire/compression/compression.ts';
import { FrameReader } from '../../src/wire/frames/frame-reader.ts';
import { type Hello, protocolVersions } from '../../src/wire/frames/hello.ts';
import type { Engine } from './engines.ts';
import { Fixture } from './fixture.ts';
import { transportContext } from './links.ts';
import { defaultWindows } from './windows.ts';

export interface HandMadeOptions {
  readonly engine: Engine;
  readonly runtime?: Runtime | undefined;
  readonly identity?: Identity | undefined;
  /** What it says of itself, where that is not the usual. */
  readonly hello?: Partial<Hello> | undefined;
  /** What it answers who asks it for a session. Default: nothing. */
  readonly session?: HandshakeOptions['session'] | undefined;
}

/** A peer that does the handshake like any other, and after it nothing that the test does not do. */
export class HandMadePeer {
  readonly link: Link;
  readonly id: string;
  /** What the node said of itself. */
  readonly theirs: Hello;
  /** The kinds of the frames that came after the handshake. */
  readonly kinds: number[] = [];

  private constructor(link: Link, id: string, theirs: Hello) {
    this.link = link;
    this.id = id;
    this.theirs = theirs;
  }

  /** Connects with a node. */
  static async dial(
    t: TestContext,
    node: Node,
    { engine, runtime = systemRuntime, identity, hello }: HandMadeOptions,
  ): Promise<HandMadePeer> {
    const { transport, id, options } = prepare(t, { engine, runtime, identity, hello });
    const address = { scheme: undefined, host: node.host, port: node.port };
    const link = await transport.dial(address, new AbortController().signal);
    return HandMadePeer.#handshake(link, id, { ...options, direction: 'outbound' });
  }

  /** Waits for a node to connect. */
  static async listen(
    t: TestContext,
    { engine, runtime = systemRuntime, identity, hello, session }: HandMadeOptions,
  ): Promise<{ port: number; peer: Promise<HandMadePeer> }> {
    const { transport, id, options } = prepare(t, { engine, runtime, identity, hello, session });
    const { promise, resolve } = Promise.withResolvers<HandMadePeer>();
    const [bound] = await transport.listen({ scheme: undefined, host: engine.host, port: 0 }, (link) => {
      const answering = HandMadePeer.#handshake(link, id, { ...options, direction: 'inbound' });
      answering.catch(() => {}); // of a later link than the one that is waited for
      resolve(answering);
    });
    return { port: bound!.port, peer: promise };
  }

  static async #handshake(link: Link, id: string, options: HandshakeOptions): Promise<HandMadePeer> {
    const { takeRest, theirs } = await shakeHands(new LinkEnd(link), options);
    const peer = new HandMadePeer(link, id, theirs);
    const reader = new FrameReader((kind) => void peer.kinds.push(kind), options.limits);
    link.onMessage = (bytes) => void reader.push(bytes);
    for (const bytes of takeRest()) link.onMessage(bytes);
    return peer;
  }
}

function prepare(
  t: TestContext,
  { engine, runtime, identity = Identity.generate(), hello, session }: HandMadeOptions & { runtime: Runtime },
) {
  const context = { ...transportContext(engine.networkKey), runtime, identity };
  const transport: Transport = engine.transport();
  transport.attach(context);
  Fixture.of(t).defer(() => transport.close());
  const ours: Hello = {
    versions: protocolVersions,
    network: '',
    addresses: [],
    name: 'by hand',
    instance: 'by hand',
    maxMessageBytes: context.limits.maxMessageBytes,
    compressions: availableCompressions(),
    windows: defaultWindows,
    protocols: [],
    replace: false,
    ...hello,
  };
  const options = {
    hello: ours,
    limits: context.limits,
    runtime,
    admit: () => undefined,
    ...(session && { session }),
  };
  return { transport, id: identity.id, options };
}
