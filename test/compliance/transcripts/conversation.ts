import {
  type Data,
  type ExpectedPeer,
  Identity,
  type Link,
  MemoryHub,
  memory,
  Node,
  type NodeConnection,
  type PeerStream,
  type Protocol,
  type ProtocolPeer,
  Tensor,
  type Transport,
  type TransportContext,
} from '../../../src/index.ts';
import { VirtualRuntime } from '../../../src/simulator/virtual-runtime.ts';

/** Something that one side did on a link, at a time of the virtual clock. */
export interface Said {
  readonly atMs: number;
  /** Links are numbered in the order in which they were dialled. */
  readonly link: number;
  readonly from: 'dialler' | 'listener';
  /** What it sent; `undefined`: the link broke. */
  readonly bytes?: Uint8Array;
}

const compressions = /"compressions":\[[^\]]*\]/;

/** The pieces of each direction as one flow, and without what differs from runtime to runtime: the compressions. */
export function flowsOf(said: readonly Said[]): Map<string, string> {
  const flows = new Map<string, string>();
  for (const { link, from, bytes } of said) {
    const key = `link ${link} from ${from}`;
    flows.set(key, (flows.get(key) ?? '') + (bytes === undefined ? '<broken>' : latin1(bytes)));
  }
  for (const [key, flow] of flows) flows.set(key, withoutCompressions(flow));
  return flows;
}

/** Takes the list out of the hello at the beginning, and sets the length of its frame. */
function withoutCompressions(flow: string): string {
  const length = Number.parseInt(Buffer.from(flow.slice(0, 4), 'latin1').toString('hex'), 16);
  const hello = flow.slice(8, 8 + length);
  return `${flow.slice(4, 8)}${hello.replace(compressions, '"compressions":[]')}${flow.slice(8 + length)}`;
}

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

class Echo implements Protocol {
  readonly name: string;
  readonly outlivesLinks: boolean;

  constructor(name: string, outlivesLinks: boolean) {
    this.name = name;
    this.outlivesLinks = outlivesLinks;
  }

  attach(): void {}
  opened(_peer: ProtocolPeer): void {}
  closed(): void {}
  received(_peer: ProtocolPeer, _bytes: Uint8Array): void {}
}

/** Greets when it opens, so that the dialler has something to say. */
class Greeting extends Echo {
  override opened(peer: ProtocolPeer): void {
    peer.send(new TextEncoder().encode(`${this.name} greets`));
  }
}

/** Answers whatever it is told, and says nothing by itself: what it says follows from what it hears. */
export class Listener extends Node {
  readonly heard: Data[] = [];

  /** A request fails on purpose. */
  override nodeError(): void {}

  override nodeMessage(peer: NodeConnection, data: Data): void {
    this.heard.push(data);
    if (data === 'answer me') peer.send({ heard: this.heard.length });
  }

  override nodeRequest(_peer: NodeConnection, data: Data): Data {
    if (data === 'fail') throw new Error('it fails');
    return [data, 'answered'];
  }

  override async nodeStream(_peer: NodeConnection, stream: PeerStream): Promise<void> {
    const { header } = stream;
    if (header === 'abort') {
      stream.abort(new Error('not now'));
      return;
    }
    for await (const bytes of stream) stream.write(bytes);
    stream.end();
  }
}

const protocolsOf = (kind: typeof Echo): Protocol[] => [
  new kind('lasting/1', true),
  new kind('fleeting/1', false),
];

const settings = (runtime: VirtualRuntime, entity: string, kind: typeof Echo) => ({
  name: entity,
  network: 'transcripts',
  runtime: runtime.of(entity),
  identity: Identity.fromSeed(new Uint8Array(32).fill(entity.length)),
  protocols: protocolsOf(kind),
  limits: { unhandledMaxBytes: 100_000, memoryBudgetBytes: 64 * 2 ** 20 },
  reconnect: { minDelayMs: 100, maxDelayMs: 100 },
});

export function makeListener(runtime: VirtualRuntime, transport: Transport): Listener {
  return new Listener('town', 2, { ...settings(runtime, 'listener', Echo), transports: [transport] });
}

