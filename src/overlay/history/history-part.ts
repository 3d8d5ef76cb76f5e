import type { ProtocolHost, ProtocolPeer } from '../../api/protocol.ts';
import type { OverlayPart } from '../overlay.ts';
import { Histories, type HistoriesOptions } from './histories.ts';

/** The part of the overlay that catches up. A node that keeps no topic does nothing here, and pays nothing. */
export class HistoryPart implements OverlayPart {
  readonly kinds = historyKinds;
  readonly #options: HistoriesOptions;
  #host!: ProtocolHost;
  #histories: Histories | undefined;

  constructor(options: HistoriesOptions) {
    this.#options = options;
  }

  /** Undefined: the node has never kept a topic. */
  get histories(): Histories | undefined {
    return this.#histories;
  }

  /** Makes what a node needs that keeps topics. */
  begin(): Histories {
    this.#histories ??= new Histories(this.#host, this.#options);
    return this.#histories;
  }

  attach(host: ProtocolHost): void {
    this.#host = host;
  }

  opened(peer: ProtocolPeer): void {
    this.#histories?.opened(peer);
  }

  received(peer: ProtocolPeer, bytes: Uint8Array): void | Promise<void> {
    return this.#histories?.received(peer, bytes);
  }

  closed(peer: ProtocolPeer): void {
    this.#histories?.closed(peer);
  }
}

const historyKinds = { first: 32, last: 47 };
