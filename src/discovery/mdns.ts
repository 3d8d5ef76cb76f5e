import type { Discovery, DiscoveryHost } from '../api/discovery.ts';
import { checkOptions, checkType, errorOf, messageOf } from '../base/arguments.ts';
import { optionalBuiltin, requiredBuiltin } from '../base/builtin.ts';
import { PeerloomError } from '../base/errors.ts';
import { scopeOf } from '../base/host-scope.ts';
import type { RuntimeTimer } from '../base/runtime.ts';
import { TokenBucket } from '../base/token-bucket.ts';
import {
  asksFor,
  type MdnsPacket,
  type MdnsSelf,
  nodesIn,
  recordsOf,
  serviceRecord,
  serviceType,
} from './mdns-records.ts';

/** The options of {@link mdns}. */
export interface MdnsOptions {
  /** The IPv4 address of the network interface to use. Default: the one that the system picks. */
  readonly interface?: string | undefined;
}

/** What this module needs of the package `multicast-dns`. */
interface MulticastDns {
  on(event: 'ready', listener: () => void): void;
  on(event: 'error' | 'warning', listener: (error: Error) => void): void;
  on(
    event: 'query' | 'response',
    listener: (packet: MdnsPacket, from: { readonly address: string }) => void,
  ): void;
  query(packet: object, sent: (error?: Error | null) => void): void;
  respond(packet: object, sent: (error?: Error | null) => void): void;
  destroy(closed: () => void): void;
}

type MakeMulticastDns = (options: object) => MulticastDns;

const packageName = 'multicast-dns';

/** The first pause between questions, in milliseconds. Pauses double up to an hour (RFC 6762, section 5.2). */
const firstPauseMs = 1_000;
const longestPauseMs = 3_600_000;

/**
 * The pause between two announcements (RFC 6762, section 8.3), and between two answers (section 6), in milliseconds.
 */
const answerPauseMs = 1_000;

/**
 * The bounds of the random delay of answers in milliseconds, so that nodes do not all answer at the same moment (RFC
 * 6762, section 6).
 */
const answerDelayMs = { least: 20, most: 120 };

/** The most packets that are read in a second, in the long run. */
const packetsPerSecond = 200;

/** The most packets that are read in a burst. */
const packetBurst = 1_000;

/** Milliseconds for which the node reads nothing after more packets than that. */
const deafMs = 10_000;

/**
 * Finds nodes in the local network, and lets them find this one: by multicast DNS (RFC 6762) and DNS-based service
 * discovery (RFC 6763), as `_peerloom._tcp`, over IPv4. It finds only nodes of the same `network`. Everybody in the
 * local network sees the id, the addresses and a hash of the network's name. A node that listens on `127.0.0.1` finds
 * others and is not found.
 *
 * It needs Node.js and the package `multicast-dns`: `npm install multicast-dns`. The start of the node rejects with
 * `ERR_TRANSPORT_UNAVAILABLE` without it, or with `ERR_ADDRESS_UNAVAILABLE` if the system does not allow multicast.
 *
 * @throws TypeError for wrong options.
 * @example
 * new Node('0.0.0.0', 10001, { discovery: [mdns()] });
 */
export function mdns(options: MdnsOptions = {}): Discovery {
  checkOptions(options, ['interface'], 'mdns');
  const { interface: address } = options;
  if (address !== undefined) checkType('mdns.interface', address, 'string');
  return new Mdns(address);
}

class Mdns implements Discovery {
  readonly name = 'mdns';
  readonly #interface: string | undefined;
  #host!: DiscoveryHost;
  #packets!: TokenBucket;
  #service: MulticastDns | undefined;
  readonly #timers = new Set<RuntimeTimer>();
  #answersAtMs = Number.NEGATIVE_INFINITY;
  #isRunning = false;

  constructor(address: string | undefined) {
    this.#interface = address;
  }

