import type { NodeConnection } from '../api/node-connection.ts';
import { overlayProtocol, type Protocol, type ProtocolHost, type ProtocolPeer } from '../api/protocol.ts';
import { messageOf, shown } from '../base/arguments.ts';
import type { Log } from '../base/debug.ts';
import { isPeerloomError } from '../base/errors.ts';
import { LateMap } from '../base/late-collections.ts';
import { isPromiseLike } from '../base/promise-like.ts';
import type { Runtime } from '../base/runtime.ts';
import type { Channel, SpokenProtocol } from '../channel/channel.ts';
import type { NodeIdentity } from '../identity/signer.ts';
import type { ProtocolEvents } from '../peers/live-connection.ts';
import { goodbye } from '../wire/frames/goodbye.ts';

export interface ProtocolsOptions {
  readonly identity: NodeIdentity;
  readonly runtime: Runtime;
  readonly log: Log;
  /** A protocol threw an error other than a PeerloomError. */
  readonly onFailure: (error: Error, peer: NodeConnection | undefined) => void;
}

/** A protocol of the node, and the peers that it is open for. */
interface Attached {
  readonly protocol: Protocol;
  readonly peers: LateMap<NodeConnection, OpenPeer>;
}

/** The protocols of a node. Passes what connections report to the right protocol. */
export class Protocols implements ProtocolEvents {
  readonly #options: ProtocolsOptions;
  readonly #attached: ReadonlyMap<string, Attached>;

  constructor(protocols: readonly Protocol[], options: ProtocolsOptions) {
    this.#options = options;
    this.#attached = new Map(
      protocols.map((protocol) => [
        protocol.name,
        { protocol, peers: new LateMap<NodeConnection, OpenPeer>() },
      ]),
    );
  }

  get spoken(): readonly SpokenProtocol[] {
    return [...this.#attached].map(([name, { protocol }]) => ({
      name,
      outlivesLinks: protocol.outlivesLinks ?? true,
    }));
  }

  /** Gives each protocol its host. @throws what it throws. */
  attach(): void {
    for (const attached of this.#attached.values())
      attached.protocol.attach(new Host(attached, this.#options));
  }

  opened(name: string, connection: NodeConnection, channel: Channel): void {
    const { protocol, peers } = this.#attached.get(name)!;
    const peer = new OpenPeer(name, connection, channel);
    peers.set(connection, peer);
    this.#guarded(name, connection, () => protocol.opened(peer));
  }

  received(name: string, connection: NodeConnection, bytes: Uint8Array): Promise<void> | undefined {
    const { protocol, peers } = this.#attached.get(name)!;
    const peer = peers.get(connection)!;
    const fail = (error: unknown): void => this.#endWith(peer, error);
    try {
      const pending: unknown = protocol.received(peer, bytes);
      return isPromiseLike(pending) ? Promise.resolve(pending).then(() => {}, fail) : undefined;
    } catch (error) {
      fail(error);
      return undefined;
    }
  }

  closed(name: string, connection: NodeConnection): void {
    const { protocol, peers } = this.#attached.get(name)!;
    const peer = peers.get(connection)!;
    peers.delete(connection);
    peer.close();
    this.#guarded(name, connection, () => protocol.closed(peer));
  }

  unlinked(connection: NodeConnection): void {
    for (const [name, { protocol, peers }] of this.#attached) {
      const peer = peers.get(connection);
      if (peer === undefined || !isLinkAware(protocol)) continue;
      this.#guarded(name, connection, () => protocol.unlinked(peer));
    }
  }

  #endWith({ name, channel, connection }: OpenPeer, error: unknown): void {
    const isTold = isPeerloomError(error);
    if (!isTold) this.#report(name, error, connection);
    const what = isTold ? error.message : 'the other side could not handle it';
    channel.close(goodbye('protocol', `${name}: ${what}`));
  }

  #guarded(name: string, connection: NodeConnection, call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#report(name, error, connection);
    }
  }

  #report(name: string, error: unknown, connection: NodeConnection): void {
    const message = `the protocol ${name} failed: ${messageOf(error)}`;
    this.#options.onFailure(new Error(message, { cause: error }), connection);
  }
}

/** A protocol of this package whose frames outlive links, and that is told when links break. */
export interface LinkAware {
  /** The link with a peer broke. The frames that were sent arrive if another link takes its place. */
  unlinked(peer: ProtocolPeer): void;
}

function isLinkAware(protocol: Protocol): protocol is Protocol & LinkAware {
  return 'unlinked' in protocol && protocol.name === overlayProtocol;
}

/** The channel of a peer, for protocols of this package. */
export function channelOf(peer: ProtocolPeer): Channel {
  return (peer as OpenPeer).channel;
}

/** A class, because an object literal with getters would take 600 bytes more. */
class Host implements ProtocolHost {
  readonly runtime: Runtime;
  readonly log: (text: string) => void;
  readonly #identity: NodeIdentity;
  readonly #peers: Attached['peers'];

  constructor({ protocol, peers }: Attached, { identity, runtime, log }: ProtocolsOptions) {
    this.runtime = runtime;
    this.log = (text) => log(`${protocol.name}: ${text}`);
    this.#identity = identity;
    this.#peers = peers;
  }

  get id(): string {
    return this.#identity.id;
  }

  get peers(): ReadonlySet<ProtocolPeer> {
    return new Set(this.#peers.values());
  }
}

class OpenPeer implements ProtocolPeer {
  readonly name: string;
  readonly connection: NodeConnection;
  readonly channel: Channel;
  #isOpen = true;

  constructor(name: string, connection: NodeConnection, channel: Channel) {
    this.name = name;
    this.connection = connection;
    this.channel = channel;
  }

  get id(): string {
    return this.connection.id;
  }

  send(bytes: Uint8Array): boolean {
    if (!ArrayBuffer.isView(bytes) || Object.prototype.toString.call(bytes) !== '[object Uint8Array]') {
      throw new TypeError(`a protocol sends a Uint8Array, not ${shown(bytes)}`);
    }
    return this.#isOpen && this.channel.sendProtocol(this.name, bytes);
  }

  drained(): Promise<void> {
    return this.channel.drained();
  }

  close(): void {
    this.#isOpen = false;
  }
}
