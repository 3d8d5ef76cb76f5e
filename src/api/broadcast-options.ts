import { checkOptions, checkType, checkWellFormed, shown } from '../base/arguments.ts';
import { checkHistoryOptions, type HistoryOptions, type ResolvedHistoryOptions } from './history-options.ts';
import type { NodeConnection } from './node-connection.ts';

/** The options of {@link Node.broadcast}. */
export interface BroadcastOptions {
  /**
   * The topic: only nodes that have called {@link Node.subscribe} with it receive the event, but all nodes pass the
   * broadcast on. At most 255 bytes of UTF-8. Default empty: every node receives the event.
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
   * see its name, but pass them on. The key does not say who broadcasts: any node that has it may.
   *
   * A node takes about 0.1 s to derive the key from the text (scrypt), without blocking. An attacker who has recorded a
   * broadcast can try out texts at the same cost, so choose a long random text, such as `openssl rand -hex 16` prints.
   * Default none: any node can read the broadcasts.
   */
  readonly topicKey?: string | undefined;
  /**
   * Whether `node_broadcast` fires for the broadcasts of each origin in the order in which it sent them with this
   * topic. Broadcasts of different origins are not ordered. A broadcast that arrives before an earlier one waits for
   * it, until 5 s after the missing one was sent, or until 1,024 broadcasts or 4 MiB of this topic wait. Then the node
   * stops waiting. If the missing broadcast arrives later, the node drops it and counts it in `broadcastCountDropped`;
   * with `history`, it reports it with `isHistory`. Default false: broadcasts are handled as they arrive.
   */
  readonly ordered?: boolean | undefined;
  /**
   * Keeps the latest broadcasts of the topic, and catches up with other nodes that keep it too: a node that joins
   * later, or that was cut off, receives what it missed, with `isHistory`. `{}` for the defaults. Default: nothing is
   * kept, and the node never receives what it missed.
   */
  readonly history?: HistoryOptions | undefined;
}

/** What {@link Node.broadcast} returns. */
export interface BroadcastReceipt {
  /** The id of the broadcast, 64 hexadecimal digits: the SHA-256 of what the node signed. Receivers see the same id. */
  readonly id: string;
  /** How many neighbours the broadcast was given to. The node cannot know how many nodes it reaches. */
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
   * How many links it crossed, at most 255, as reported by the nodes in between. 1: it came directly from its origin.
   * 0: unknown, because it comes from a history.
   */
  readonly hops: number;
  /**
   * Whether it came from a history: from the history of `via`, because the node had missed it, or from the node's own,
   * because its handlers were too slow.
   */
  readonly isHistory: boolean;
}

const maxTopicBytes = 255;

/** Topics that nodes use themselves begin with it. */
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

/** The error does not show the value, because it is a secret. */
function checkTopicKey(topicKey: string | undefined): string | undefined {
  if (topicKey === undefined) return undefined;
  if (typeof topicKey !== 'string') throw new TypeError(`topicKey must be a string, not ${typeof topicKey}`);
  if (topicKey === '')
    throw new TypeError('topicKey must not be empty: leave it out for a topic without a key');
  return checkWellFormed('topicKey', topicKey);
}
