import { checkOptions, checkType, checkWellFormed, shown } from '../base/arguments.ts';
import { checkHistoryOptions, type HistoryOptions, type ResolvedHistoryOptions } from './history-options.ts';
import type { NodeConnection } from './node-connection.ts';

/** The options of {@link Node.broadcast}. */
export interface BroadcastOptions {
  /**
   * Hands the broadcast only to nodes that have called {@link Node.subscribe} with this topic. All nodes pass it on. At
   * most 255 bytes of UTF-8. Default: empty, which hands it to every node.
   */
  readonly topic?: string | undefined;
  /**
   * Encrypts the broadcast with the topic's key, as {@link SubscribeOptions.topicKey} does. `broadcast` then returns a
   * promise. A node that has subscribed to the topic with a key need not give it again. Default: the key that the node
   * subscribed with, or none.
   */
  readonly topicKey?: string | undefined;
}

/** The options of {@link Node.subscribe}. */
export interface SubscribeOptions {
  /**
   * A secret text that all subscribers of the topic share. Nodes without it can neither read the topic's broadcasts nor
   * see its name, but pass them on. Nodes that have it cannot be told apart by it: any of them may broadcast.
   *
   * A node takes some 0.1 s to derive the key from the text (scrypt), and does not block meanwhile. Anybody who has
   * recorded a broadcast can try out texts at that price, so choose a long one, such as `openssl rand -hex 16` prints.
   * Default: none, so that any node can read the broadcasts.
   */
  readonly topicKey?: string | undefined;
  /**
   * Whether `node_broadcast` fires for the broadcasts of each origin in the order in which it sent them with this topic.
   * Those of different origins are not ordered among each other. A broadcast that arrives before an earlier one waits for
   * it, until 5 s after the missing one was sent, or until 1,024 broadcasts or 4 MiB of this topic wait. Then the node
   * stops waiting for it. If it arrives later, the node drops it, and counts it in `broadcastCountDropped`; with
   * `history`, it hands it on as `isHistory`. Default false: they are handled as they arrive.
   */
  readonly ordered?: boolean | undefined;
  /**
   * Keeps the latest broadcasts of the topic, and catches up with neighbours that keep it too: a node that joins later,
   * or that was cut off, receives what it missed, with `isHistory`. `{}` for the defaults. Default: none is kept, and what
   * the node misses is lost.
   */
  readonly history?: HistoryOptions | undefined;
}

/** What {@link Node.broadcast} returns. */
export interface BroadcastReceipt {
  /** The id of the broadcast, 64 hexadecimal digits: the SHA-256 of what the node signed. Receivers see the same id. */
  readonly id: string;
  /** How many neighbours pass broadcasts on. How many nodes it reaches, the node cannot know. */
  readonly neighbours: number;
}

/** What a node knows of a broadcast that it received. */
export interface BroadcastDetails {
  /** The topic; empty for a broadcast to every node. */
  readonly topic: string;
  /** The id of the broadcast, 64 hexadecimal digits. */
  readonly id: string;
  /** When its origin sent it, by the clock of the origin: milliseconds since 1970. */
  readonly sentAt: number;
  /** The connection over which it arrived first. */
  readonly via: NodeConnection;
  /**
   * Over how many links it came, at most 255, as the nodes between say. 1: directly from its origin. 0: unknown, because
   * it comes from a history.
   */
  readonly hops: number;
  /** Whether it came from a history: from the history of `via`, because the node had missed it, or from the node's own, because its handlers were too slow. */
  readonly isHistory: boolean;
}

const maxTopicBytes = 255;

/** The nodes' own topics begin with it. */
const ownTopicPrefix = '\0';

/** @throws TypeError or RangeError with the rule and the value. */
export function checkTopic(topic: string): string {
  checkWellFormed('topic', checkType('topic', topic, 'string'));
  if (topic.startsWith(ownTopicPrefix))
    throw new RangeError(`topic must not begin with a zero character, not ${shown(topic)}`);
  const { length } = new TextEncoder().encode(topic);
  if (length > maxTopicBytes) {
    throw new RangeError(`topic must be at most ${maxTopicBytes} bytes of UTF-8, not ${length}`);
  }
  return topic;
}

/** @throws TypeError or RangeError with the rule and the value. */
export function checkBroadcastOptions(given: BroadcastOptions = {}): {
  readonly topic: string;
  readonly topicKey: string | undefined;
} {
  checkOptions(given, ['topic', 'topicKey']);
  return { topic: checkTopic(given.topic ?? ''), topicKey: checkTopicKey(given.topicKey) };
}

/** @throws TypeError with the rule. */
export function checkSubscribeOptions(given: SubscribeOptions = {}): {
  readonly topicKey: string | undefined;
  readonly ordered: boolean;
  readonly history: ResolvedHistoryOptions | undefined;
} {
  checkOptions(given, ['topicKey', 'ordered', 'history']);
  return {
    topicKey: checkTopicKey(given.topicKey),
    ordered: checkType('ordered', given.ordered ?? false, 'boolean'),
    history: given.history === undefined ? undefined : checkHistoryOptions(given.history),
  };
}

/** A secret is not shown, whatever it is. */
function checkTopicKey(topicKey: string | undefined): string | undefined {
  if (topicKey === undefined) return undefined;
  if (typeof topicKey !== 'string') throw new TypeError(`topicKey must be a string, not ${typeof topicKey}`);
  if (topicKey === '')
    throw new TypeError('topicKey must not be empty: leave it out for a topic without a key');
  return checkWellFormed('topicKey', topicKey);
}
