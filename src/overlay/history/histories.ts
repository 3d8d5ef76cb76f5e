import { isSameHistory, type ResolvedHistoryOptions } from '../../api/history-options.ts';
import type { NodeConnection } from '../../api/node-connection.ts';
import type { ProtocolHost, ProtocolPeer } from '../../api/protocol.ts';
import { isPeerloomError, PeerloomError } from '../../base/errors.ts';
import type { Runtime } from '../../base/runtime.ts';
import { type Broadcast, idOf, isSignedByOrigin, readBroadcast, signedBytes } from '../broadcast.ts';
import type { Delivery } from '../deliveries.ts';
import type { Arrival } from '../router.ts';
import {
  digestOf,
  type HistoryFrame,
  maxKeptTopics,
  type OfKind,
  readHistoryFrame,
} from './history-frames.ts';
import { HistoryPeer } from './history-peer.ts';
import type { HistoryStore } from './history-store.ts';
import { KeptBroadcasts } from './kept-broadcasts.ts';
import { MemoryStore } from './memory-store.ts';
import { OwedBroadcasts } from './owed-broadcasts.ts';
import { SqliteStore } from './sqlite-store.ts';
import { TickTimer } from './tick-timer.ts';
import { TopicHistory, type TopicHistoryEffects } from './topic-history.ts';

/** The most bytes of broadcasts in the answer to one fetch, unless a single broadcast is larger. */
const answerBytes = 256 * 1024;

export interface HistoriesOptions {
  /** The name of the node's network. */
  readonly network: string;
  readonly runtime: Runtime;
  /** Called when a broadcast that the node had missed has arrived. */
  onCaughtUp(broadcast: Broadcast, arrival: Arrival): void;
  /** Called when a history can no longer be kept. */
  onFailure(error: unknown): void;
}

/** Finds other keepers. Its methods are called when this node or a peer begins or stops keeping a topic. */
export interface KeeperSearch {
  kept(digest: string): void;
  forgotten(digest: string): void;
  came(digest: string, id: string): void;
  left(digest: string, id: string): void;
  close(): void;
}

/** A topic that this node keeps. */
interface Entry {
  readonly topic: string;
  readonly options: ResolvedHistoryOptions;
  readonly history: TopicHistory<HistoryPeer>;
  readonly owed: OwedBroadcasts;
}

/**
 * The histories of a node's topics (docs/protocol.md, section 17). It tells neighbours which topics the node keeps, and
 * catches up with neighbours that keep the same topics.
 */
export class Histories implements TopicHistoryEffects<HistoryPeer> {
  readonly #options: HistoriesOptions;
  readonly #host: ProtocolHost;
  readonly #search: KeeperSearch | undefined;
  readonly #byDigest = new Map<string, Entry>();
  readonly #byTopic = new Map<string, Entry>();
  readonly #peers = new Map<ProtocolPeer, HistoryPeer>();
  #lost = 0;
  readonly #timer: TickTimer;

  /** @param search `undefined` if only neighbours that the user has chosen are keepers. */
  constructor(host: ProtocolHost, options: HistoriesOptions, search?: KeeperSearch) {
    this.#host = host;
    this.#search = search;
    this.#options = options;
    this.#timer = new TickTimer(options.runtime, () => this.#tick());
  }

