import { type Address, formatAddress, parseAddress } from '../base/address.ts';
import { checkType } from '../base/arguments.ts';
import { PeerloomError } from '../base/errors.ts';
import type { Runtime } from '../base/runtime.ts';
import { listenAt } from '../transport/own-transport.ts';
import type { Link, Transport, TransportContext } from '../transport/transport.ts';
import type { TransportReach } from '../transport/transport-reach.ts';

/** In milliseconds. Longer than any connection, also with a Python node, may take to send what waits. */
const transportCloseMs = 20_000;

/** The transports of a node: which one dials an address, and where they listen. */
export class Transports {
  readonly #transports: readonly Transport[];
  readonly #runtime: Runtime;
  readonly #addresses: string[] = [];
  readonly #askedPort: number;
  #port: number;
  #listening: Promise<void> | undefined;

  constructor(transports: readonly Transport[], port: number, runtime: Runtime) {
    this.#transports = transports;
    this.#runtime = runtime;
    this.#askedPort = this.#port = port;
  }

  /** The port on which the node listens, as soon as it is known. */
  get port(): number {
    return this.#port;
  }

  /** The addresses on which the node listens, as text. */
  get addresses(): readonly string[] {
    return this.#addresses;
  }

  /** What the transports know of how others reach the node, beside the addresses. */
  get reach(): TransportReach {
    const all = this.#transports.flatMap((one) => one.reach?.() ?? []);
    return { relays: all.flatMap(({ relays }) => relays), seenAt: all.flatMap(({ seenAt }) => seenAt) };
  }

  /** Gives each transport its node. @throws what it throws. */
  attach(context: TransportContext): void {
    for (const transport of this.#transports) transport.attach(context);
  }

  /** Begins to listen. If this fails, {@link Transports.reset} has to follow. */
  listen(host: string, onLink: (link: Link) => void): Promise<void> {
    this.#listening = this.#listen(host, onLink);
    return this.#listening;
  }

  async #listen(host: string, onLink: (link: Link) => void): Promise<void> {
    for (const transport of this.#transports) {
      const bound = await listenAt(transport, { scheme: undefined, host, port: this.#port }, onLink);
      // The port that the first transport picked is used by the others too, and is the node's port.
      if (this.#port === 0) this.#port = bound.find(({ port }) => port > 0)?.port ?? 0;
      this.#addresses.push(...bound.map(formatAddress));
    }
  }

  /** Resolves when the node listens. @throws PeerloomError `ERR_NOT_STARTED`. */
  whenListening(): Promise<void> {
    if (this.#listening === undefined) throw notStarted('is not running: await start() first');
    return this.#listening;
  }

  /** Closes all transports, even if one throws or never resolves. @returns the failures. */
  async close(): Promise<readonly unknown[]> {
    const outcomes = await Promise.allSettled(
      this.#transports.map((transport) => this.#closeInTime(transport)),
    );
    return outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
  }

  /** After a failed start: the node listens nowhere, and may listen again. */
  reset(): void {
    this.#listening = undefined;
    this.#port = this.#askedPort;
    this.#addresses.length = 0;
  }

  /** Reads an address. Transports whose addresses have a form of their own are asked first. */
  parse(text: string): Address {
    checkType('address', text, 'string');
    for (const transport of this.#transports) {
      const address = transport.parse?.(text);
      if (address !== undefined) return address;
    }
    return parseAddress(text);
  }

  /** The canonical text of an address: always with its scheme. */
  keyOf(address: Address): string {
    return formatAddress({ ...address, scheme: address.scheme ?? this.#transports[0]!.schemes[0] });
  }

  /** The transport that dials an address. @throws PeerloomError `ERR_ADDRESS_INVALID`. */
  of({ scheme }: Address): Transport {
    const transports = this.#transports;
    if (scheme === undefined) return transports[0]!;
    const transport = transports.find(({ schemes }) => schemes.includes(scheme));
    if (transport !== undefined) return transport;
    const known = transports.flatMap(({ schemes }) => schemes.map((one) => `${one}://`)).join(', ');
    throw new PeerloomError(
      'ERR_ADDRESS_INVALID',
      `no transport of this node dials ${scheme}:// addresses; this node dials ${known}`,
    );
  }

  async #closeInTime(transport: Transport): Promise<void> {
    const tooLong = Promise.withResolvers<never>();
    const timer = this.#runtime.setTimeout(() => {
      const schemes = transport.schemes.join(', ');
      const message = `the transport for ${schemes} has not closed within ${transportCloseMs} ms: its close() must resolve`;
      tooLong.reject(new PeerloomError('ERR_TIMEOUT', message));
    }, transportCloseMs);
    try {
      await Promise.race([transport.close(), tooLong.promise]);
    } finally {
      timer.cancel();
    }
  }
}

export function notStarted(what: string): PeerloomError {
  return new PeerloomError('ERR_NOT_STARTED', `the node ${what}`);
}
