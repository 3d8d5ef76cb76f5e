import type { ProtocolPeer } from '../../api/protocol.ts';
import { backoffDelayMs } from '../../base/backoff.ts';
import type { Runtime, RuntimeTimer } from '../../base/runtime.ts';
import type { AddressRecord } from '../membership/address-record.ts';

/** Connections that a node makes and keeps by itself for its topics. */
export interface TopicLinks {
  /** Where this node can be dialled, signed; undefined: nobody can dial it. */
  readonly record: AddressRecord | undefined;
  /** Connects with a node that a peer told of. @returns false if that is not possible now. */
  reach(record: AddressRecord, teller: ProtocolPeer): Promise<boolean>;
  /** Keeps a connection for a topic. */
  holdForTopic(id: string): void;
  /** No topic needs the connection any more: it closes if nothing else does. */
  releaseFromTopics(id: string): void;
}

/** A topic is kept together with so many other keepers, if there are as many. */
const wantedKeepers = 2;

/** The pauses between walks, in milliseconds. */
const pauses = { minDelayMs: 1_000, maxDelayMs: 120_000 };

/** A node that was found has so long to say that it keeps the topic, in milliseconds. */
const introductionMs = 10_000;

/** A keeper that walks had to find tells others of itself so often, in milliseconds, for keepers that come later. */
const remindMs = 300_000;

/** Nodes that were said to be keepers and are not: so many are remembered, and not dialled again. */
const maxDisproved = 64;

interface Topic {
  /** The ids of keepers with which the connection is kept. */
  readonly held: Set<string>;
  walks: number;
  /** Walks had to find its keepers. */
  isRare: boolean;
  timer: RuntimeTimer | undefined;
}

export interface KeeperLinksOptions {
  readonly runtime: Runtime;
  readonly links: TopicLinks;
  /** Sends a walk that looks for a keeper. */
  readonly seek: (digest: string) => void;
  /** Sends a walk that tells of this keeper. */
  readonly tell: (digest: string) => void;
}

/**
 * Keeps the connections with two other keepers of each topic, and looks for keepers while there are fewer. Only in a
 * node that finds its neighbours by itself.
 */
export class KeeperLinks {
  readonly #options: KeeperLinksOptions;
  readonly #topics = new Map<string, Topic>();
  /** Nodes that were dialled, and have not said yet which topics they keep. */
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

  /** It does not keep the topic any more. */
  forgotten(digest: string): void {
    const topic = this.#topics.get(digest);
    if (topic === undefined) return;
    this.#topics.delete(digest);
    topic.timer?.cancel();
    for (const id of topic.held) this.#release(id);
  }

  /** A peer keeps the topic, too. */
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

  /** A peer has gone, or does not keep the topic any more. */
  left(digest: string, id: string): void {
    const topic = this.#topics.get(digest);
    if (topic?.held.delete(id) !== true) return;
    this.#release(id);
    this.#seekLater(digest, topic);
  }

  /** Whether it would be of use to know where a keeper of a topic is. */
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
