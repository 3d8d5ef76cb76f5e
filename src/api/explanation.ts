import type { ErrorCode } from '../base/errors.ts';
import { printable } from '../base/printable.ts';
import type { CloseReason } from '../channel/channel.ts';

/**
 * The state of another node, as this node sees it. `'self'`: it is this node. `'connected'`, `'suspended'`,
 * `'closing'`: there is a connection, see {@link NodeConnection}. `'connecting'`: a handshake is under way. `'denied'`:
 * this node's own lists exclude it. `'failed'`: the latest attempt failed. `'ended'`: there was a connection.
 * `'known'`: this node knows of it but has not dialled it. `'unknown'`: this node has never heard of it.
 */
export type ReachState =
  | 'self'
  | 'connected'
  | 'suspended'
  | 'closing'
  | 'connecting'
  | 'denied'
  | 'failed'
  | 'ended'
  | 'known'
  | 'unknown';

/**
 * The part that a line of an {@link Explanation} is about. The parts are ordered from the user's node to the far end.
 */
export type ReachTopic =
  | 'node'
  | 'address'
  | 'relay'
  | 'name lookup'
  | 'network'
  | 'port'
  | 'handshake'
  | 'identity'
  | 'admission'
  | 'limit'
  | 'connection'
  | 'session'
  | 'reconnect'
  | 'discovery'
  | 'neighbourhood'
  | 'broadcasts'
  | 'clock';

/** One thing that is true, and what to do about it. */
export interface ExplanationLine {
  /** The part that the line is about. */
  readonly about: ReachTopic;
  /** What is true. */
  readonly text: string;
  /** What to do. Absent if there is nothing to do. */
  readonly advice?: string;
  /** The error code of a failed attempt, or the close reason's code of an ended connection. */
  readonly code?: ErrorCode | CloseReason['code'];
  /** The address that the line is about. */
  readonly address?: string;
  /** How long ago it happened, in milliseconds. */
  readonly ageMs?: number;
}

const summaries: Readonly<Record<ReachState, string>> = {
  self: 'this node itself',
  connected: 'connected',
  suspended: 'connected, but the link is broken and waits for another one',
  closing: 'the connection is closing',
  connecting: 'a handshake is under way',
  denied: 'not connected: the lists of this node keep it out',
  failed: 'not connected: the latest attempt failed',
  ended: 'not connected: the connection ended',
  known: 'not connected: known, but not dialled',
  unknown: 'not connected: this node has never heard of it',
};

/**
 * Why a node is, or is not, reached, and what to do: the answer of {@link Node.explain}. `JSON.stringify` writes its
 * fields; `String(explanation)` is a text for people.
 */
export class Explanation {
  /** The id that was asked for. */
  readonly id: string;
  /** Its state, as this node sees it. */
  readonly state: ReachState;
  /** What is true, and what to do: the most important line first. */
  readonly lines: readonly ExplanationLine[];

  /** @internal */
  constructor(id: string, state: ReachState, lines: readonly ExplanationLine[]) {
    this.id = id;
    this.state = state;
    this.lines = lines;
  }

  /** A text for people: the state in a sentence, then each line, followed by its advice. */
  toString(): string {
    const texts = this.lines.flatMap(({ about, text, advice }) => [
      `  ${about}: ${text}`,
      ...(advice === undefined ? [] : [`    → ${advice}`]),
    ]);
    return [`${this.id}: ${summaries[this.state]}`, ...texts].map(printable).join('\n');
  }
}