/** One of every kind of frame and format, a break and its mending, and a goodbye. */
export async function talk(runtime: VirtualRuntime, transport: Transport, breakLink: () => void) {
  const node = new Node('town', 1, { ...settings(runtime, 'dialler', Greeting), transports: [transport] });
  await runtime.settle(node.start());
  const peer = await runtime.settle(node.connectWithNode('town', 2, { reconnect: true }));
  const data: Data[] = [
    'text ✓',
    { json: [1, 'two', null, true, { three: 3.5 }] },
    new Uint8Array([1, 2, 3]),
    { cbor: new Float32Array([1, 2]), big: 2n ** 70n, zero: -0 },
    ...[Int8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array].map(
      (kind) => new kind([1, 2]),
    ),
    new BigInt64Array([1n]),
    new BigUint64Array([2n]),
    new Float32Array([0.5]),
    new Float64Array([0.25]),
    { tensor: Tensor.from([[1.5, 2.5]]), none: new Tensor('bfloat16', [0], new Uint8Array(0)) },
    'answer me',
  ];
  for (const one of data) peer.send(one);
  await runtime.advance(100);
  await runtime.settle(peer.deliver('delivered'));
  await runtime.settle(peer.request({ question: 1 }));
  await runtime.settle(peer.request('fail').catch(() => {}));
  await runtime.settle(peer.ping());
  peer.send(new Uint8Array(300_000));
  await runtime.advance(100);
  const stream = await runtime.settle(peer.openStream({ name: 'echo' }));
  stream.write(new Uint8Array(100).fill(7));
  stream.end();
  await runtime.settle(
    (async () => {
      for await (const _ of stream);
    })(),
  );
  await runtime.settle(
    (async () => {
      const aborted = await peer.openStream('abort');
      for await (const _ of aborted);
    })().catch(() => {}),
  );
  await runtime.advance(100);
  breakLink();
  await runtime.advance(10);
  peer.send('said while the link was broken');
  await runtime.advance(1_000);
  await runtime.settle(peer.request('after the break'));
  await runtime.advance(20_000); // a ping of each side
  await runtime.settle(node.stop());
}

/** A transport whose links are shown to the test. */
export function recording(inner: Transport, onLink: (link: Link) => void): Transport {
  return {
    schemes: inner.schemes,
    attach: (context: TransportContext) => inner.attach(context),
    listen: (address, taken) =>
      inner.listen(address, (link) => {
        onLink(link);
        taken(link);
      }),
    dial: async (address, signal: AbortSignal, expected?: ExpectedPeer) => {
      const link = await inner.dial(address, signal, expected);
      onLink(link);
      return link;
    },
    close: () => inner.close(),
  };
}

/** The whole conversation between two nodes, as it goes over the links. */
export async function record(): Promise<{ said: Said[]; heard: Data[] }> {
  const runtime = new VirtualRuntime({ seed: 1 });
  const hub = new MemoryHub();
  const said: Said[] = [];
  const counts = { dialler: 0, listener: 0 };
  let current: Link | undefined;
  const recorder = (from: Said['from']) => (link: Link) => {
    const number = counts[from]++;
    if (from === 'dialler') current = link;
    const send = link.send.bind(link);
    link.send = (bytes, sent) => {
      said.push({ atMs: runtime.now(), link: number, from, bytes: Uint8Array.from(bytes) });
      return send(bytes, sent);
    };
  };
  const listener = makeListener(runtime, recording(memory({ hub }), recorder('listener')));
  await runtime.settle(listener.start());
  await talk(runtime, recording(memory({ hub }), recorder('dialler')), () => {
    said.push({ atMs: runtime.now(), link: counts.dialler - 1, from: 'dialler' });
    current!.destroy();
  });
  await runtime.advance(1_000);
  await runtime.settle(listener.stop());
  return { said, heard: listener.heard };
}

/** The listener alone, given what the dialler said, as it was said. */
export async function replay(recorded: readonly Said[]): Promise<{ said: Said[]; heard: Data[] }> {
  const runtime = new VirtualRuntime({ seed: 1 });
  const said: Said[] = [];
  const dialler = Identity.fromSeed(new Uint8Array(32).fill('dialler'.length)).id;
  let accept: (link: Link) => void = () => {};
  const links = new Map<number, Link>();
  const transport: Transport = {
    schemes: ['memory'],
    attach() {},
    listen: async (address, onLink) => {
      accept = onLink;
      return [{ scheme: 'memory', host: address.host, port: address.port }];
    },
    dial: () => Promise.reject(new Error('it only listens')),
    async close() {
      for (const link of links.values()) link.destroy();
    },
  };
  const makeLink = (number: number): Link => {
    const { promise, resolve } = Promise.withResolvers<Error | undefined>();
    const end = (): void => resolve(undefined);
    return {
      remoteId: dialler,
      remoteAddress: { scheme: undefined, host: 'memory', port: 49_152 + number },
      security: { protocol: 'memory', encrypted: true, authenticated: true },
      limitsByAddress: false,
      startedAt: runtime.now(),
      onMessage: () => {},
      send(bytes, sent) {
        said.push({ atMs: runtime.now(), link: number, from: 'listener', bytes: Uint8Array.from(bytes) });
        sent?.();
        return true;
      },
      drained: async () => {},
      pause() {},
      resume() {},
      close: end,
      destroy: end,
      closed: promise,
    };
  };
  const listener = makeListener(runtime, transport);
  await runtime.settle(listener.start());
  for (const { atMs, link: number, from, bytes } of recorded) {
    if (from !== 'dialler') continue;
    await runtime.advance(atMs - runtime.now());
    let link = links.get(number);
    if (link === undefined) {
      link = makeLink(number);
      links.set(number, link);
      accept(link);
    }
    if (bytes === undefined) link.destroy();
    else link.onMessage(bytes);
    await runtime.advance(0);
  }
  await runtime.advance(1_000);
  await runtime.settle(listener.stop());
  return { said, heard: listener.heard };
}
