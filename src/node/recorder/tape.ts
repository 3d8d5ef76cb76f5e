import type { Address } from '../../base/address.ts';
import type { LimitsByAddress } from '../../transport/address-limits.ts';
import type { Security } from '../../transport/security.ts';
import type { ErrorRecord } from './error-record.ts';
import type { Written } from './written-values.ts';

/** The recorded properties of a new link. */
export interface LinkFacts {
  readonly remoteId: string;
  readonly remoteAddress: Address;
  readonly security: Security;
  readonly speaks?: 'frames' | 'packets' | undefined;
  readonly limitsByAddress?: LimitsByAddress | undefined;
  readonly announcedPort?: number | undefined;
  readonly isOfOtherNetwork?: boolean | undefined;
  readonly startedAt: number;
}

/** Something that comes from outside and makes the node work. Links, timers and calls are named by numbers. */
export type Input =
  | readonly ['setup']
  | readonly ['timer', timer: number]
  | readonly ['listened', transport: number, call: number, outcome: readonly Address[] | ErrorRecord]
  | readonly ['link', link: number, transport: number, facts: LinkFacts]
  | readonly ['dialled', transport: number, call: number, link: number, facts: LinkFacts]
  | readonly ['not dialled', transport: number, call: number, error: ErrorRecord]
  | readonly ['not accepted', transport: number, from: Address, error: ErrorRecord]
  | readonly ['bytes', link: number, base64: string]
  | readonly ['drained', link: number, call: number]
  | readonly ['closed', link: number, error: ErrorRecord | null]
  | readonly ['transport closed', transport: number, call: number, error: ErrorRecord | null]
  | readonly ['call', target: number, method: string, args: readonly Written[]];

/** Adds an input. `take` is called when its turn comes, and returns `undefined` if the input is no longer needed. */
export type AddInput = (take: () => Input | undefined) => void;

/** Values that the node reads from outside, and receives immediately. */
export interface Taken {
  /** Milliseconds. */
  now: number;
  /** Milliseconds. */
  wall: number;
  random: number;
  /** Random bytes, as base64. */
  bytes: string;
  /** Whether a link had room. */
  room: boolean;
  /**
   * What a transport parsed from the text of an address: the address, an error, or `null` if it does not know the form.
   */
  address: Address | ErrorRecord | null;
}

/** Everything that happened in a node from an input until nothing was left to do. */
export interface Turn {
  /** The inputs of the turn: several if a program made calls in a row. */
  readonly inputs: Input[];
  readonly taken: { [Kind in keyof Taken]?: Taken[Kind][] };
  /** The node's actions: bytes sent, dials, events. */
  readonly out: string[];
}

/** Records what the node reads from outside and what it does, or compares it with a recording. */
export interface Tape {
  /** Returns a value from outside. A recorder calls `read` for it; a replay takes it from the recording. */
  take<Kind extends keyof Taken>(kind: Kind, read: () => Taken[Kind]): Taken[Kind];
  /** Adds an action of the node. */
  put(what: string): void;
}
