import { checkOptions, checkType, checkWellFormed } from '../base/arguments.ts';
import type { NodeConnection } from './node-connection.ts';

/** The options of {@link Node.broadcast}. */
export interface BroadcastOptions {
  /**
   * Hands the broadcast only to nodes that have called {@link Node.subscribe} with this topic. All nodes pass it on. At
   * most 255 bytes of UTF-8. Default: empty, which hands it to every node.
   */
  readonly topic?: string | undefined;
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
  /** Over how many links it came, at most 255, as the nodes between say. 1: directly from its origin. */
  readonly hops: number;
}

const maxTopicBytes = 255;

/** @throws TypeError or RangeError with the rule and the value. */
export function checkTopic(topic: string): string {
  checkWellFormed('topic', checkType('topic', topic, 'string'));
  const { length } = new TextEncoder().encode(topic);
  if (length > maxTopicBytes) {
    throw new RangeError(`topic must be at most ${maxTopicBytes} bytes of UTF-8, not ${length}`);
  }
  return topic;
}

/** @throws TypeError or RangeError with the rule and the value. */
export function checkBroadcastOptions(given: BroadcastOptions = {}): { readonly topic: string } {
  checkOptions(given, ['topic']);
  return { topic: checkTopic(given.topic ?? '') };
}
