import { memory, type Transport, tcp, webSocket } from '../../src/index.ts';

/** A transport as the compliance suite sees it. */
export interface Engine {
  readonly name: string;
  /** A host that its nodes can listen on and dial. */
  readonly host: string;
  /** For nodes that use it. */
  readonly networkKey?: string;
  /** A new one for each node. */
  transport(): Transport;
  /** Why a test of the suite, by its name, does not apply. */
  readonly skips?: Readonly<Record<string, string>>;
}

const instant = { 'an aborted dial ends at once': 'links in one process are there at once' };
/** The `skips` of a transport whose links are not encrypted. */
export const unencrypted = {
  'only holders of the network key connect': 'a network key needs encryption',
};

/** Every transport there is: a new one is added here, and must then keep all the promises. */
export const engines: readonly Engine[] = [
  { name: 'memory()', host: 'compliance', transport: () => memory(), skips: instant },
  { name: 'tcp(), TLS', host: '127.0.0.1', transport: () => tcp() },
  {
    name: 'tcp(), TLS with a network key',
    host: '127.0.0.1',
    networkKey: 'a shared key',
    transport: () => tcp(),
  },
  {
    name: 'tcp(), plain',
    host: '127.0.0.1',
    transport: () => tcp({ accept: ['plain'] }),
    skips: unencrypted,
  },
  { name: 'webSocket()', host: '127.0.0.1', transport: () => webSocket() },
  {
    name: 'webSocket() with a network key',
    host: '127.0.0.1',
    networkKey: 'a shared key',
    transport: () => webSocket(),
  },
];
