import type { ProtocolHost, ProtocolPeer } from '../../api/protocol.ts';
import { messageOf } from '../../base/arguments.ts';
import type { OverlayPart } from '../overlay.ts';
import type { Histories, HistoriesOptions } from './histories.ts';
import { HistoryFrameKind } from './history-frame-kinds.ts';
import type { HistoryOwner, HistoryStore } from './history-store.ts';
import type { IndexedDbStore } from './indexed-db-store.ts';
import type { KeeperLinks, TopicLinks } from './keeper-links.ts';
import type { KeeperWalks } from './keeper-walks.ts';

/** The module that passes on the walks of keepers. */
export type WalkParts = typeof import('./walk-parts.ts');

/** The code that only a node with kept topics needs. */
export interface HistoryParts {
  readonly Histories: typeof Histories;
  readonly IndexedDbStore: typeof IndexedDbStore;
  readonly KeeperLinks: typeof KeeperLinks;
}

export interface HistoryPartOptions extends HistoriesOptions {
  /** Returns the code synchronously, or a promise if it must be loaded first. */
  readonly loadParts: () => HistoryParts | Promise<HistoryParts>;
  readonly loadWalks: () => WalkParts | Promise<WalkParts>;
  /** `undefined` if the user makes all connections. */
  readonly topicLinks?: TopicLinks | undefined;
}

/** The part of the overlay that catches up on kept topics. A node that keeps no topic only passes on keepers' walks. */
export class HistoryPart implements OverlayPart {
  readonly kinds = historyKinds;
  readonly #options: HistoryPartOptions;
  #host!: ProtocolHost;
  #histories: Histories | undefined;
  /** Created when this node first keeps a topic, or when a walk arrives. */
  #walks: KeeperWalks<ProtocolPeer> | undefined;
  #links: KeeperLinks | undefined;

  constructor(options: HistoryPartOptions) {
    this.#options = options;
  }

  /** `undefined` if the node has never kept a topic. */
  get histories(): Histories | undefined {
    return this.#histories;
  }

  /**
   * Creates what a node needs to keep topics. In a page, the code is loaded first. @throws PeerloomError
   * `ERR_NOT_LOADED`.
   */
  begin(): Histories | Promise<Histories> {
    if (this.#histories !== undefined) return this.#histories;
    const [parts, walks] = [this.#options.loadParts(), this.#options.loadWalks()];
    if (!(parts instanceof Promise || walks instanceof Promise)) return this.#begin(parts, walks);
    return Promise.all([parts, walks]).then((loaded) => this.#begin(...loaded));
  }

  /** Opens a topic's history in the browser. @throws PeerloomError `ERR_HISTORY_FILE`, `ERR_NOT_LOADED`. */
  async openStore(name: string, owner: HistoryOwner): Promise<HistoryStore> {
    const { IndexedDbStore } = await this.#options.loadParts();
    return IndexedDbStore.open(name, owner, this.#options.runtime);
  }

  #begin({ Histories: HistoriesOfNode, KeeperLinks: Links }: HistoryParts, walks: WalkParts): Histories {
    const { runtime, topicLinks } = this.#options;
    if (this.#histories !== undefined) return this.#histories;
    this.#links =
      topicLinks &&
      new Links({
        runtime,
        links: topicLinks,
        seek: (digest) => this.#walksWith(walks).seek(digest),
        tell: (digest) => this.#walksWith(walks).tell(digest),
      });
    this.#histories = new HistoriesOfNode(this.#host, this.#options, this.#links);
    return this.#histories;
  }

  attach(host: ProtocolHost): void {
    this.#host = host;
  }

  opened(peer: ProtocolPeer): void {
    this.#histories?.opened(peer);
  }

  received(peer: ProtocolPeer, bytes: Uint8Array): void | Promise<void> {
    // Each protocol frame has its own memory, which nothing else uses.
    const own = bytes as Uint8Array<ArrayBuffer>;
    if (!walkKinds.has(bytes[0]!)) {
      return this.#histories?.received(peer, own);
    }
    const parts = this.#options.loadWalks();
    if (!(parts instanceof Promise)) return this.#onWalk(parts, peer, own);
    const pass = (loaded: WalkParts): void => {
      if (this.#host.peers.has(peer)) this.#onWalk(loaded, peer, own);
    };
    const drop = (error: unknown): void => this.#host.log(`a walk is not passed on: ${messageOf(error)}`);
    return parts.then(pass, drop);
  }

  closed(peer: ProtocolPeer): void {
    this.#histories?.closed(peer);
    this.#walks?.closed(peer);
  }

  #onWalk(parts: WalkParts, peer: ProtocolPeer, bytes: Uint8Array<ArrayBuffer>): void {
    const frame = parts.readHistoryFrame(bytes);
    if (frame.kind === 'seek') this.#walksWith(parts).seeks(peer, frame);
    else if (frame.kind === 'keeping') this.#walksWith(parts).tells(peer, frame);
    else if (frame.kind === 'found') this.#walks?.found(peer, frame);
  }

  #walksWith({ KeeperWalks: Walks, sendHistoryFrame }: WalkParts): KeeperWalks<ProtocolPeer> {
    const { runtime, topicLinks } = this.#options;
    this.#walks ??= new Walks<ProtocolPeer>({
      runtime,
      neighbours: () => [...this.#host.peers].filter(({ connection }) => !connection.isSuspended),
      send: (peer, frame) => sendHistoryFrame(peer, frame),
      keeps: (digest) => this.#histories?.keepsDigest(digest) === true,
      ownRecord: () => topicLinks?.record,
      onFound: (digest, record, from) => {
        if (this.#links?.wants(digest, record.id) !== true) return false;
        void this.#links.found(digest, record, from);
        return true;
      },
    });
    return this.#walks;
  }
}

const historyKinds = { first: 32, last: 47 };

const walkKinds: ReadonlySet<number> = new Set([
  HistoryFrameKind.seek,
  HistoryFrameKind.found,
  HistoryFrameKind.keeping,
]);
