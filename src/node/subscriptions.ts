import { PeerloomError } from '../base/errors.ts';
import type { Runtime } from '../base/runtime.ts';
import { TopicKey } from '../overlay/topic-key.ts';

/** A topic whose broadcasts a node hands to its handlers. */
export interface Subscription {
  readonly topic: string;
  /** The text that the key is derived from; undefined for a topic without a key. */
  readonly topicKey: string | undefined;
  /** Undefined while it is being derived as well. */
  key: TopicKey | undefined;
  /** Resolves when the key is derived. */
  readonly ready: Promise<void>;
}

/** The topics that a node has subscribed to. */
export class Subscriptions {
  readonly #network: string;
  readonly #runtime: Runtime;
  readonly #byTopic = new Map<string, Subscription>();
  /** Those whose broadcasts can be read, by the topic's name on the wire. */
  readonly #byWireTopic = new Map<string, Subscription>();

  constructor({ network, runtime }: { readonly network: string; readonly runtime: Runtime }) {
    this.#network = network;
    this.#runtime = runtime;
    this.add('', undefined);
  }

  find(wireTopic: string): Subscription | undefined {
    return this.#byWireTopic.get(wireTopic);
  }

  /** Subscribes to a topic. A subscription of the same topic with another key, or without one, ends. */
  add(topic: string, topicKey: string | undefined): Promise<void> {
    const earlier = this.#byTopic.get(topic);
    if (earlier !== undefined && earlier.topicKey === topicKey) return earlier.ready;
    this.remove(topic);
    const derived = topicKey === undefined ? undefined : this.derive(topic, topicKey);
    const ready = derived?.then(
      (key) => this.#open(subscription, key),
      (error) => {
        if (this.#byTopic.get(topic) === subscription) this.remove(topic);
        throw error;
      },
    );
    const subscription: Subscription = { topic, topicKey, key: undefined, ready: ready ?? Promise.resolve() };
    this.#byTopic.set(topic, subscription);
    if (derived === undefined) this.#byWireTopic.set(topic, subscription);
    return subscription.ready;
  }

  remove(topic: string): void {
    const subscription = this.#byTopic.get(topic);
    this.#byTopic.delete(topic);
    this.#byWireTopic.delete(subscription?.key?.wireTopic ?? topic);
  }

  derive(topic: string, topicKey: string): Promise<TopicKey> {
    return TopicKey.derive({ text: topicKey, network: this.#network, topic, runtime: this.#runtime });
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
