import { checkSubscribeOptions, checkTopic, type SubscribeOptions } from '../api/broadcast-options.ts';
import { isSameHistory, type ResolvedHistoryOptions } from '../api/history-options.ts';
import type { Histories } from '../overlay/history/histories.ts';
import type { HistoryPart } from '../overlay/history/history-part.ts';
import type { HistoryStore } from '../overlay/history/history-store.ts';
import {
  isAsIn,
  type Subscription,
  type SubscriptionDetails,
  type Subscriptions,
  wireTopicOf,
} from './subscriptions.ts';

export interface TopicHistoriesHost {
  readonly network: string;
  readonly history: Pick<HistoryPart, 'histories' | 'begin' | 'openStore'>;
  readonly topics: () => Subscriptions;
  /** Sends the broadcasts of this turn, which belong to the histories as they were. */
  readonly sendGathered: () => void;
  /** The node has stopped. */
  readonly isClosed: () => boolean;
}

/** Subscribes to topics and begins and ends their histories with them. */
export class TopicHistories {
  readonly #host: TopicHistoriesHost;

  constructor(host: TopicHistoriesHost) {
    this.#host = host;
  }

  /** Resolves when the topic's key is derived, if it has one, and its history is open. */
  subscribe(topic: string, given?: SubscribeOptions): Promise<void> {
    const { history, ...details } = checkSubscribeOptions(given);
    // Earlier broadcasts belong to the history as it was before.
    this.#host.sendGathered();
    if (history !== undefined) {
      const histories = this.#host.history.begin();
      if (histories instanceof Promise) histories.catch(() => {}); // the subscription reports the same error
      if (history.store !== undefined || histories instanceof Promise) {
        return this.#subscribeOpening(checkTopic(topic), details, { history, histories });
      }
    }
    const earlier = this.#wireTopicOf(checkTopic(topic));
    const ready = this.#host.topics().add(topic, details);
    const subscription = this.#host.topics().get(topic)!;
    subscription.history = history;
    const wireTopic = wireTopicOf(subscription);
    if (earlier !== undefined && earlier !== wireTopic) this.#host.history.histories?.forget(earlier);
    if (wireTopic !== undefined) this.#setHistory(subscription);
    if (wireTopic !== undefined || history === undefined) return ready;
    return ready.then(() => {
      if (subscription === this.#host.topics().get(topic)) this.#setHistory(subscription);
    });
  }

  /** Opens the history before the first broadcast is received, so that none of them is missing in it. */
  #subscribeOpening(
    topic: string,
    details: SubscriptionDetails,
    {
      history,
      histories,
    }: {
      readonly history: ResolvedHistoryOptions;
      readonly histories: Histories | Promise<Histories>;
    },
  ): Promise<void> {
    const earlier = this.#host.topics().get(topic);
    if (earlier !== undefined && isAsIn(details, earlier) && this.#keepsAs(earlier, history)) {
      return earlier.ready;
    }
    this.unsubscribe(topic);
    const isWanted = (): boolean =>
      this.#host.topics().get(topic)?.history === history && !this.#host.isClosed();
    const open = async (wireTopic: string): Promise<void> => {
      let store: HistoryStore | undefined;
      try {
        const ready = await histories;
        if (history.store !== undefined) {
          store = await this.#host.history.openStore(history.store, {
            network: this.#host.network,
            topic: wireTopic,
          });
        }
        if (isWanted()) ready.keep(wireTopic, history, store);
        else await store?.close();
      } catch (error) {
        await store?.close();
        if (isWanted()) throw error;
      }
    };
    const ready = this.#host.topics().add(topic, { ...details, open });
    this.#host.topics().get(topic)!.history = history;
    return ready;
  }

  #keepsAs(subscription: Subscription, history: ResolvedHistoryOptions): boolean {
    if (subscription.history === undefined || !isSameHistory(subscription.history, history)) return false;
    return (
      !this.#host.topics().isOpen(subscription) ||
      this.#host.history.histories?.keeps(wireTopicOf(subscription)!) === true
    );
  }

  unsubscribe(topic: string): void {
    const wireTopic = this.#wireTopicOf(checkTopic(topic));
    this.#host.sendGathered();
    this.#host.topics().remove(topic);
    if (wireTopic !== undefined) this.#host.history.histories?.forget(wireTopic);
  }

  #wireTopicOf(topic: string): string | undefined {
    const subscription = this.#host.topics().get(topic);
    return subscription && wireTopicOf(subscription);
  }

  /** @throws PeerloomError if the history cannot be kept. The node is not subscribed then. */
  #setHistory(subscription: Subscription): void {
    const { topic, history } = subscription;
    const wireTopic = wireTopicOf(subscription)!;
    if (history === undefined) {
      this.#host.history.histories?.forget(wireTopic);
      return;
    }
    try {
      this.#host.history.histories!.keep(wireTopic, history);
    } catch (error) {
      this.unsubscribe(topic);
      throw error;
    }
  }
}
