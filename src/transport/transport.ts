import type { Address } from '../base/address.ts';
import type { Log } from '../base/debug.ts';
import type { PeerloomError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import type { Runtime } from '../base/runtime.ts';
import type { Identity } from '../identity/identity.ts';
import type { Security } from './security.ts';

/**
 * An ordered, reliable, authenticated two-way flow of bytes between two nodes.
 *
 * What is sent arrives in order, but pieces may be joined or cut on the way. A link that is not needed any
 * more is closed (what was sent still goes out) or destroyed (it does not); `closed` settles exactly once,
 * whatever ended it, and nothing arrives after it.
 */
export interface Link {
  /** The id of the node on the other side, proven by its key, unless `security` says otherwise. */
  readonly remoteId: string;
  /** Where the other end of the link is; of an inbound link this is not where that node listens. */
  readonly remoteAddress: Address;
  /** What the link promises. */
  readonly security: Security;
  /** When the other side was first heard of, by the runtime's clock: handshakes are limited in all. */
  readonly startedAt: number;
  /** The port that the other side says it listens on, where it says so before the link is handed over. */
  readonly announcedPort?: number | undefined;
  /** The other side proved its id for another network than this node's, and has to say so in its hello. */
  readonly isOfOtherNetwork?: boolean;
  /**
   * Called with each piece that arrives, which must be read during the call: its memory is used again. Set it
   * in the turn in which the link was handed over. If it throws, the link ends with that error.
   */
  onMessage: (bytes: Uint8Array) => void;
  /**
   * Tells where the next bytes would best be read to: a link that can do so hands exactly that piece of memory,
   * as far as it is filled, to `onMessage`. A link that is closed or destroyed does not ask any more.
   */
  readTarget?: (() => Uint8Array | undefined) | undefined;
  /**
   * Takes bytes to send, and calls `sent` when it does not need their memory any more: once, and never after it has
   * failed or was destroyed. Until then, and for ever where `sent` is not called, the caller must not change them.
   *
   * @returns false: the link has taken them but is full; wait for {@link Link.drained} before sending more.
   */
  send(bytes: Uint8Array, sent?: () => void): boolean;
  /** Resolves when the link has room again, or has closed. */
  drained(): Promise<void>;
  /** Nothing arrives, and the sender is held back, until {@link Link.resume}. */
  pause(): void;
  /** Ends what {@link Link.pause} began. */
  resume(): void;
  /** Ends the link once what was sent is out; within `timeoutMs` milliseconds at the latest. */
  close(timeoutMs: number): void;
  /** Ends the link at once. */
  destroy(): void;
  /** Resolves when the link has ended: with the error that ended it, or `undefined` for an orderly end. */
  readonly closed: Promise<Error | undefined>;
}

/** What a transport is given by the node that it belongs to. */
export interface TransportContext {
  /** Who the node is: links are authenticated with its key. */
  readonly identity: Identity;
  /** The name of the network that the node belongs to; empty for none. */
  readonly network: string;
  /** 32 bytes made from the node's `networkKey`; both sides of a link must hold the same. */
  readonly networkSecret: Uint8Array | undefined;
  /** The bounds to keep. */
  readonly limits: Limits;
  /** Where to take time and randomness from. */
  readonly runtime: Runtime;
  /** Takes each step, and what goes wrong, in plain words. */
  readonly log: Log;
  /** Takes, once for each connection, why one that came in never became a link; the node reports it to the user. */
  readonly onInboundFailure: (from: Address, error: PeerloomError) => void;
}

/** Who should answer a dial. */
export interface ExpectedPeer {
  /** The id that it must prove. */
  readonly id: string;
  /** Only this node may answer. Otherwise it is the one that answered there last, and another may have come. */
  readonly isPinned: boolean;
}

/**
 * A way to reach other nodes: an engine under {@link Node}. Everything above it is the same for all.
 *
 * A transport belongs to one node. Its links are authenticated when it hands them over. When the handshake of an
 * inbound connection fails, or takes longer than the limits allow, the transport ends that connection and reports it
 * through {@link TransportContext.onInboundFailure}.
 */
export interface Transport {
  /** The schemes of the addresses that it dials; the first is the one of addresses without a scheme. */
  readonly schemes: readonly string[];
  /**
   * Called once, by the node, before anything else.
   *
   * @throws PeerloomError `ERR_TRANSPORT_IN_USE` when it belongs to a node already.
   */
  attach(context: TransportContext): void;
  /**
   * Accepts links; port 0 picks a free one.
   *
   * @returns the address bound.
   * @throws PeerloomError `ERR_ADDRESS_IN_USE`, `ERR_ADDRESS_UNAVAILABLE`, `ERR_HOST_NOT_FOUND`.
   */
  listen(address: Address, onLink: (link: Link) => void): Promise<Address>;
  /**
   * Makes a link to the node at an address. The signal carries the reason to reject with as its `reason`. A transport
   * that proves this node's own id to the other side first checks that the pinned node answers. The caller checks the
   * id of every link again. An id that is not pinned helps transports whose ids have no end that can be seen.
   *
   * @throws PeerloomError `ERR_CONNECTION_REFUSED`, `ERR_HOST_NOT_FOUND`, `ERR_HOST_UNREACHABLE`,
   * `ERR_TIMEOUT`, `ERR_HANDSHAKE`, `ERR_ID_MISMATCH`, `ERR_PLAIN_NOT_ALLOWED`, `ERR_UNREACHABLE`.
   */
  dial(address: Address, signal: AbortSignal, expected?: ExpectedPeer): Promise<Link>;
  /**
   * Stops listening, ends handshakes under way, destroys the links that are left and resolves when all have ended. The
   * transport may listen again afterwards.
   */
  close(): Promise<void>;
}
