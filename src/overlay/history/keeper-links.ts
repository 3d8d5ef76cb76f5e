import type { ProtocolPeer } from '../../api/protocol.ts';
import { backoffDelayMs } from '../../base/backoff.ts';
import type { Runtime, RuntimeTimer } from '../../base/runtime.ts';
import type { AddressRecord } from '../membership/address-record.ts';

/** The connections that a node automatically makes and keeps for its topics. */
export interface TopicLinks {
  /** This node's signed addresses. `undefined` if no other node can dial it. */
  readonly record: AddressRecord | undefined;
  /** Connects with a node whose record a peer sent. @returns false if that is not possible now. */
  reach(record: AddressRecord, teller: ProtocolPeer): Promise<boolean>;
  /** Keeps a connection for a topic. */
  holdForTopic(id: string): void;
  /** Called when no topic needs the connection any more. It closes if nothing else needs it. */
  releaseFromTopics(id: string): void;
}

/** The number of other keepers with which a topic is kept together, if there are enough. */
const wantedKeepers = 2;

/** The pauses between walks, in milliseconds. */
const pauses = { minDelayMs: 1_000, maxDelayMs: 120_000 };

/** How long a node that was found may take to say that it keeps the topic, in milliseconds. */
const introductionMs = 10_000;

/** How often a keeper of a rare topic announces itself by walks, in milliseconds, so that later keepers find it. */
const remindMs = 300_000;

/** The most nodes that are remembered because they were said to be keepers and are not. They are not dialled again. */
const maxDisproved = 64;

interface Topic {
  /** The ids of the keepers with which a connection is kept. */
  readonly held: Set<string>;
  walks: number;
  /** Whether the topic is rare: walks were needed to find its keepers. */
  isRare: boolean;
  timer: RuntimeTimer | undefined;
}

export interface KeeperLinksOptions {
  readonly runtime: Runtime;
  readonly links: TopicLinks;
  /** Sends a walk that looks for a keeper. */
  readonly seek: (digest: string) => void;
  /** Sends a walk that announces this keeper. */
  readonly tell: (digest: string) => void;
}

/**
 * Keeps connections with two other keepers of each topic, and looks for keepers while there are fewer. Used only if the
 * node finds its neighbours automatically.
 */
export class KeeperLinks {
  readonly #options: KeeperLinksOptions;
  readonly #topics = new Map<string, Topic>();
  /** Nodes that were dialled and have not yet said which topics they keep. */
  readonly #strangers = new Map<string, RuntimeTimer>();
  readonly #disproved = new Set<string>();

  constructor(options: KeeperLinksOptions) {
    this.#options = options;
  }

  /** This node keeps a topic from now on. */
  kept(digest: string): void {
    const topic: Topic = { held: new Set(), walks: 0, isRare: false, timer: undefined };
    this.#topics.set(digest, topic);
    this.#seekLater(digest, topic);
  }

  /** This node no longer keeps the topic. */
  forgotten(digest: string): void {
    const topic = this.#topics.get(digest);
    if (topic === undefined) return;
    this.#topics.delete(digest);
    topic.timer?.cancel();
    for (const id of topic.held) this.#release(id);
  }

  /** A peer keeps the topic too. */
  came(digest: string, id: string): void {
    const topic = this.#topics.get(digest);
    this.#disproved.delete(id);
    if (topic === undefined || topic.held.has(id) || topic.held.size >= wantedKeepers) return;
    topic.held.add(id);
    topic.isRare ||= topic.walks > 0;
    topic.walks = 0;
    this.#options.links.holdForTopic(id);
    this.#strangers.get(id)?.cancel();
    this.#strangers.delete(id);
  }

  /** A peer has gone, or no longer keeps the topic. */
  left(digest: string, id: string): void {
    const topic = this.#topics.get(digest);
    if (topic?.held.delete(id) !== true) return;
    this.#release(id);
    this.#seekLater(digest, topic);
  }

  /** Whether the addresses of a keeper of a topic would be useful now. */
  wants(digest: string, id: string): boolean {
    const topic = this.#topics.get(digest);
    if (topic === undefined || topic.held.size >= wantedKeepers) return false;
    return !topic.held.has(id) && !this.#strangers.has(id) && !this.#disproved.has(id);
  }

  /** A walk has found a keeper. */
  async found(digest: string, record: AddressRecord, teller: ProtocolPeer): Promise<void> {
    const { links, runtime } = this.#options;
    const { id } = record;
    if (!this.wants(digest, id)) return;
    if (!(await links.reach(record, teller)) || this.#isHeld(id) || this.#strangers.has(id)) return;
    const letGo = (): void => {
      this.#strangers.delete(id);
      this.#disproved.add(id);
      if (this.#disproved.size > maxDisproved) this.#disproved.delete(this.#disproved.values().next().value!);
      this.#release(id);
    };
    this.#strangers.set(id, runtime.setTimeout(letGo, introductionMs));
  }

  close(): void {
    for (const { timer } of this.#topics.values()) timer?.cancel();
    for (const timer of this.#strangers.values()) timer.cancel();
    this.#topics.clear();
    this.#strangers.clear();
  }

  #seekLater(digest: string, topic: Topic): void {
    if (topic.timer !== undefined) return;
    const { runtime, seek, tell } = this.#options;
    const random = (): number => runtime.random('pauses of walks to keepers');
    const isFound = topic.held.size >= wantedKeepers;
    const delayMs = isFound
      ? remindMs * (0.5 + random() / 2)
      : backoffDelayMs(topic.walks + 1, pauses, random);
    const goOn = (): void => {
      topic.timer = undefined;
      if (topic.held.size < wantedKeepers) {
        topic.walks += 1;
        seek(digest);
      } else if (!topic.isRare) {
        return;
      }
      tell(digest);
      this.#seekLater(digest, topic);
    };
    topic.timer = runtime.setTimeout(goOn, delayMs, 'watching');
  }

  #isHeld(id: string): boolean {
    for (const { held } of this.#topics.values()) if (held.has(id)) return true;
    return false;
  }

  #release(id: string): void {
    if (!this.#isHeld(id)) this.#options.links.releaseFromTopics(id);
  }
}
