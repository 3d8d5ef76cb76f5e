import { type Address, formatAddress } from '../../base/address.ts';
import { PeerloomError } from '../../base/errors.ts';
import type { Link, Transport, TransportContext } from '../../transport/transport.ts';
import type { Process } from './process.ts';
import { type SimulatedLink, simulatedLinkPair } from './simulated-link.ts';
import { placeOf, type SimulatedNetwork } from './simulated-network.ts';
import { Way } from './way.ts';

/** The transport of one simulated process. A dial takes one round trip. */
export class SimulatedTransport implements Transport {
  readonly schemes = ['simulated'];
  readonly #network: SimulatedNetwork;
  readonly #process: Process;
  #context: TransportContext | undefined;
  readonly #listensAt = new Set<string>();
  /** How often this transport has dialled each place. */
  readonly #dials = new Map<string, number>();

  constructor(network: SimulatedNetwork, process: Process) {
    this.#network = network;
    this.#process = process;
    network.hosts.set(process.host, process);
  }

  attach(context: TransportContext): void {
    if (this.#context !== undefined) {
      throw new PeerloomError('ERR_TRANSPORT_IN_USE', 'a simulated transport belongs to one node');
    }
    this.#context = context;
  }

  async listen(address: Address, onLink: (link: Link) => void): Promise<readonly Address[]> {
    const { host } = address;
    const port = address.port === 0 ? this.#network.freePort(host) : address.port;
    const place = placeOf({ host, port });
    if (this.#network.listeners.get(place)?.process.isAlive) {
      throw new PeerloomError(
        'ERR_ADDRESS_IN_USE',
        `${place} is in use: choose another port, or use port 0 to get a free one`,
      );
    }
    this.#network.listeners.set(place, { process: this.#process, context: this.#context!, onLink });
    this.#network.hosts.set(host, this.#process);
    this.#listensAt.add(place);
    return [{ scheme: 'simulated', host, port }];
  }

  dial(address: Address, signal: AbortSignal): Promise<Link> {
    return new Dial(this.#network, {
      process: this.#process,
      context: this.#context!,
      address,
      signal,
      count: this.#countDials(placeOf(address)),
    }).made;
  }

  /** Numbers the dials to each place, so that a missing dial does not change the links to other places. */
  #countDials(place: string): number {
    const count = (this.#dials.get(place) ?? 0) + 1;
    this.#dials.set(place, count);
    return count;
  }

  async close(): Promise<void> {
    for (const place of this.#listensAt) this.#network.listeners.delete(place);
    this.#listensAt.clear();
    const links = [...this.#process.links];
    for (const link of links) link.destroy();
    await Promise.all(links.map((link) => link.closed));
  }
}

interface DialOptions {
  readonly process: Process;
  readonly context: TransportContext;
  readonly address: Address;
  readonly signal: AbortSignal;
  readonly count: number;
}

/** One attempt to reach an address. */
class Dial {
  readonly made: Promise<Link>;
  readonly #network: SimulatedNetwork;
  readonly #options: DialOptions;
  /** This side's end of the new link, until the dialler receives it. */
  #made: SimulatedLink | undefined;
  #settle: { resolve(link: Link): void; reject(error: unknown): void };

  constructor(network: SimulatedNetwork, options: DialOptions) {
    const { promise, resolve, reject } = Promise.withResolvers<Link>();
    this.made = promise;
    this.#network = network;
    this.#options = options;
    this.#settle = { resolve, reject };
    const { signal } = options;
    if (signal.aborted) reject(signal.reason);
    else this.#start(signal);
  }

  #start(signal: AbortSignal): void {
    const onAbort = (): void => {
      this.#settle.reject(signal.reason);
      this.#made?.destroy();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    const stopListening = (): void => signal.removeEventListener('abort', onAbort);
    this.made.then(stopListening, stopListening);
    const { process, address, count } = this.#options;
    const target = this.#network.hosts.get(address.host);
    if (target === undefined) {
      const text = `no simulated node has the host ${address.host}`;
      this.#settle.reject(new PeerloomError('ERR_HOST_NOT_FOUND', text));
      return;
    }
    const entity = `${process.place.index}-${placeOf(address)} ${count}`;
    const [here, remote] = [process.place, target.place];
    const [thereMs, backMs] = this.#network.roundTripOf(here, remote);
    const there = new Way(this.#network, {
      from: here,
      to: remote,
      latencyMs: thereMs,
      entity: `${entity} there`,
    });
    const back = new Way(this.#network, {
      from: remote,
      to: here,
      latencyMs: backMs,
      entity: `${entity} back`,
    });
    there.signal(() => this.#arrive(there, back));
  }

  /** Called when the dial has reached the machine. If the machine does not answer, the dial times out. */
  #arrive(there: Way, back: Way): void {
    const { address, process, context, signal } = this.#options;
    const target = this.#network.hosts.get(address.host)!;
    const answer = (reply: () => void): void => back.signal(() => process.perform(reply));
    if (!target.isReachable || !target.isAnswering) return;
    const listener = this.#network.listeners.get(placeOf(address));
    if (listener === undefined || !listener.process.isAlive) {
      answer(() => this.#settle.reject(refused(address)));
      return;
    }
    const from = { scheme: undefined, host: process.host, port: this.#network.freePort(process.host) };
    if (!sameSecret(listener.context.networkSecret, context.networkSecret)) {
      listener.process.perform(() => listener.context.onInboundFailure(from, otherNetworkKey()));
      answer(() => this.#settle.reject(otherNetworkKey(`${formatAddress(address)}: `)));
      return;
    }
    if (!process.isAlive || signal.aborted) return;
    const [ours, theirs] = simulatedLinkPair(
      this.#network,
      { process, context, address: from, way: there },
      { process: listener.process, context: listener.context, address, way: back },
    );
    this.#made = ours;
    // This answer is sent first, so that the dialler has its end before the listener's data arrives.
    answer(() => this.#give(ours));
    // The link may break while the answer is in transit.
    ours.onEnd = (error) => this.#settle.reject(error ?? refused(address));
    listener.process.perform(() => listener.onLink(theirs));
  }

  #give(ours: SimulatedLink): void {
    this.#made = undefined;
    ours.onEnd = undefined;
    this.#settle.resolve(ours);
  }
}

function refused(address: Address): PeerloomError {
  return new PeerloomError(
    'ERR_CONNECTION_REFUSED',
    `nothing listens at ${formatAddress(address)}: start that node first, or check the port`,
  );
}

function otherNetworkKey(prefix = ''): PeerloomError {
  return new PeerloomError(
    'ERR_NETWORK_MISMATCH',
    `${prefix}the two sides do not hold the same network key: give both nodes the same networkKey, or none`,
  );
}

function sameSecret(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  return one?.join() === other?.join();
}
