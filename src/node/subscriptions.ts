import type { ResolvedHistoryOptions } from '../api/history-options.ts';
import { PeerloomError } from '../base/errors.ts';
import type { Runtime } from '../base/runtime.ts';
import { OriginOrder, type OriginOrderOptions } from '../overlay/origin-order.ts';
import { TopicKey } from '../overlay/topic-key.ts';

/** A topic whose broadcasts a node hands to its handlers. */
export interface Subscription {
  readonly topic: string;
  /** The text that the key is derived from; undefined for a topic without a key. */
  readonly topicKey: string | undefined;
  /** Undefined while it is being derived as well. */
  key: TopicKey | undefined;
  /** Undefined for a topic whose broadcasts are handed on as they arrive. */
  readonly order: OriginOrder | undefined;
  /** Undefined for a topic that the node does not keep. */
  history: ResolvedHistoryOptions | undefined;
  /** Resolves when the key is derived. */
  readonly ready: Promise<void>;
}

/** How a node subscribes to a topic. */
export interface SubscriptionDetails {
  readonly topicKey?: string | undefined;
  readonly ordered?: boolean | undefined;
}

export interface SubscriptionsOptions extends OriginOrderOptions {
  readonly network: string;
  readonly runtime: Runtime;
}

/** The topics that a node has subscribed to. */
export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  readonly #byTopic = new Map<string, Subscription>();
  /** Those whose broadcasts can be read, by the topic's name on the wire. */
  readonly #byWireTopic = new Map<string, Subscription>();

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
    this.add('', {});
  }

  /** What waits for earlier broadcasts, in bytes. */
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
  add(topic: string, { topicKey, ordered = false }: SubscriptionDetails): Promise<void> {
    const earlier = this.#byTopic.get(topic);
    const isSame = earlier?.topicKey === topicKey && (earlier?.order !== undefined) === ordered;
    if (earlier !== undefined && isSame) return earlier.ready;
    this.remove(topic);
    const derived = topicKey === undefined ? undefined : this.derive(topic, topicKey);
    const ready = derived?.then(
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
    if (derived === undefined) this.#byWireTopic.set(topic, subscription);
    return subscription.ready;
  }

  remove(topic: string): void {
    const subscription = this.#byTopic.get(topic);
    subscription?.order?.stop();
    this.#byTopic.delete(topic);
    this.#byWireTopic.delete(subscription?.key?.wireTopic ?? topic);
  }

  derive(topic: string, topicKey: string): Promise<TopicKey> {
    const { network, runtime } = this.#options;
    return TopicKey.derive({ text: topicKey, network, topic, runtime });
  }

  /** The node has stopped: nothing that waits is handed on any more. */
  stop(): void {
    for (const { order } of this.#byTopic.values()) order?.stop();
  }

  /**
   * The key for broadcasts of a topic; undefined for a topic without one.
   *
   * @throws PeerloomError `ERR_TOPIC_KEY` while the key is being derived: the broadcast must not leave without it.
   */
  keyOf(topic: string): TopicKey | undefined {
    const { topicKey, key } = this.#byTopic.get(topic) ?? {};
    if (topicKey === undefined || key !== undefined) return key;
    throw new PeerloomError(
      'ERR_TOPIC_KEY',
      `the key of the topic '${topic}' is still being derived: await node.subscribe before you broadcast`,
    );
  }

  #open(subscription: Subscription, key: TopicKey): void {
    if (this.#byTopic.get(subscription.topic) !== subscription) return;
    subscription.key = key;
    this.#byWireTopic.set(key.wireTopic, subscription);
  }
}

/** The name of a topic on the wire; undefined while its key is being derived. */
export function wireTopicOf({ topic, topicKey, key }: Subscription): string | undefined {
  return topicKey === undefined ? topic : key?.wireTopic;
}
