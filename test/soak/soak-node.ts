import {
  type Data,
  type Link,
  Node,
  type NodeConnection,
  type NodeOptions,
  type PeerloomError,
  type PeerStream,
  type Transport,
} from '../../src/index.ts';
import '../support/checked-pools.ts';
import { withLinks } from '../support/with-links.ts';
import type { End, Ledger } from './ledger.ts';

/** A message that both sides keep books of. */
interface Entry {
  readonly from: string;
  readonly number: number;
  readonly content: Data;
}

/** A node that keeps books of all that happens to it. */
export class SoakNode extends Node {
  /** How long its handlers take. */
  slowMs = 0;
  readonly ends = new Map<NodeConnection, End>();
  /** The latest with each peer. */
  readonly #links: Map<string, Link>;
  readonly #ledger: Ledger;
  #handled = 0;

  constructor(
    host: string,
    port: number,
    { ledger, transport, ...options }: NodeOptions & { ledger: Ledger; transport: Transport },
  ) {
    const links = new Map<string, Link>();
    super(host, port, {
      ...options,
      transports: [withLinks(transport, (link) => links.set(link.remoteId, link))],
    });
    this.#links = links;
    this.#ledger = ledger;
  }

  /** Sends with the next number; false as {@link NodeConnection.send} has it. */
  say(connection: NodeConnection, content: Data): boolean {
    const end = this.ends.get(connection)!;
    const hasRoom = connection.send({ from: end.name, number: end.sent + 1, content });
    end.sent += 1;
    return hasRoom;
  }

  /** Sends the last message for now, and waits until it was handled. */
  async conclude(connection: NodeConnection, content: Data): Promise<void> {
    const end = this.ends.get(connection)!;
    const handled = connection.deliver({ from: end.name, number: end.sent + 1, content });
    end.sent += 1;
    try {
      await handled;
      end.isConfirmed = true;
    } catch (error) {
      end.isConfirmed = false;
      // The only one of the errors for which nothing was sent.
      if ((error as PeerloomError).code === 'ERR_QUEUE_FULL') end.sent -= 1;
    }
  }

  /** Breaks the link, as a cable that is pulled. */
  cut(connection: NodeConnection): void {
    this.#links.get(connection.id)!.destroy();
  }

  /** Disconnects; from who has gone already as well, so that nobody connects again. */
  async leave(connection: NodeConnection): Promise<void> {
    const end = this.ends.get(connection)!;
    if (connection.isOpen || end.connects > end.disconnects) end.hasLeft = true;
    await this.disconnectWithNode(connection);
  }

  override async stop(): Promise<void> {
    for (const end of this.ends.values()) end.hasLeft = true;
    await super.stop();
    this.#links.clear();
  }

  /** Drops what is over: a link that is kept would keep the node at its other end, and that one's links. */
  forget(): void {
    this.ends.clear();
    this.#links.clear();
  }

  /** What the node counted is what its handlers were given. */
  checkCounts(): void {
    const { messageCountRecv, messageCountRerr } = this;
    this.#ledger.check(
      messageCountRecv === this.#handled && messageCountRerr === 0,
      () =>
        `'${this.name}' counts ${messageCountRecv} received, ${messageCountRerr} rejected, handled ${this.#handled}`,
    );
  }

  override inboundNodeConnected(peer: NodeConnection): void {
    this.#onConnected(peer);
  }

  override outboundNodeConnected(peer: NodeConnection): void {
    this.#onConnected(peer);
  }

  override inboundNodeDisconnected(peer: NodeConnection): void {
    this.#onDisconnected(peer);
  }

  override outboundNodeDisconnected(peer: NodeConnection): void {
    this.#onDisconnected(peer);
  }

  override async nodeMessage(peer: NodeConnection, data: Data): Promise<void> {
    this.#handled += 1;
    const { from, number } = data as unknown as Entry;
    this.#ledger.received(this.ends.get(peer)!, from, number);
    if (this.slowMs > 0) await new Promise((resolve) => setTimeout(resolve, this.slowMs));
  }

  override async nodeRequest(_peer: NodeConnection, data: Data): Promise<Data> {
    this.#handled += 1;
    if (this.slowMs > 0) await new Promise((resolve) => setTimeout(resolve, this.slowMs));
    return data;
  }

  /** Reads to the end, and answers with how much that was. */
  override async nodeStream(_peer: NodeConnection, stream: PeerStream): Promise<void> {
    let bytes = 0;
    try {
      for await (const piece of stream) bytes += piece.length;
      stream.write(Buffer.from(String(bytes)));
      stream.end();
    } catch {
      // Who opened it has looked to that.
    }
  }

  override nodeMessageRejected(_peer: NodeConnection, error: Error): void {
    this.#ledger.violation(`'${this.name}' rejected a message: ${error.message}`);
  }

  override nodeError(error: unknown): void {
    this.#ledger.violation(`a handler of '${this.name}' failed: ${error}`);
  }

  #onConnected(peer: NodeConnection): void {
    let end = this.ends.get(peer);
    if (end === undefined) {
      end = this.#ledger.open(peer);
      this.ends.set(peer, end);
    }
    end.connects += 1;
    const { name, connects, disconnects } = end;
    this.#ledger.check(connects === disconnects + 1, () => `${name} is connected twice at a time`);
  }

  #onDisconnected(peer: NodeConnection): void {
    const end = this.ends.get(peer)!;
    end.disconnects += 1;
    const { name, connects, disconnects } = end;
    this.#ledger.check(connects === disconnects, () => `${name} is disconnected twice`);
    const { code, message } = peer.closeReason!;
    this.#ledger.check(
      code !== 'protocol' && code !== 'overload',
      () => `${name} ended with ${code}: ${message}`,
    );
  }
}
