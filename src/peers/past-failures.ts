import type { NodeConnection } from '../api/node-connection.ts';
import { type Address, formatAddress } from '../base/address.ts';
import { messageOf } from '../base/arguments.ts';
import { type ErrorCode, isPeerloomError } from '../base/errors.ts';
import { printable } from '../base/printable.ts';
import type { Runtime } from '../base/runtime.ts';
import type { CloseReason } from '../channel/channel.ts';
import { NeighbourRefused } from './neighbour-refused.ts';

/** How many failed dials the node remembers: the latest for each address. */
export const maxFailedDials = 256;

/** How many failed inbound handshakes, one for each id, and ended connections, one for each peer, it remembers. */
export const maxPastPeers = 128;

/** The most characters of a remembered message. */
const maxMessageLength = 512;

/** Errors that say nothing about the other node. */
const silentCodes: ReadonlySet<ErrorCode> = new Set(['ERR_ABORTED', 'ERR_NOT_STARTED']);

/** The latest of consecutive failed attempts at an address, or from a peer. */
export interface PastFailure {
  /** The dialled address. For an inbound handshake: the address that it came from. */
  readonly address: string;
  /** The node that was expected or that answered. `undefined` if any node was welcome and none proved its id. */
  readonly id: string | undefined;
  /** `undefined` if a function of the user threw. */
  readonly code: ErrorCode | undefined;
  readonly message: string;
  /** The time by the runtime's clock. */
  readonly atMs: number;
  readonly attempts: number;
}

/** The end of the latest connection with a peer. */
export interface PastConnection {
  readonly direction: 'inbound' | 'outbound';
  /** Outbound: the address that was dialled. Inbound: where the peer said that it listens. */
  readonly address: string;
  readonly reason: CloseReason;
  /** The time by the runtime's clock. */
  readonly atMs: number;
}

/** Failures with other nodes, in bounded memory: the oldest is forgotten first. */
export class PastFailures {
  readonly #runtime: Pick<Runtime, 'now'>;
  /** Created when needed, because most nodes have no failures. */
  #dials: Map<string, PastFailure> | undefined;
  #handshakes: Map<string, PastFailure> | undefined;
  #connections: Map<string, PastConnection> | undefined;

  constructor(runtime: Pick<Runtime, 'now'>) {
    this.#runtime = runtime;
  }

  /**
   * A dial failed.
   *
   * @param key the address in its canonical form.
   * @param id the node that was expected, or that answered.
   */
  dialFailed(key: string, id: string | undefined, error: unknown): void {
    // The node is reachable; it only has no place for another neighbour.
    if (isPeerloomError(error) && error instanceof NeighbourRefused) {
      this.dialled(key);
      return;
    }
    this.#dials ??= new Map();
    this.#add(this.#dials, key, maxFailedDials, { address: key, id, error });
  }

  /** A dial of this address led to a connection. */
  dialled(key: string): void {
    this.#dials?.delete(key);
  }

  /** The handshake of a node that dialled this one failed. */
  handshakeFailed(id: string, from: Address, error: unknown): void {
    this.#handshakes ??= new Map();
    this.#add(this.#handshakes, id, maxPastPeers, { address: formatAddress(from), id, error });
  }

  /** A connection has ended. */
  ended({ id, host, port, direction }: NodeConnection, reason: CloseReason): void {
    this.#connections ??= new Map();
    const address = formatAddress({ scheme: undefined, host, port });
    this.#connections.delete(id);
    this.#handshakes?.delete(id);
    this.#connections.set(id, { direction, address, reason, atMs: this.#runtime.now() });
    dropEarliest(this.#connections, maxPastPeers);
  }

  /** Failed dials of a node, by its id or its addresses, the latest first. */
  dialsOf(id: string, keys: ReadonlySet<string>): readonly PastFailure[] {
    const found = [...(this.#dials ?? [])].filter(
      ([key, failure]) => failure.id === id || (failure.id === undefined && keys.has(key)),
    );
    return found.map(([, failure]) => failure).reverse();
  }

  handshakeOf(id: string): PastFailure | undefined {
    return this.#handshakes?.get(id);
  }

  /** All failed handshakes of nodes that dialled this one, the latest first. */
  get handshakes(): readonly PastFailure[] {
    return [...(this.#handshakes?.values() ?? [])].reverse();
  }

  connectionWith(id: string): PastConnection | undefined {
    return this.#connections?.get(id);
  }

  #add(
    failures: Map<string, PastFailure>,
    key: string,
    most: number,
    { address, id, error }: Pick<PastFailure, 'address' | 'id'> & { readonly error: unknown },
  ): void {
    const code = isPeerloomError(error) ? error.code : undefined;
    if (code !== undefined && silentCodes.has(code)) return;
    const message = printable(messageOf(error)).slice(0, maxMessageLength);
    const attempts = (failures.get(key)?.attempts ?? 0) + 1;
    failures.delete(key);
    failures.set(key, { address, id, code, message, atMs: this.#runtime.now(), attempts });
    dropEarliest(failures, most);
  }
}

function dropEarliest(map: Map<string, unknown>, most: number): void {
  if (map.size > most) map.delete(map.keys().next().value!);
}
