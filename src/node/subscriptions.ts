import type { ResolvedHistoryOptions } from '../api/history-options.ts';
import { PeerloomError } from '../base/errors.ts';
import type { Runtime } from '../base/runtime.ts';
import { OriginOrder, type OriginOrderOptions } from '../overlay/origin-order.ts';
import type { TopicKey } from '../overlay/topic-key.ts';
import { loadPart } from './load-part.ts';

/** A topic to which the node has subscribed. */
export interface Subscription {
  readonly topic: string;
  /** The text from which the key is derived. `undefined` for a topic without a key. */
  readonly topicKey: string | undefined;
  /** Also `undefined` while it is being derived. */
  key: TopicKey | undefined;
  /** `undefined` if broadcasts are handled as they arrive. */
  readonly order: OriginOrder | undefined;
  /** `undefined` if the node does not keep the topic. */
  history: ResolvedHistoryOptions | undefined;
  /** Resolves when the key is derived and the history is open. */
  readonly ready: Promise<void>;
}

/** How a node subscribes to a topic. */
export interface SubscriptionDetails {
  readonly topicKey?: string | undefined;
  readonly ordered?: boolean | undefined;
  /** Runs before any broadcast is received or sent, with the topic's name on the wire. */
  readonly open?: ((wireTopic: string) => Promise<void>) | undefined;
}

export interface SubscriptionsOptions extends OriginOrderOptions {
  readonly network: string;
  readonly runtime: Runtime;
}

/** The topics that a node has subscribed to. */
export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  readonly #byTopic = new Map<string, Subscription>();
  /** The topics whose broadcasts can be read, by their name on the wire. */
  readonly #byWireTopic = new Map<string, Subscription>();

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
    this.add('', {});
  }

  /** Memory of the broadcasts that wait for earlier ones. */
  get heldBytes(): number {
    let sum = 0;
    for (const { order } of this.#byTopic.values()) sum += order?.heldBytes ?? 0;
    return sum;
  }

  /** The subscription of a topic, whose key may still be being derived. */
  get(topic: string): Subscription | undefined {
    return this.#byTopic.get(topic);
  }

  find(wireTopic: string): Subscription | undefined {
    return this.#byWireTopic.get(wireTopic);
  }

  /** Subscribes to a topic. A subscription of the same topic with other details ends. */
  add(topic: string, details: SubscriptionDetails): Promise<void> {
    const { topicKey, ordered = false, open } = details;
    const earlier = this.#byTopic.get(topic);
    if (earlier !== undefined && open === undefined && isAsIn(details, earlier)) return earlier.ready;
    this.remove(topic);
    const prepared =
      topicKey === undefined && open === undefined ? undefined : this.#prepare(topic, topicKey, open);
    const ready = prepared?.then(
      (key) => this.#open(subscription, key),
      (error) => {
        if (this.#byTopic.get(topic) === subscription) this.remove(topic);
        throw error;
      },
    );
    const subscription: Subscription = {
      topic,
      topicKey,
      key: undefined,
      history: undefined,
      order: ordered ? new OriginOrder(this.#options) : undefined,
      ready: ready ?? Promise.resolve(),
    };
    this.#byTopic.set(topic, subscription);
    if (prepared === undefined) this.#byWireTopic.set(topic, subscription);
    return subscription.ready;
  }

  remove(topic: string): void {
    const subscription = this.#byTopic.get(topic);
    subscription?.order?.stop();
    this.#byTopic.delete(topic);
    this.#byWireTopic.delete(subscription?.key?.wireTopic ?? topic);
  }

  async derive(topic: string, topicKey: string): Promise<TopicKey> {
    const { network, runtime } = this.#options;
    const part = loadPart('topics');
    const { TopicKey: Key } = part instanceof Promise ? await part : part;
    return Key.derive({ text: topicKey, network, topic, runtime });
  }

  /** The node has stopped: waiting broadcasts are dropped. */
  stop(): void {
    for (const { order } of this.#byTopic.values()) order?.stop();
  }

  /**
   * The key for broadcasts of a topic; undefined for a topic without one.
   *
   * @throws PeerloomError `ERR_TOPIC_KEY` while the key is being derived: the broadcast must not leave without it.
   * `ERR_HISTORY_FILE` while the store of the topic is being opened: the broadcast must not be missing there.
   */
  keyOf(topic: string): TopicKey | undefined {
    const subscription = this.#byTopic.get(topic);
    if (subscription === undefined || this.isOpen(subscription)) return subscription?.key;
    const advice = 'await node.subscribe before you broadcast';
    if (subscription.topicKey === undefined) {
      throw new PeerloomError(
        'ERR_HISTORY_FILE',
        `the history of '${topic}' is still being opened: ${advice}`,
      );
    }
    throw new PeerloomError('ERR_TOPIC_KEY', `the key of '${topic}' is still being derived: ${advice}`);
  }

  /** Whether its broadcasts can be received and sent. */
  isOpen(subscription: Subscription): boolean {
    return this.#byWireTopic.get(wireTopicOf(subscription) ?? '') === subscription;
  }

  async #prepare(
    topic: string,
    topicKey: string | undefined,
    open: SubscriptionDetails['open'],
  ): Promise<TopicKey | undefined> {
    const key = topicKey === undefined ? undefined : await this.derive(topic, topicKey);
    await open?.(key?.wireTopic ?? topic);
    return key;
  }

  #open(subscription: Subscription, key: TopicKey | undefined): void {
    if (this.#byTopic.get(subscription.topic) !== subscription) return;
    subscription.key = key;
    this.#byWireTopic.set(key?.wireTopic ?? subscription.topic, subscription);
  }
}

/** Whether a subscription already has these details. */
export function isAsIn({ topicKey, ordered = false }: SubscriptionDetails, earlier: Subscription): boolean {
  return earlier.topicKey === topicKey && (earlier.order !== undefined) === ordered;
}

/** The name of a topic on the wire; undefined while its key is being derived. */
export function wireTopicOf({ topic, topicKey, key }: Subscription): string | undefined {
  return topicKey === undefined ? topic : key?.wireTopic;
}
