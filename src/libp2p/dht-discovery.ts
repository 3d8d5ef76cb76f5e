import type { CID } from 'multiformats';
import type { Discovery, DiscoveryHost, KnownNode } from '../api/discovery.ts';
import { messageOf } from '../base/arguments.ts';
import { attempt } from '../base/attempt.ts';
import { scopeOf } from '../base/host-scope.ts';
import type { RuntimeTimer } from '../base/runtime.ts';
import { sha256Bytes } from '../base/sha256.ts';
import { type DhtScope, dhtExtension, dhtOf, packagesOfDht, type RunningDht } from './dht-extension.ts';
import type { Engine } from './engine.ts';
import type { Libp2pTransport } from './libp2p-transport.ts';
import { parseMultiaddr } from './multiaddr-text.ts';
import { loadPackages, type Packages } from './packages.ts';
import { ToldMultiaddrs } from './told-multiaddrs.ts';

/** The pauses between rounds double, from the first to the longest, in milliseconds. */
const firstPauseMs = 1_000;
const longestPauseMs = 600_000;

/** How long one round may take, in milliseconds. */
const roundMs = 30_000;

/**
 * How often the node announces itself, in milliseconds. Records last 48 hours, but libp2p's JavaScript servers forget
 * the addresses in them after one hour.
 */
const announceMs = 1_800_000;

/** The most addresses of one node that are used. */
const maxAddresses = 8;

export interface DhtParts {
  readonly transport: Libp2pTransport;
  readonly bootstrap: readonly string[];
  readonly mode: 'client' | 'server';
  readonly scope: DhtScope;
  readonly seeksNetwork: boolean;
}

/** The parts of a running DHT. */
interface Running {
  readonly host: DiscoveryHost;
  readonly engine: Engine;
  readonly dht: RunningDht;
  readonly packages: Packages<(typeof packagesOfDht)[number]>;
  readonly closing: AbortController;
}

/** Announces this node in a DHT and looks for other nodes there, in rounds. */
export class DhtDiscovery implements Discovery {
  readonly name = 'libp2p dht';
  readonly #parts: DhtParts;
  #told: ToldMultiaddrs;
  #running: Running | undefined;
  #timer: RuntimeTimer | undefined;
  #pauseMs = firstPauseMs;
  #isLooking = false;
  readonly #connected = new Set<string>();
  #announced: { readonly addresses: string; readonly atMs: number } | undefined;

