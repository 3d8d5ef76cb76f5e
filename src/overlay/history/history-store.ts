/** A broadcast in a {@link HistoryStore}, without its bytes. */
export interface StoredBroadcast {
  /** 64 hexadecimal digits. */
  readonly id: string;
  /** Microseconds since 1970, by the clock of its origin. */
  readonly timeUs: number;
  /** The length of its bytes. */
  readonly length: number;
}

/** What a store holds when it is opened. */
export interface StoredHistory {
  readonly broadcasts: Iterable<StoredBroadcast>;
  /** Broadcasts up to this time were given up: microseconds since 1970. */
  readonly floorUs: number;
}

/** Which topic a file or a store belongs to. */
export interface HistoryOwner {
  /** The name of the network. */
  readonly network: string;
  /** As the topic is called on the wire. */
  readonly topic: string;
}

/**
 * Where the broadcasts of one topic are kept. What to keep is decided elsewhere: a store only adds, reads and removes.
 * A store whose storage is asynchronous reads everything before it is used, and writes later than it is called.
 */
export interface HistoryStore {
  /** Called once, before all others. */
  load(): StoredHistory;
  /** @returns the bytes of a broadcast, as it travels; undefined if it is not there. */
  read(id: string): Uint8Array<ArrayBuffer> | undefined;
  add(broadcast: Omit<StoredBroadcast, 'length'>, bytes: Uint8Array<ArrayBuffer>): void;
  /** Removes broadcasts, all of which lie at this floor or below it. */
  remove(ids: readonly string[], floorUs: number): void;
  /** The history is not used any more. */
  close(): void | Promise<void>;
}
