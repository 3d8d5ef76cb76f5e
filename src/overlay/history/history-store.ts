/** The description of a broadcast in a {@link HistoryStore}, without its bytes. */
export interface StoredBroadcast {
  /** 64 hexadecimal digits. */
  readonly id: string;
  /** Microseconds since 1970, by the clock of its origin. */
  readonly timeUs: number;
  /** The number of its bytes. */
  readonly length: number;
}

/** The content of a store when it is opened. */
export interface StoredHistory {
  readonly broadcasts: Iterable<StoredBroadcast>;
  /** The floor: broadcasts up to this time were given up. Microseconds since 1970. */
  readonly floorUs: number;
}

/** The topic to which a file or a store belongs. */
export interface HistoryOwner {
  /** The name of the network. */
  readonly network: string;
  /** The topic's name on the wire. */
  readonly topic: string;
}

/**
 * Stores the broadcasts of one topic. A store only adds, reads and removes; its user decides what to keep. A store with
 * asynchronous storage reads everything before it is used, and writes after its methods have returned.
 */
export interface HistoryStore {
  /** Called once, before all other methods. */
  load(): StoredHistory;
  /** @returns the bytes of a broadcast as it travels, or `undefined` if it is not stored. */
  read(id: string): Uint8Array<ArrayBuffer> | undefined;
  add(broadcast: Omit<StoredBroadcast, 'length'>, bytes: Uint8Array<ArrayBuffer>): void;
  /** Removes broadcasts. All of them are at this floor or below it. */
  remove(ids: readonly string[], floorUs: number): void;
  /** Called when the history is no longer used. */
  close(): void | Promise<void>;
}