  constructor(parts: DhtParts) {
    this.#parts = parts;
    this.#told = this.#toldTo([]);
    const { transport, mode, scope } = parts;
    transport.extend(dhtExtension({ mode, scope, mayRemember: (address) => this.#told.mayDial(address) }));
  }

  async start(host: DiscoveryHost): Promise<void> {
    const packages = await loadPackages(packagesOfDht);
    const engine = await this.#parts.transport.engine();
    this.#told = this.#toldTo(host.addresses);
    this.#running = { host, engine, dht: dhtOf(engine.node), packages, closing: new AbortController() };
    this.#lookIn(0);
  }

  stop(): void {
    this.#running?.closing.abort(new Error('the node is stopping'));
    this.#running = undefined;
    this.#timer?.cancel();
    this.#connected.clear();
    this.#announced = undefined;
    this.#pauseMs = firstPauseMs;
  }

  connected({ id }: KnownNode): void {
    this.#connected.add(id);
  }

  /** If the last neighbour has gone, searches again, because the DHT may know other nodes. */
  disconnected({ id }: KnownNode): void {
    this.#connected.delete(id);
    if (this.#connected.size > 0 || this.#isLooking || this.#pauseMs === firstPauseMs) return;
    this.#pauseMs = firstPauseMs;
    this.#lookIn(firstPauseMs);
  }

  async find(id: string, signal: AbortSignal): Promise<readonly string[]> {
    const running = this.#running;
    if (running === undefined) return [];
    const enough = new AbortController();
    const ending = AbortSignal.any([signal, enough.signal, running.closing.signal]);
    try {
      await this.#enter(running, ending);
      return await Promise.any([
        this.#announcedBy(running, id, ending),
        this.#addressesOf(running, id, ending),
      ]);
    } catch (error) {
      signal.throwIfAborted();
      running.host.log(`${id} was not found: ${messageOf(error)}`);
      return [];
    } finally {
      enough.abort();
    }
  }

  /** Returns the rule for addresses from the DHT. Only a DHT on this machine may name addresses on this machine. */
  #toldTo(own: readonly string[]): ToldMultiaddrs {
    const { bootstrap, scope, transport } = this.#parts;
    const named = [...bootstrap, ...transport.preset.relays];
    const isOnLoopback = [...own, ...named].some((text) => hostScopeOf(text) === 'loopback');
    const teller = scope === 'public' ? 'public' : isOnLoopback ? 'loopback' : 'private';
    return new ToldMultiaddrs(teller, named);
  }

  #lookIn(delayMs: number): void {
    const running = this.#running;
    if (running === undefined) return;
    this.#timer?.cancel();
    this.#timer = running.host.runtime.setTimeout(() => void this.#look(running), delayMs, 'watching');
  }

  async #look(running: Running): Promise<void> {
    const { host, closing } = running;
    const { runtime } = host;
    this.#isLooking = true;
    try {
      const limits = {
        what: 'a round of the DHT',
        timeoutMs: roundMs,
        runtime,
        stopping: closing.signal,
      };
      await attempt(limits, async (signal) => {
        await this.#enter(running, signal);
        await this.#announce(running, signal);
        await this.#seek(running, signal);
      });
    } catch (error) {
      if (closing.signal.aborted) return;
      host.log(messageOf(error));
    } finally {
      this.#isLooking = false;
    }
    const chance = 0.5 + runtime.random('rounds of the DHT') / 2;
    this.#lookIn(this.#pauseMs * chance);
    this.#pauseMs = Math.min(2 * this.#pauseMs, longestPauseMs);
  }

  /** Connects with nodes of the DHT, if this node knows none. */
  async #enter({ engine, dht, host }: Running, signal: AbortSignal): Promise<void> {
    if (dht.routingTable.size > 0) return;
    const { node, multiaddr } = engine;
    const dials = this.#parts.bootstrap.map(async (text) => {
      if (text.endsWith(`/p2p/${host.id}`)) return;
      await node
        .dial(multiaddr(text), { signal })
        .catch((error: unknown) => host.log(`${text} was not reached: ${messageOf(error)}`));
    });
    await Promise.all(dials);
  }

  /** Announces this node's addresses and network in the DHT: again after a while, or if the addresses changed. */
  async #announce(running: Running, signal: AbortSignal): Promise<void> {
    const { engine, dht, host } = running;
    const addresses = engine.node.getMultiaddrs().join(' ');
    const nowMs = host.runtime.now();
    const { addresses: earlier, atMs = 0 } = this.#announced ?? {};
    if (addresses === '' || (addresses === earlier && nowMs - atMs < announceMs)) return;
    const keys = [keyOfNode(host.id), ...(this.#parts.seeksNetwork ? [keyOfNetwork(host.network)] : [])];
    let kept = 0;
    for (const key of keys) {
      for await (const event of dht.provide(cidOf(key, running), { signal }))
        if (event.name === 'PEER_RESPONSE' && event.messageName === 'ADD_PROVIDER') kept += 1;
    }
    if (kept === 0) return;
    host.log(`announced to ${kept} nodes: ${addresses}`);
    this.#announced = { addresses, atMs: nowMs };
  }

  async #seek(running: Running, signal: AbortSignal): Promise<void> {
    if (!this.#parts.seeksNetwork) return;
    const { dht, host } = running;
    for await (const event of dht.findProviders(cidOf(keyOfNetwork(host.network), running), { signal })) {
      if (event.name !== 'PROVIDER') continue;
      for (const { id, multiaddrs } of event.providers) {
        for (const address of this.#usable(id.toString(), multiaddrs))
          host.found({ address, id: id.toString(), isTold: true });
      }
    }
  }

  /** Returns the addresses that a node has announced itself. @throws Error if there is no such announcement. */
  async #announcedBy(running: Running, id: string, signal: AbortSignal): Promise<readonly string[]> {
    for await (const event of running.dht.findProviders(cidOf(keyOfNode(id), running), { signal })) {
      if (event.name !== 'PROVIDER') continue;
      const own = event.providers.find((one) => one.id.toString() === id);
      const addresses = own === undefined ? [] : this.#usable(id, own.multiaddrs);
      if (addresses.length > 0) return addresses;
    }
    throw new Error('nobody keeps an announcement of it');
  }

  /** Returns the addresses of a node. @throws Error if no server knows the node. */
  async #addressesOf(running: Running, id: string, signal: AbortSignal): Promise<readonly string[]> {
    const peer = running.packages['@libp2p/peer-id'].peerIdFromString(id);
    for await (const event of running.dht.findPeer(peer, { signal })) {
      if (event.name !== 'FINAL_PEER') continue;
      const addresses = this.#usable(id, event.peer.multiaddrs);
      if (addresses.length > 0) return addresses;
    }
    throw new Error('no server knows where it is');
  }

  /** Returns the addresses that may be used, because any node may publish anything in a DHT. */
  #usable(id: string, multiaddrs: readonly { toString(): string }[]): readonly string[] {
    const texts = multiaddrs.map((one) => one.toString());
    const ending = `/p2p/${id}`;
    return [...new Set(texts.map((text) => (text.endsWith(ending) ? text : `${text}${ending}`)))]
      .filter((text) => this.#told.mayDial(text))
      .slice(0, maxAddresses);
  }
}

function hostScopeOf(text: string): string | undefined {
  return text.startsWith('/') ? scopeOf(parseMultiaddr(text)!.host) : undefined;
}

/** Returns the key of a network's announcements. It is a hash, so the network's name cannot be read from it. */
function keyOfNetwork(network: string): Uint8Array {
  return sha256Bytes(new TextEncoder().encode(`peerloom network 1\0${network}`));
}

function keyOfNode(id: string): Uint8Array {
  return sha256Bytes(new TextEncoder().encode(`peerloom node 1\0${id}`));
}

const rawCodec = 0x55;
const sha256Code = 0x12;

function cidOf(key: Uint8Array, { packages: { multiformats } }: Running): CID {
  return multiformats.CID.createV1(rawCodec, multiformats.digest.create(sha256Code, key));
}
