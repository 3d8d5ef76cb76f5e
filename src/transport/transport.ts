import type { Address } from '../base/address.ts';
import type { Log } from '../base/debug.ts';
import type { PeerloomError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import type { Runtime } from '../base/runtime.ts';
import type { NodeIdentity } from '../identity/signer.ts';
import type { LimitsByAddress } from './address-limits.ts';
import type { LinkPath } from './link-path.ts';
import type { Security } from './security.ts';
import type { TransportReach } from './transport-reach.ts';

/**
 * An ordered, reliable, authenticated two-way flow of bytes between two nodes.
 *
 * Bytes arrive in order, but pieces may be joined or cut on the way. The user of a link ends it with `close`, which
 * still sends everything, or with `destroy`, which does not. `closed` settles exactly once, whatever ended the link,
 * and nothing arrives after it.
 */
export interface Link {
  /** The id of the node on the other side. It is proven by its key, unless `security` says otherwise. */
  readonly remoteId: string;
  /** The address of the other end of the link. On an inbound link, that node listens elsewhere. */
  readonly remoteAddress: Address;
  /** Whether the link is encrypted and authenticated. */
  readonly security: Security;
  /**
   * What the other side speaks: the frames of docs/protocol.md, or the packets of the Python package. Default
   * `'frames'`.
   */
  readonly speaks?: 'frames' | 'packets';
  /**
   * Whether limits per address apply. False if an address costs nothing, as within one process. `'loopback too'` for
   * links from web pages, which are not trusted for running on this machine. `'by peer'` if all peers share one
   * address, as behind a relay: the limits then apply to each peer's id. Default true: they apply to all but loopback
   * addresses.
   */
  readonly limitsByAddress?: LimitsByAddress;
  /** The present path. Default: direct. */
  readonly path?: LinkPath | undefined;
  /**
   * Waits for a better path to the same node, for example around the relay, and resolves with a link over it. The node
   * moves the connection there and ends this link later. Needed only for links that this side dialled, and only if
   * there can be a better path. Never called twice at the same time. Default: none.
   *
   * @throws when this link has ended, or the reason of the signal.
   */
  readonly improve?: ((signal: AbortSignal) => Promise<Link>) | undefined;
  /**
   * How many bytes may still be sent over the link before another one has to replace it, for example because a relay
   * limits them. Frames of a few bytes may exceed it. Default: no limit.
   */
  readonly allowance?: number | undefined;
  /** When the connection began, by the runtime's clock: the time limit of the handshake starts there. */
  readonly startedAt: number;
  /** The port on which the other side says that it listens, if the transport already knows it. */
  readonly announcedPort?: number | undefined;
  /**
   * Whether the other side proved its id for another network than this node's. Its hello must name the same network.
   */
  readonly isOfOtherNetwork?: boolean;
  /**
   * Called with each piece that arrives. Read the piece during the call: the link reuses its memory afterwards. Set
   * this property in the turn in which the transport hands the link over. If the function throws, the link ends with
   * that error.
   */
  onMessage: (bytes: Uint8Array) => void;
  /**
   * Returns the memory into which the link should read the next bytes. A link that can do this passes exactly that
   * memory, as far as it is filled, to `onMessage`. A link that was closed or destroyed must not call it.
   */
  readTarget?: (() => Uint8Array | undefined) | undefined;
  /**
   * Sends bytes. The link calls `sent` when it no longer needs their memory: once, and never after it has failed or was
   * destroyed. The caller must not change the bytes before that, and never if `sent` is not called.
   *
   * @returns false if the link is full. It has still accepted the bytes, but wait for {@link Link.drained} before you
   * send more.
   */
  send(bytes: Uint8Array, sent?: () => void): boolean;
  /** Resolves when the link has room again, or has closed. */
  drained(): Promise<void>;
  /** Stops reading until {@link Link.resume}, which slows the sender down. */
  pause(): void;
  /** Reads again after {@link Link.pause}. */
  resume(): void;
  /** Ends the link once everything is sent, after `timeoutMs` milliseconds at the latest. */
  close(timeoutMs: number): void;
  /** Ends the link at once. */
  destroy(): void;
  /** Resolves when the link has ended: with the error that ended it, or with `undefined` for an orderly end. */
  readonly closed: Promise<Error | undefined>;
}

/** What a transport gets from its node. docs/transports.md says what the transport must do with it. */
export interface TransportContext {
  /** The identity of the node, whose key authenticates links. */
  readonly identity: NodeIdentity;
  /** The name of the network that the node belongs to; empty for none. */
  readonly network: string;
  /**
   * 32 bytes derived from the node's `networkKey`. Both sides of a link must hold the same. A transport that does not
   * check it must throw a TypeError in `attach` if it is there.
   */
  readonly networkSecret: Uint8Array | undefined;
  /** The limits that the transport must keep. */
  readonly limits: Limits;
  /**
   * The source of time and randomness. A transport that reaches beyond this process must throw a TypeError in `attach`
   * if the runtime has `secretBytes`: the keys of its node are not secret.
   */
  readonly runtime: Runtime;
  /** Logs each step and each failure, in plain words. */
  readonly log: Log;
  /** Call it once for each inbound connection that fails before it becomes a link. The node reports the error. */
  readonly onInboundFailure: (from: Address, error: PeerloomError) => void;
}

/** The node that should answer a dial. */
export interface ExpectedPeer {
  /** The id of that node. */
  readonly id: string;
  /**
   * Whether only this node may answer. If false, this node answered there last, and another may have taken its place.
   */
  readonly isPinned: boolean;
}

/**
 * A way to reach other nodes, such as {@link tcp}. Everything above it is the same for all transports.
 * docs/transports.md explains how to write one, and {@link linkOverPipe} makes links of streams.
 *
 * A transport belongs to one node. Its links are authenticated when it hands them over. When the handshake of an
 * inbound connection fails, or takes longer than the limits allow, the transport ends that connection and reports it
 * through {@link TransportContext.onInboundFailure}.
 */
export interface Transport {
  /** The schemes of the addresses that it dials. Addresses without a scheme use the first one. */
  readonly schemes: readonly string[];
  /**
   * The node calls this once, before anything else.
   *
   * @throws PeerloomError `ERR_TRANSPORT_IN_USE` if the transport belongs to another node.
   */
  attach(context: TransportContext): void;
  /**
   * Parses an address. Needed only if addresses are more than `scheme://host:port`. The result holds the whole text,
   * see {@link Address.text}.
   *
   * @returns `undefined` for an address of another transport.
   * @throws PeerloomError `ERR_ADDRESS_INVALID` for one of its own addresses that is invalid.
   */
  parse?(text: string): Address | undefined;
  /**
   * Listens for links at the node's host and port (0: a free port), or at the transport's own addresses.
   *
   * @returns the addresses on which it listens: several, or none if it can only dial.
   * @throws PeerloomError `ERR_ADDRESS_IN_USE`, `ERR_ADDRESS_UNAVAILABLE`, `ERR_HOST_NOT_FOUND`.
   */
  listen(address: Address, onLink: (link: Link) => void): Promise<readonly Address[]>;
  /**
   * Makes a link to the node at an address. When the signal fires, rejects with the signal's `reason`. If an id is
   * pinned, a transport that proves this node's id must first check that the pinned node answers. The node checks the
   * id of every link again. An id that is not pinned helps transports whose ids have no delimiter (p2pnetwork).
   *
   * @throws PeerloomError `ERR_CONNECTION_REFUSED`, `ERR_HOST_NOT_FOUND`, `ERR_HOST_UNREACHABLE`,
   * `ERR_TIMEOUT`, `ERR_HANDSHAKE`, `ERR_ID_MISMATCH`, `ERR_PLAIN_NOT_ALLOWED`, `ERR_UNREACHABLE`.
   */
  dial(address: Address, signal: AbortSignal, expected?: ExpectedPeer): Promise<Link>;
  /**
   * Says how others reach the node, as far as the transport knows, for {@link Node.explain}. Needed only where this is more
   * than the addresses of `listen`.
   */
  reach?(): TransportReach;
  /**
   * Stops listening, ends handshakes under way and destroys the remaining links. Resolves when all have ended. The
   * transport may listen again afterwards.
   */
  close(): Promise<void>;
}
