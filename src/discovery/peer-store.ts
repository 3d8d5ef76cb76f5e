import type { Discovery, DiscoveryHost, KnownNode } from '../api/discovery.ts';
import { checkOptions, checkType, errorOf } from '../base/arguments.ts';
import { isPeerloomError, PeerloomError } from '../base/errors.ts';
import { PeerStoreFile } from './peer-store-file.ts';

/** The options of {@link peerStore}. */
export interface PeerStoreOptions {
  /** The SQLite file. It is created if it is missing, for this user alone. One node at a time may use it. */
  readonly path: string;
}

/** The most addresses of stored nodes that are reported. */
const maxLoaded = 128;

/**
 * Remembers in a file the nodes that this one was connected with. So it finds its network again after a restart, even
 * if no bootstrap node is reachable any more. The file stores up to 512 nodes. It needs Node.js.
 *
 * The start of the node rejects with `ERR_PEER_STORE` if the file cannot be used: it is not a peer store, it is
 * damaged, or another node uses it.
 *
 * @throws TypeError for wrong options.
 * @example
 * new Node('0.0.0.0', 10001, {
 *   discovery: [bootstrap(['seed.example.org:10001']), peerStore({ path: 'peers.db' })],
 * });
 */
export function peerStore(options: PeerStoreOptions): Discovery {
  checkOptions(options, ['path'], 'peerStore');
  return new PeerStore(checkType('peerStore.path', options.path, 'string'));
}

class PeerStore implements Discovery {
  readonly name = 'peerStore';
  readonly #path: string;
  #host: DiscoveryHost | undefined;
  #file: PeerStoreFile | undefined;
  readonly #connected = new Map<string, KnownNode>();
  #hasFailed = false;

  constructor(path: string) {
    this.#path = path;
  }

  start(host: DiscoveryHost): void {
    const file = new PeerStoreFile(this.#path, host.network);
    try {
      this.#report(file, host);
    } catch (error) {
      file.close();
      throw error;
    }
    this.#host = host;
    this.#file = file;
  }

  stop(): void {
    for (const node of this.#connected.values()) this.#put(node);
    this.#connected.clear();
    this.#file?.close();
    this.#file = undefined;
  }

  connected(node: KnownNode): void {
    if (node.addresses.length === 0) return;
    this.#connected.set(node.id, node);
    this.#put(node);
  }

  disconnected(node: KnownNode): void {
    if (this.#connected.delete(node.id)) this.#put(node);
  }

  #report(file: PeerStoreFile, host: DiscoveryHost): void {
    let loaded = 0;
    for (const { id, addresses, lastConnectedAt } of file.load()) {
      for (const address of addresses) {
        if (loaded >= maxLoaded) return;
        loaded += 1;
        try {
          host.found({ address, id, lastConnectedAt });
        } catch (cause) {
          // The content of the file cannot be trusted.
          if (isPeerloomError(cause)) throw cause;
          const message = `the peer store ${this.#path} cannot be used: it holds what no peer store writes; delete it`;
          throw new PeerloomError('ERR_PEER_STORE', message, { cause });
        }
      }
    }
  }

  /**
   * Stores a node. Of several failures only the first is reported, because a full disk must not fill the log as well.
   */
  #put({ id, addresses, isProven }: KnownNode): void {
    try {
      this.#file?.put({ id, addresses, isProven, lastConnectedAt: this.#host!.runtime.wallNow() });
      this.#hasFailed = false;
    } catch (error) {
      if (!this.#hasFailed) this.#host!.failed(errorOf(error));
      this.#hasFailed = true;
    }
  }
}
