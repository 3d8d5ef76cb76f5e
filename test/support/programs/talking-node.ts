/** A node in a process of its own that talks with the first node it meets, and tells its parent of it. */
import {
  type Data,
  Node,
  type NodeConnection,
  type NodeOptions,
  type PeerStream,
} from '../../../src/index.ts';
import '../checked-pools.ts';
import { Talk, type TalkOptions, type TalkReport } from '../talk.ts';

export interface TalkingOptions {
  readonly host: string;
  readonly node: NodeOptions;
  readonly talk: TalkOptions;
  /** Messages between two progress reports. */
  readonly progressEvery: number;
}

export type TalkingCommand =
  | { readonly name: 'connect'; readonly host: string; readonly port: number }
  | { readonly name: 'finish' }
  | { readonly name: 'stop' };

export type TalkingEvent =
  | { readonly name: 'listening'; readonly port: number }
  | { readonly name: 'connected' | 'disconnected' }
  | { readonly name: 'progress'; readonly received: number }
  | { readonly name: 'done'; readonly report: TalkReport }
  | { readonly name: 'failed'; readonly message: string };

const { host, node: nodeOptions, talk: talkOptions, progressEvery } = JSON.parse(process.argv[2]!);
const talk = new Talk(talkOptions);
const tell = (event: TalkingEvent): void => void process.send!(event);
const fail = (message: string): void => tell({ name: 'failed', message });

class TalkingNode extends Node {
  #connection: NodeConnection | undefined;

  override outboundNodeConnected(peer: NodeConnection): void {
    this.#onConnected(peer);
  }

  override inboundNodeConnected(peer: NodeConnection): void {
    this.#onConnected(peer);
  }

  override outboundNodeDisconnected(): void {
    tell({ name: 'disconnected' });
  }

  override inboundNodeDisconnected(): void {
    tell({ name: 'disconnected' });
  }

  override nodeMessage(_peer: NodeConnection, data: Data): void {
    talk.onMessage(data);
    if (talk.received % progressEvery !== 0) return;
    talk.noteHeldBytes();
    tell({ name: 'progress', received: talk.received });
  }

  override nodeRequest(_peer: NodeConnection, data: Data): Data {
    return talk.onRequest(data);
  }

  override nodeStream(_peer: NodeConnection, stream: PeerStream): Promise<void> {
    return talk.onStream(stream);
  }

  #onConnected(peer: NodeConnection): void {
    tell({ name: 'connected' });
    if (this.#connection === peer) return;
    if (this.#connection !== undefined) fail('the connection that came back is another object');
    this.#connection = peer;
    talk.hold(peer).then(
      (report) => tell({ name: 'done', report }),
      (error: Error) => fail(error.stack ?? error.message),
    );
  }
}

const node = new TalkingNode(host, 0, nodeOptions);
const exit = (): void => process.exit();
process.on('disconnect', exit);
process.on('message', async (command: TalkingCommand) => {
  if (command.name === 'finish') talk.finish();
  else if (command.name === 'stop') {
    await node.stop();
    // From here on only what was left behind keeps this process alive.
    process.off('disconnect', exit);
    process.disconnect();
  } else {
    await connect(command.host, command.port);
  }
});

/** The first attempts may be cut as well. */
async function connect(host: string, port: number, attempts = 10): Promise<void> {
  try {
    await node.connectWithNode(host, port, { reconnect: true });
  } catch (error) {
    if (attempts > 1) return connect(host, port, attempts - 1);
    fail((error as Error).message);
  }
}

await node.start();
tell({ name: 'listening', port: node.port });