  async start(host: DiscoveryHost): Promise<void> {
    if (host.runtime.isVirtual) {
      const message = 'mdns needs a real network: leave it out in simulations, or write a Discovery for them';
      throw new PeerloomError('ERR_TRANSPORT_UNAVAILABLE', message);
    }
    this.#host = host;
    this.#packets = new TokenBucket({ burst: packetBurst, perSecond: packetsPerSecond }, host.runtime);
    await this.#open(loadPackage());
    this.#isRunning = true;
    this.#announce();
    this.#after(answerPauseMs, () => this.#announce());
    this.#ask(firstPauseMs);
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    const service = this.#service;
    this.#service = undefined;
    if (service === undefined) return;
    const farewell = recordsOf(this.#self, 0);
    if (farewell.length > 0) {
      await new Promise<void>((resolve) => service.respond({ answers: farewell }, () => resolve()));
    }
    await new Promise<void>((resolve) => service.destroy(resolve));
  }

  #open(make: MakeMulticastDns): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // A socket that is bound to the address of the interface would receive no multicast.
    const options = this.#interface === undefined ? {} : { interface: this.#interface, bind: '0.0.0.0' };
    const service = make(options);
    this.#service = service;
    service.on('ready', resolve);
    service.on('error', (cause) => {
      if (this.#service === service) this.#service = undefined;
      service.destroy(() => {});
      const message = `multicast DNS is not available: ${cause.message}; allow UDP on port 5353, or leave mdns() out`;
      reject(new PeerloomError('ERR_ADDRESS_UNAVAILABLE', message, { cause }));
    });
    // Warnings are about malformed packets and missing interfaces.
    service.on('warning', (error) => {
      this.#host.log(`a warning: ${error.message}`);
      this.#mayRead(service, make);
    });
    service.on('query', (packet) => {
      if (this.#mayRead(service, make)) this.#onQuery(packet);
    });
    service.on('response', (packet, { address }) => {
      if (this.#mayRead(service, make)) this.#onResponse(packet, address);
    });
    return promise;
  }

  /** Whether a packet may be read. A flood in the local network makes the node deaf for a while, but not busy. */
  #mayRead(service: MulticastDns, make: MakeMulticastDns): boolean {
    if (this.#service !== service) return false;
    if (this.#packets.take()) return true;
    this.#host.log(`too many packets: deaf for ${deafMs} ms`);
    this.#service = undefined;
    service.destroy(() => {});
    this.#after(deafMs, () => {
      this.#open(make).then(
        () => this.#query(),
        (error: unknown) => this.#host.failed(errorOf(error)),
      );
    });
    return false;
  }

  #onQuery(packet: MdnsPacket): void {
    const self = this.#self;
    const { runtime } = this.#host;
    if (!asksFor(self, packet) || runtime.now() < this.#answersAtMs) return;
    const { least, most } = answerDelayMs;
    const delayMs = least + (most - least) * runtime.random('delays of mdns');
    this.#answersAtMs = runtime.now() + delayMs + answerPauseMs;
    this.#after(delayMs, () => this.#announce());
  }

  #onResponse(packet: MdnsPacket, from: string): void {
    const scope = scopeOf(from);
    if (scope === 'nowhere' || scope === 'name') return;
    for (const node of nodesIn(packet, from, this.#self)) this.#host.found(node);
  }

  #announce(): void {
    const records = recordsOf(this.#self);
    if (records.length === 0) return;
    this.#service?.respond({ answers: [...records, serviceRecord] }, (error) => this.#sent(error));
  }

  #query(): void {
    this.#service?.query({ questions: [{ name: serviceType, type: 'PTR' }] }, (error) => this.#sent(error));
  }

  #ask(pauseMs: number): void {
    this.#query();
    this.#after(pauseMs, () => this.#ask(Math.min(2 * pauseMs, longestPauseMs)));
  }

  /** Called when a packet was sent. An error may mean that the machine is without a network for a while. */
  #sent(error: Error | null | undefined): void {
    if (error) this.#host.log(`nothing sent: ${messageOf(error)}`);
  }

  get #self(): MdnsSelf {
    const { id, network, addresses } = this.#host;
    return { id, network, addresses, hosts: ownHosts() };
  }

  #after(delayMs: number, act: () => void): void {
    const timer = this.#host.runtime.setTimeout(
      () => {
        this.#timers.delete(timer);
        if (this.#isRunning) act();
      },
      delayMs,
      'watching',
    );
    this.#timers.add(timer);
  }
}

/** Returns the IPv4 addresses of this machine by which others can reach it. */
function ownHosts(): readonly string[] {
  const interfaces = optionalBuiltin('node:os')?.networkInterfaces() ?? {};
  return Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .flatMap(({ address, internal }) => (internal || address.includes(':') ? [] : address));
}

/** Loads the package when first needed. It is not bundled, because most nodes never need it. */
function loadPackage(): MakeMulticastDns {
  const { createRequire } = requiredBuiltin('node:module', 'mdns');
  try {
    return createRequire(import.meta.url)(packageName) as MakeMulticastDns;
  } catch (cause) {
    const message = `mdns needs the package ${packageName}: npm install ${packageName}`;
    throw new PeerloomError('ERR_TRANSPORT_UNAVAILABLE', message, { cause });
  }
}