  /**
   * Keeps a topic from now on. If it is already kept with other options, its history is opened again.
   *
   * @param opened where to keep it. Default: in the file of the options, or in memory.
   * @throws PeerloomError `ERR_HISTORY_FILE`, `ERR_TRANSPORT_UNAVAILABLE`. RangeError if there are more topics than a
   * node can keep.
   */
  keep(topic: string, options: ResolvedHistoryOptions, opened?: HistoryStore): void {
    const earlier = this.#byTopic.get(topic);
    if (earlier !== undefined && isSameHistory(earlier.options, options)) return;
    if (earlier !== undefined) void this.#remove(earlier);
    if (this.#byTopic.size >= maxKeptTopics) {
      throw new RangeError(`a node keeps the history of ${maxKeptTopics} topics at most`);
    }
    const { network, runtime } = this.#options;
    const { path } = options;
    const inFileOrMemory = (): HistoryStore =>
      path === undefined ? new MemoryStore() : new SqliteStore(path, { network, topic }, runtime);
    const store = opened ?? inFileOrMemory();
    const wallNow = (): number => this.wallNow();
    const kept = new KeptBroadcasts({ ...options, store, wallNow });
    const digest = digestOf(network, topic);
    const entry = {
      topic,
      options,
      history: new TopicHistory(digest, kept, this),
      owed: new OwedBroadcasts(kept),
    };
    this.#byDigest.set(digest, entry);
    this.#byTopic.set(topic, entry);
    this.#search?.kept(digest);
    for (const peer of this.#host.peers) this.#peerOf(peer).send(this.#keptTopics(true));
  }

  /** Stops keeping a topic. Its file is not removed. */
  forget(topic: string): void {
    const entry = this.#byTopic.get(topic);
    if (entry === undefined) return;
    void this.#remove(entry);
    for (const peer of this.#peers.values()) peer.send(this.#keptTopics(false));
  }

  keeps(topic: string): boolean {
    return this.#byTopic.has(topic);
  }

  keepsDigest(digest: string): boolean {
    return this.#byDigest.has(digest);
  }

  /** Whether the history already has a broadcast. */
  has({ topic, id }: Broadcast): boolean {
    return this.#byTopic.get(topic)?.history.kept.has(id) === true;
  }

  /** Adds a broadcast to the history of its topic, if the node keeps it. */
  add(broadcast: Broadcast): void {
    const entry = this.#byTopic.get(broadcast.topic);
    if (entry === undefined) return;
    this.#guard(entry, () => entry.history.add(broadcast));
    this.#schedule();
  }

  /** The number of broadcasts that were given up before handlers received them. */
  get lost(): number {
    let lost = this.#lost;
    for (const { owed } of this.#byTopic.values()) lost += owed.lost;
    return lost;
  }

  /** Whether handlers must receive other broadcasts of the same topic first. */
  owesBefore({ topic }: Broadcast): boolean {
    return (this.#byTopic.get(topic)?.owed.size ?? 0) > 0;
  }

  /** Notes that handlers cannot receive a broadcast yet. @returns false if the broadcast is not kept. */
  owe(broadcast: Broadcast, via: NodeConnection): boolean {
    if (!this.has(broadcast)) return false;
    this.#byTopic.get(broadcast.topic)!.owed.add(broadcast.id, via);
    return true;
  }

  /** Returns the next waiting broadcast for handlers, if any. */
  nextOwed(): Delivery | undefined {
    for (const entry of this.#byTopic.values()) {
      const next = this.#guard(entry, () => entry.owed.next());
      if (next !== undefined) return next;
    }
    return undefined;
  }

  /** Closes all files and stores. Resolves when everything is stored. */
  async close(): Promise<void> {
    this.#search?.close();
    await Promise.all([...this.#byTopic.values()].map((entry) => this.#remove(entry)));
  }

  opened(peer: ProtocolPeer): void {
    if (this.#byTopic.size > 0) this.#peerOf(peer).send(this.#keptTopics(false));
  }

  received(peer: ProtocolPeer, bytes: Uint8Array<ArrayBuffer>): void | Promise<void> {
    if (this.#byTopic.size === 0) return undefined;
    const from = this.#peerOf(peer);
    return from.share.run(() => this.#handle(from, readHistoryFrame(bytes)));
  }

  closed(peer: ProtocolPeer): void {
    const own = this.#peers.get(peer);
    if (own === undefined) return;
    this.#peers.delete(peer);
    own.close();
    for (const [digest, { history }] of this.#byDigest) this.#left(own, digest, history);
    this.#schedule();
  }

  now(): number {
    return this.#options.runtime.now();
  }

  wallNow(): number {
    return this.#options.runtime.wallNow();
  }

  random(): number {
    return this.#options.runtime.random('history');
  }

  send(peer: HistoryPeer, frame: HistoryFrame): boolean {
    return peer.send(frame);
  }

  isReachable(peer: HistoryPeer): boolean {
    return peer.isReachable;
  }

  caughtUp({ peer }: HistoryPeer, broadcasts: readonly Broadcast[]): void {
    const arrival = { via: peer.connection, hops: 0, isHistory: true };
    for (const broadcast of broadcasts) this.#options.onCaughtUp(broadcast, arrival);
  }

  #peerOf(peer: ProtocolPeer): HistoryPeer {
    let own = this.#peers.get(peer);
    if (own === undefined) {
      own = new HistoryPeer(peer, this.#options.runtime);
      this.#peers.set(peer, own);
    }
    return own;
  }

  #keptTopics(isQuestion: boolean): OfKind<'keep'> {
    const topics = Array.from(this.#byDigest, ([digest, { history }]) => ({
      digest,
      ...history.kept.capacity,
    }));
    return { kind: 'keep', isQuestion, topics };
  }

  #handle(from: HistoryPeer, frame: HistoryFrame): void | Promise<void> {
    if (frame.kind === 'seek' || frame.kind === 'found' || frame.kind === 'keeping') return undefined;
    if (frame.kind === 'keep') return this.#onKeep(from, frame);
    if (frame.kind === 'past') return this.#onPast(from, frame.broadcast);
    const entry = this.#byDigest.get(frame.digest);
    if (frame.kind === 'compare') return this.#onCompare(from, frame);
    if (frame.kind === 'fetch') return this.#onFetch(from, frame);
    if (entry === undefined) return undefined;
    const { history } = entry;
    this.#guard(entry, () => {
      if (frame.kind === 'answer') history.answered(from, frame);
      else if (frame.kind === 'refuse') history.refused(from, frame);
      else if (frame.kind === 'fetched') history.fetched(from, frame);
      else history.offered(from, frame.ids);
    });
    this.#schedule();
    return undefined;
  }

  #onKeep(from: HistoryPeer, { isQuestion, topics }: OfKind<'keep'>): void {
    const capacities = new Map(topics.map(({ digest, ...capacity }) => [digest, capacity]));
    for (const [digest, { history }] of this.#byDigest) {
      const capacity = capacities.get(digest);
      if (capacity === undefined) {
        this.#left(from, digest, history);
      } else {
        history.keeps(from, capacity, this.#host.id < from.peer.id);
        this.#search?.came(digest, from.peer.id);
      }
    }
    if (isQuestion && from.mayAsk()) from.send(this.#keptTopics(false));
    this.#schedule();
  }

  #left(peer: HistoryPeer, digest: string, history: TopicHistory<HistoryPeer>): void {
    history.left(peer);
    this.#search?.left(digest, peer.peer.id);
  }

  #onCompare(from: HistoryPeer, frame: OfKind<'compare'>): Promise<void> {
    return from.answer(() => {
      const history = this.#byDigest.get(frame.digest)?.history;
      const { digest, run } = frame;
      const nothing = { kind: 'refuse', digest, run, floorUs: Number.MAX_SAFE_INTEGER } as const;
      from.send(history === undefined ? nothing : history.compare(from, frame));
      this.#schedule();
      return 0;
    });
  }

  #onFetch(from: HistoryPeer, { digest, run, ids }: OfKind<'fetch'>): Promise<void> {
    return from.answer(() => {
      const entry = this.#byDigest.get(digest);
      let sentBytes = 0;
      let count = 0;
      for (const id of ids) {
        const bytes = entry && this.#guard(entry, () => entry.history.kept.read(id));
        if (bytes !== undefined) {
          if (sentBytes > 0 && sentBytes + bytes.length > answerBytes) break;
          from.send({ kind: 'past', broadcast: bytes });
          sentBytes += bytes.length;
        }
        count += 1;
      }
      from.send({ kind: 'fetched', digest, run, count });
      return sentBytes;
    });
  }

  /** @throws PeerloomError if its origin has not signed the broadcast. Honest peers check before they keep one. */
  #onPast(from: HistoryPeer, bytes: Uint8Array<ArrayBuffer>): void {
    const signed = signedBytes(bytes, this.#options.network);
    const id = idOf(signed);
    const broadcast = readBroadcast(bytes, id);
    const entry = this.#byTopic.get(broadcast.topic);
    // The answer may arrive after the end of the run that asked for it.
    if (entry === undefined || !entry.history.takes(from, id)) return;
    if (!isSignedByOrigin(broadcast, signed)) {
      throw new PeerloomError('ERR_SIGNATURE_INVALID', `a broadcast that ${broadcast.origin} has not signed`);
    }
    this.#guard(entry, () => entry.history.arrived(broadcast));
    this.#schedule();
  }

  #remove(entry: Entry): void | Promise<void> {
    this.#byDigest.delete(entry.history.digest);
    this.#search?.forgotten(entry.history.digest);
    this.#byTopic.delete(entry.topic);
    this.#lost += entry.owed.lost + entry.owed.size;
    this.#schedule();
    return entry.history.kept.close();
  }

  /** Does some work with a store. If the store fails, the node reports it and stops keeping the topic. */
  #guard<Result>(entry: Entry, work: () => Result): Result | undefined {
    try {
      return work();
    } catch (error) {
      if (!isPeerloomError(error) || error.code !== 'ERR_HISTORY_FILE') throw error;
      this.forget(entry.topic);
      this.#options.onFailure(error);
      return undefined;
    }
  }

  /** Sets the timer to the time at which something is due next. */
  #schedule(): void {
    let atMs = Number.POSITIVE_INFINITY;
    let isWatching = true;
    for (const { history } of this.#byTopic.values()) {
      const next = history.nextTick;
      if (next === undefined) continue;
      atMs = Math.min(atMs, next.atMs);
      isWatching &&= next.isWatching;
    }
    this.#timer.set(atMs, isWatching);
  }

  #tick(): void {
    for (const entry of [...this.#byTopic.values()]) this.#guard(entry, () => entry.history.tick());
    this.#schedule();
  }
}
