import type { BroadcastDetails, BroadcastReceipt } from '../api/broadcast-options.ts';
import type { NodeConnection } from '../api/node-connection.ts';
import { messageOf } from '../base/arguments.ts';
import type { Data } from '../base/data.ts';
import type { Log } from '../base/debug.ts';
import type { Handled } from '../channel/channel.ts';

export interface PythonBroadcastsOptions {
  readonly ownId: string;
  readonly connections: () => Iterable<NodeConnection>;
  /** Broadcasts in the name of this node. Throws as `Node.broadcast` does. */
  readonly broadcast: (data: Data, topic: string) => BroadcastReceipt;
  /** Passes a broadcast to the handlers of this node, if it has subscribed to the topic. */
  readonly hand: (origin: string, data: Data, details: BroadcastDetails) => Handled;
  /** This node's clock: milliseconds since 1970. */
  readonly wallNow: () => number;
  readonly log: Log;
}

/** A broadcast as Python nodes receive it. */
export interface Sent {
  readonly data: Data;
  /** The id of the node that signed it. */
  readonly origin: string;
  readonly topic: string;
  readonly id: string;
  /** Milliseconds since 1970, by the clock of its origin. */
  readonly sentAt: number;
}

/** The message by which a Python node asks for a broadcast. */
interface PythonBroadcast {
  readonly broadcast: Data;
  readonly topic?: string;
}

/**
 * Lets Python peers take part in broadcasts: they send and receive them as messages of this node (docs/python.md).
 * Python nodes prove nothing, so this node signs what they broadcast.
 */
export class PythonBroadcasts {
  readonly #options: PythonBroadcastsOptions;

  constructor(options: PythonBroadcastsOptions) {
    this.#options = options;
  }

  /** Sends a broadcast to the Python nodes among the peers, but not to the one that it comes from. */
  send(broadcast: Sent, from?: NodeConnection): void {
    const { connections, log } = this.#options;
    const { data, ...details } = broadcast;
    for (const peer of connections()) {
      if (peer === from || !isPython(peer)) continue;
      try {
        peer.send({ broadcast: data, ...details });
      } catch (error) {
        // Its queue is full, or JSON cannot hold the data.
        log(`a broadcast of ${details.origin} is not sent to ${peer.id}: ${messageOf(error)}`);
      }
    }
  }

  /**
   * Broadcasts the data of a Python node's message, if the message asks for that.
   *
   * @returns `undefined` for any other message.
   * @throws as `Node.broadcast` does.
   */
  receive(peer: NodeConnection, data: Data): Handled | undefined {
    if (!isPython(peer) || !isPythonBroadcast(data)) return undefined;
    const { ownId, broadcast, hand, wallNow } = this.#options;
    const { broadcast: content, topic = '' } = data;
    const { id } = broadcast(content, topic);
    const sentAt = Math.trunc(wallNow());
    this.send({ data: content, origin: ownId, topic, id, sentAt }, peer);
    return hand(ownId, content, { topic, id, sentAt, via: peer, hops: 1, isHistory: false });
  }
}

function isPython({ security }: NodeConnection): boolean {
  return security.protocol === 'p2pnetwork';
}

/** False if there are other fields: the message is then the program's own, or a broadcast that was received. */
function isPythonBroadcast(data: Data): data is PythonBroadcast & { readonly [key: string]: Data } {
  if (typeof data !== 'object' || data === null || !Object.hasOwn(data, 'broadcast')) return false;
  const { topic = '' } = data as { readonly topic?: unknown };
  return (
    typeof topic === 'string' && Object.keys(data).every((key) => key === 'broadcast' || key === 'topic')
  );
}
