import type { ConnectionGater, MultiaddrConnection } from '@libp2p/interface';
import type { Address } from '../base/address.ts';
import { isLoopback, sourceOf } from '../base/address.ts';
import { messageOf } from '../base/arguments.ts';
import { PeerloomError } from '../base/errors.ts';
import { networkKeyMessage } from '../transport/pipe/handshake-errors.ts';
import type { TransportContext } from '../transport/transport.ts';
import { idOf, isRelayed, parseMultiaddr } from './multiaddr-text.ts';

/** How old a handshake must be before a new one may replace it if all places are taken, in milliseconds. */
const slowMs = 1_000;

/** An inbound libp2p connection whose handshake is under way. */
interface Arrival {
  readonly source: string | undefined;
  readonly startedAt: number;
  isUpgraded: boolean;
}

/**
 * Limits what unauthenticated nodes may cost, and how many connections one address may hold, with or without a link.
 * libp2p calls it at each step of an inbound connection. Nodes behind a relay share the relay's address, so each of
 * them counts separately.
 */
export class InboundGate {
  readonly #context: TransportContext;
  readonly #arrivals = new Map<MultiaddrConnection, Arrival>();
  /** Whether the transport closes. If so, connections that end are not reported as failures. */
  isClosing = false;

  constructor(context: TransportContext) {
    this.#context = context;
  }

  readonly gater: ConnectionGater = {
    denyInboundConnection: (connection) => !this.#admits(connection),
    denyInboundUpgradedConnection: (_id, connection) => {
      const arrival = this.#arrivals.get(connection);
      if (arrival !== undefined) arrival.isUpgraded = true;
      return false;
    },
    // In browsers, libp2p would refuse ws:// and private addresses, but the user has chosen what to dial.
    denyDialMultiaddr: () => false,
  };

  #admits(connection: MultiaddrConnection): boolean {
    const { limits, log, runtime } = this.#context;
    const text = connection.remoteAddr.toString();
    const source = sourceOfMultiaddr(text);
    const same =
      source === undefined ? [] : [...this.#arrivals.values()].filter((one) => one.source === source);
    const halfOpen = same.filter(({ isUpgraded }) => !isUpgraded).length;
    const { maxInboundPerAddress, maxHalfOpenPerAddress } = limits;
    if (
      halfOpen >= maxHalfOpenPerAddress ||
      (maxInboundPerAddress > 0 && same.length >= maxInboundPerAddress)
    ) {
      log(`${text}: refused before its handshake: too many connections from ${source}`);
      return false;
    }
    if (!this.#makeRoom()) {
      log(`${text}: refused before its handshake: too many others are in theirs`);
      return false;
    }
    const arrival: Arrival = { source, startedAt: runtime.now(), isUpgraded: false };
    this.#arrivals.set(connection, arrival);
    connection.addEventListener('close', ({ error }) => {
      this.#arrivals.delete(connection);
      if (!arrival.isUpgraded) this.#report(text, error);
    });
    return true;
  }

  /**
   * Makes room for a handshake. If all places are taken, the oldest handshake is ended if it is at least a second old,
   * so silent strangers cannot keep others out for longer.
   *
   * @returns false if there is no place.
   */
  #makeRoom(): boolean {
    const { limits, runtime } = this.#context;
    const halfOpen = [...this.#arrivals].filter(([, { isUpgraded }]) => !isUpgraded);
    if (halfOpen.length < limits.maxHalfOpen) return true;
    const [connection, { startedAt }] = halfOpen[0]!;
    if (runtime.now() - startedAt < slowMs) return false;
    this.#arrivals.delete(connection);
    connection.abort(new PeerloomError('ERR_TIMEOUT', 'the handshake took long, and others waited'));
    return true;
  }

  #report(text: string, cause: Error | undefined): void {
    if (this.isClosing) return;
    const { onInboundFailure } = this.#context;
    const why = cause === undefined ? 'the other side hung up' : messageOf(cause);
    // libp2p passes errors on as text.
    const error = why.includes(networkKeyMessage)
      ? new PeerloomError('ERR_NETWORK_MISMATCH', networkKeyMessage, { cause })
      : new PeerloomError('ERR_HANDSHAKE', `the handshake failed: ${why}`, { cause });
    onInboundFailure(remoteAddressOf(text), error);
  }
}

/** Returns the remote address of a connection, as the log and the events show it. */
export function remoteAddressOf(text: string): Address {
  const { host, port } = readable(text);
  return isRelayed(text) ? { text, scheme: 'libp2p', host, port: 0 } : { scheme: 'libp2p', host, port };
}

function readable(text: string): Address {
  try {
    return parseMultiaddr(text) ?? { scheme: 'libp2p', host: text, port: 0 };
  } catch {
    return { scheme: 'libp2p', host: text, port: 0 };
  }
}

/** Returns the source for which a connection counts. `undefined` if it comes from this machine. */
function sourceOfMultiaddr(text: string): string | undefined {
  if (isRelayed(text)) return idOf(text);
  const { host } = readable(text);
  return isLoopback(host) ? undefined : sourceOf(host);
}
