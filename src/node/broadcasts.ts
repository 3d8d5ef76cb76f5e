import {
  type BroadcastDetails,
  type BroadcastOptions,
  type BroadcastReceipt,
  checkBroadcastOptions,
  checkTopic,
  type SubscribeOptions,
} from '../api/broadcast-options.ts';
import type { Dispatcher } from '../api/dispatcher.ts';
import type { NodeConnection } from '../api/node-connection.ts';
import type { ResolvedOptions } from '../api/options.ts';
import type { Protocol } from '../api/protocol.ts';
import { messageOf } from '../base/arguments.ts';
import type { Data } from '../base/data.ts';
import type { Log } from '../base/debug.ts';
import { PeerloomError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import type { MemoryBudget } from '../base/memory-budget.ts';
import type { Runtime } from '../base/runtime.ts';
import type { Handled } from '../channel/channel.ts';
import type { NodeIdentity } from '../identity/signer.ts';
import type { Broadcast } from '../overlay/broadcast.ts';
import { Deliveries } from '../overlay/deliveries.ts';
import { HistoryPart, type HistoryParts, type WalkParts } from '../overlay/history/history-part.ts';
import type { TopicLinks } from '../overlay/history/keeper-links.ts';
import type { Path } from '../overlay/latest-paths.ts';
import { Overlay, type OverlayOptions, type OverlayPart } from '../overlay/overlay.ts';
import { presenceTopic } from '../overlay/presence/announcement.ts';
import type { Presence } from '../overlay/presence/presence.ts';
import type { Arrival, BroadcastSight } from '../overlay/router.ts';
import type { TopicKey } from '../overlay/topic-key.ts';
import type { Payload } from '../wire/payloads/payload.ts';
import { decodeBroadcast, encodeBroadcast } from './broadcast-data.ts';
import { loadPart } from './load-part.ts';
import type { MembershipPart } from './membership-part.ts';
import { PythonBroadcasts } from './python-broadcasts.ts';
import { Subscriptions } from './subscriptions.ts';
import { TopicHistories } from './topic-histories.ts';

export interface BroadcastsOptions {
  readonly identity: NodeIdentity;
  readonly network: string;
  readonly runtime: Runtime;
  readonly limits: Limits;
  readonly budget: MemoryBudget;
  readonly relayBroadcasts: ResolvedOptions['relayBroadcasts'];
  readonly dispatcher: Dispatcher;
  readonly log: Log;
  /** Connects the node with others for its topics. `undefined` if the user makes all connections. */
  readonly membership?: MembershipPart | undefined;
  /** Receives the announcements of nodes. `undefined` if the node only passes them on. */
  readonly presence?: Presence | undefined;
  /** The parts of the overlay's protocol beside broadcasts. */
  readonly parts?: readonly OverlayPart[] | undefined;
  /** The peers, if Python nodes among them take part in broadcasts. */
  readonly pythonPeers?: (() => Iterable<NodeConnection>) | undefined;
  /** Whether handlers no longer receive anything. */
  readonly isStopping: () => boolean;
  /** Registers a function that runs when the node is about to stop and can still send. */
  readonly onStopping: (act: () => void) => void;
}

/**
 * The broadcasts that a node sends and receives. Most nodes do neither, so the parts are created when first needed.
 */
export class Broadcasts implements OverlayOptions {
  readonly #options: BroadcastsOptions;
  readonly #overlay: Overlay;
  readonly #python: PythonBroadcasts | undefined;
  #deliveries: Deliveries | undefined;
  #subscriptions: Subscriptions | undefined;
  readonly #history: HistoryPart;
  #topicHistories: TopicHistories | undefined;
  #rejected = 0;
  #isClosed = false;
  #dropped = 0;

  constructor(options: BroadcastsOptions) {
    this.#options = options;
    this.#history = new HistoryPart(this);
    this.#overlay = new Overlay(this);
    const { pythonPeers: connections, identity, runtime, log } = options;
    this.#python =
      connections &&
      new PythonBroadcasts({
        ownId: identity.id,
        connections,
        broadcast: (data, topic) => this.#broadcastFromPython(data, topic),
        hand: (...broadcast) => this.#handFromPython(...broadcast),
        wallNow: () => runtime.wallNow(),
        log,
      });
    options.budget.share(
      () =>
        this.#overlay.heldBytes + (this.#deliveries?.heldBytes ?? 0) + (this.#subscriptions?.heldBytes ?? 0),
    );
  }

  get identity(): NodeIdentity {
    return this.#options.identity;
  }

  get network(): string {
    return this.#options.network;
  }

  get runtime(): Runtime {
    return this.#options.runtime;
  }

  get parts(): readonly OverlayPart[] {
    return [this.#history, ...(this.#options.parts ?? [])];
  }

  loadParts(): HistoryParts | Promise<HistoryParts> {
    const { membership } = this.#options;
    const part = loadPart('topics');
    if (membership === undefined || membership.current !== undefined) return part;
    return Promise.all([part, membership.load()]).then(([topics]) => topics);
  }

  loadWalks(): WalkParts | Promise<WalkParts> {
    return loadPart('walks');
  }

  get topicLinks(): TopicLinks | undefined {
    return this.#options.membership?.current?.keptLinks;
  }

  get budget(): MemoryBudget {
    return this.#options.budget;
  }

  /** The protocol that passes broadcasts on. */
  get protocol(): Protocol {
    return this.#overlay;
  }

  get dropped(): number {
    return this.#dropped + (this.#history.histories?.lost ?? 0);
  }

  /** How many broadcasts of the node's topics could not be read. */
  get rejected(): number {
    return this.#rejected;
  }

  /** The path of the latest broadcast of a node. */
  pathTo(id: string): Path | undefined {
    return this.#overlay.pathTo(id);
  }

  /** The difference between a peer's clock and this node's in milliseconds, if broadcasts are dropped because of it. */
  clockGapOf(id: string): number | undefined {
    return this.#overlay.clockGapOf(id);
  }

  onBroadcast(broadcast: Broadcast, arrival: Arrival): void {
    if (broadcast.topic === presenceTopic) {
      this.#options.presence?.heard(broadcast, arrival);
      return;
    }
    const subscription = this.#topics.find(broadcast.topic);
    if (subscription === undefined) return;
    const { histories } = this.#history;
    // It may have arrived earlier through the history of a neighbour.
    if (histories?.has(broadcast) === true) return;
    histories?.add(broadcast);
    if (subscription.order === undefined) this.#hand(broadcast, arrival);
    else subscription.order.add(broadcast, arrival);
  }

  /** A broadcast that this node had missed has arrived through a history. */
  onCaughtUp(broadcast: Broadcast, arrival: Arrival): void {
    this.#hand(broadcast, arrival);
    this.#topics.find(broadcast.topic)?.order?.handedOn(broadcast);
  }

  onOriginated(broadcast: Broadcast): void {
    this.#history.histories?.add(broadcast);
  }

  isKept(topic: string): boolean {
    return this.#history.histories?.keeps(topic) === true;
  }

  onStopping(act: () => void): void {
    this.#options.onStopping(act);
  }

  isStopping(): boolean {
    return this.#options.isStopping();
  }

  observe(what: BroadcastSight, id: string, hops: number): void {
    this.#options.dispatcher.observeBroadcast(what, id, hops);
  }

  passesOn(topic: string): boolean {
    const { relayBroadcasts, presence } = this.#options;
    if (relayBroadcasts === 'all') return true;
    return topic === presenceTopic ? presence !== undefined : this.#topics.find(topic) !== undefined;
  }

  /** The node has stopped. Resolves when its histories are stored. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#subscriptions?.stop();
    await this.#history.histories?.close();
  }

  onFailure(error: unknown): void {
    this.#options.dispatcher.failed(error, 'node_broadcast', undefined);
  }

  /** @throws as `Node.broadcast` does. */
  send(data: Data, given?: BroadcastOptions): BroadcastReceipt | Promise<BroadcastReceipt> {
    const { topic, topicKey } = checkBroadcastOptions(given);
    const payload = encodeBroadcast(data, this.#options.limits);
    if (topicKey === undefined) {
      const key = this.#topics.keyOf(topic);
      const receipt = this.#send({ topic, key, payload });
      const sentAt = Math.trunc(this.#options.runtime.wallNow());
      // A connection with a Python node is not encrypted.
      if (key === undefined)
        this.#python?.send({ data, origin: this.identity.id, topic, id: receipt.id, sentAt });
      return receipt;
    }
    // The user may change binary data meanwhile.
    const kept = { ...payload, body: Uint8Array.from(payload.body) };
    return this.#topics.derive(topic, topicKey).then((key) => this.#send({ topic, key, payload: kept }));
  }

  /** Broadcasts that this node is present or leaves. @throws as `Node.broadcast` does. */
  announce(payload: Pick<Broadcast, 'format' | 'body'>): void {
    this.#overlay.broadcast({ topic: presenceTopic, key: undefined, payload });
  }

  /** Broadcasts a Python node's message if it asks for that and the option allows it. Otherwise returns `undefined`. */
  takeFromPython(peer: NodeConnection, data: Data): Handled | undefined {
    return this.#python?.receive(peer, data);
  }

  /** Resolves when the topic's key is derived, if it has one, and its history is open. */
  subscribe(topic: string, options?: SubscribeOptions): Promise<void> {
    return this.#subscribing.subscribe(topic, options);
  }

  unsubscribe(topic: string): void {
    this.#subscribing.unsubscribe(topic);
  }

  get #subscribing(): TopicHistories {
    this.#topicHistories ??= new TopicHistories({
      network: this.network,
      history: this.#history,
      topics: () => this.#topics,
      sendGathered: () => this.#overlay.flush(),
      isClosed: () => this.#isClosed,
    });
    return this.#topicHistories;
  }

  get #topics(): Subscriptions {
    const { network, runtime, budget } = this.#options;
    this.#subscriptions ??= new Subscriptions({
      network,
      runtime,
      onGrowth: budget.grew,
      onNext: (...delivery) => this.#hand(...delivery),
      onLate: (...delivery) => this.#handLate(...delivery),
    });
    return this.#subscriptions;
  }

  /** Passes a broadcast to the handlers, or queues it for them. */
  #hand(broadcast: Broadcast, arrival: Arrival): void {
    const { histories } = this.#history;
    this.#deliveries ??= new Deliveries(
      (...delivery) => this.#deliver(...delivery),
      () => this.#history.histories?.nextOwed(),
    );
    if (histories?.owesBefore(broadcast) !== true && this.#deliveries.add(broadcast, arrival)) return;
    if (histories?.owe(broadcast, arrival.via) !== true) this.#dropped += 1;
  }

  /** Passes on a broadcast from a history. They arrive in any order. */
  #handLate(broadcast: Broadcast, arrival: Arrival): void {
    if (this.isKept(broadcast.topic)) this.#hand(broadcast, { ...arrival, isHistory: true });
    else this.#dropped += 1;
  }

  #send(content: {
    readonly topic: string;
    readonly key: TopicKey | undefined;
    readonly payload: Payload;
  }): BroadcastReceipt {
    return { id: this.#overlay.broadcast(content), neighbours: this.#overlay.neighbourCount };
  }

  #deliver(broadcast: Broadcast, { via, hops, isHistory = false }: Arrival): unknown {
    const { dispatcher, isStopping } = this.#options;
    const subscription = this.#topics.find(broadcast.topic);
    if (subscription === undefined || isStopping()) return undefined;
    const { id, origin, timeUs } = broadcast;
    let data: Data;
    try {
      data = decodeBroadcast(broadcast, subscription.key, this.#options.limits);
    } catch (error) {
      this.#rejected += 1;
      this.#options.log(`a broadcast of ${origin} is rejected: ${messageOf(error)}`);
      return undefined;
    }
    const { topic } = subscription;
    const details = { topic, id, sentAt: Math.trunc(timeUs / 1_000), via, hops, isHistory };
    if (subscription.key === undefined)
      this.#python?.send({ data, origin, topic, id, sentAt: details.sentAt });
    return dispatcher.emit('node_broadcast', origin, data, details);
  }

  /** @throws PeerloomError `ERR_NOT_PERMITTED` for a topic with a key, which Python nodes do not have. */
  #broadcastFromPython(data: Data, topic: string): BroadcastReceipt {
    if (this.#topics.keyOf(checkTopic(topic)) === undefined)
      return this.#send({ topic, key: undefined, payload: encodeBroadcast(data, this.#options.limits) });
    throw new PeerloomError('ERR_NOT_PERMITTED', `a Python node has no key of the topic '${topic}'`);
  }

  #handFromPython(origin: string, data: Data, details: BroadcastDetails): Handled {
    if (this.#topics.find(details.topic) === undefined) return true;
    return this.#options.dispatcher.emit('node_broadcast', origin, data, details);
  }
}
