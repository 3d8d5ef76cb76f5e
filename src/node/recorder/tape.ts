import type { Address } from '../../base/address.ts';
import type { LimitsByAddress } from '../../transport/address-limits.ts';
import type { Security } from '../../transport/security.ts';
import type { ErrorRecord } from './error-record.ts';
import type { Written } from './written-values.ts';

/** What is recorded of a new link. */
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

/** Something that comes from outside and lets the node work. Links, timers and calls are named by numbers. */
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

/** Adds an input, which is taken when its turn comes. `undefined`: it is not wanted any more. */
export type AddInput = (take: () => Input | undefined) => void;

/** Values that the node asks for, which come from outside at once. */
export interface Taken {
  /** Milliseconds. */
  now: number;
  /** Milliseconds. */
  wall: number;
  random: number;
  /** As base64. */
  bytes: string;
  /** Whether a link had room. */
  room: boolean;
  /** What a transport read in the text of an address. */
  address: Address | ErrorRecord | null;
}

/** What happened in a node from an input until nothing was left to do. */
export interface Turn {
  /** Several where a program made calls in a row. */
  readonly inputs: Input[];
  readonly taken: { [Kind in keyof Taken]?: Taken[Kind][] };
  /** What the node did: bytes sent, dials, events. */
  readonly out: string[];
}

/** Where a node's side of all that it exchanges with the outside is written down, or read from. */
export interface Tape {
  /** A value from outside. */
  take<Kind extends keyof Taken>(kind: Kind, read: () => Taken[Kind]): Taken[Kind];
  /** Something that the node does. */
  put(what: string): void;
}
