import { NodeConnection } from '../api/node-connection.ts';
import type { Address } from '../base/address.ts';
import { peerLabel } from '../base/peer-label.ts';
import { FrameChannel } from '../channel/frame-channel.ts';
import { HandshakeRefused } from '../channel/handshake-refused.ts';
import type { PacketChannel } from '../p2pnetwork/packet-channel.ts';
import type { Link } from '../transport/transport.ts';
import { type Goodbye, goodbye } from '../wire/frames/goodbye.ts';
import type { Holder } from './holder.ts';
import { type ConnectionContext, LiveConnection } from './live-connection.ts';
import type { Peer } from './peer.ts';
import type { PeerConnection } from './peer-connection.ts';
import type { SessionChannel } from './peer-session.ts';

export interface ConnectionsOptions extends ConnectionContext {
  readonly node: NodeConnection['mainNode'];
  /** A dial of `address` led to a connection with the node `id`, which has proven its id. */
  readonly onReached: (address: Address, id: string) => void;
  /** Aborted once the node stops. */
  readonly stopping: AbortSignal;
}

/** A link whose handshake is done. */
export interface OpenedLink {
  readonly peer: Peer;
  readonly link: Link;
  readonly channel: FrameChannel | PacketChannel;
  /** The connection that was up when the handshake began. */
  readonly before: PeerConnection | undefined;
  /** The address that this node dialled. */
  readonly dialled: Address | undefined;
  /** The first holder of the connection. */
  readonly holder: Holder;
}

/** Sent to the earlier run of a node. If the node was restarted, that run is gone and nobody reads it. */
const byAnotherRun =
  'another process with the same identity took the place of this connection: give each process an identity of its own';

/** Turns channels into connections, one for each pair of nodes. */
export class Connections {
  readonly #options: ConnectionsOptions;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  /**
   * Turns a channel into a connection. An older connection with the same node ends.
   *
   * @throws HandshakeRefused if the older connection stays; ThrownByUser if the user's createNewConnection fails.
   */
  adopt(opened: OpenedLink): PeerConnection {
    const { peer, link, channel: inner, before } = opened;
    const { peers, limits, liveness, log, stopping, onReached } = this.#options;
    const { security } = link;
    const isFrames = inner instanceof FrameChannel;
    const { instance } = inner.remote;
    const isSecond = isFrames
      ? peer.prevails(before, { direction: inner.direction, instance, security })
      : peer.outranks(security);
    if (isSecond) {
      const farewell = goodbye('duplicate');
      inner.close(farewell);
      throw new HandshakeRefused(farewell, 'us');
    }
    const live = this.#create(opened);
    const { connection, direction } = live;
    if (isFrames) {
      const lost = (channel: SessionChannel): void => peers.limitSuspended(channel);
      peer.session.keep(live, inner, { lost, ended: () => peers.release(peer) });
    }
    const older = peer.adopt(live);
    peer.hold(opened.holder);
    if (older?.channel.isSuspended) older.channel.endSuspended('the other node began a new session');
    // An older connection that ended by itself may still have messages for the user.
    else if (older?.channel.isOpen) void older.close(replacedBy(live, older));
    peers.connections.set(connection, live);
    liveness.expect(limits.pingAfterMs);
    const { host, port } = connection;
    log(`connected (${direction}) with ${peerLabel(connection)} at ${host} port ${port}`);
    if (opened.dialled !== undefined && security.authenticated) onReached(opened.dialled, connection.id);
    live.start();
    if (stopping.aborted) live.channel.close(goodbye('stopped'));
    return live;
  }

  #create({ peer, link, channel: inner, dialled }: OpenedLink): LiveConnection {
    const { node } = this.#options;
    try {
      const channel = node.wrapChannel(inner);
      const { direction, remote } = channel;
      const { id, name } = remote;
      const origin = { host: link.remoteAddress.host, port: remote.listeningPort };
      const { host, port } = direction === 'outbound' ? dialled! : origin;
      const { security } = link;
      const details = { id, name, host, port, direction, security, channel };
      const connection = NodeConnection.create(node, details);
      return new LiveConnection(peer, connection, channel, this.#options);
    } catch (error) {
      // The user's own createNewConnection threw, so the node admits nobody.
      inner.close(goodbye('refused'));
      throw error;
    }
  }

  /** Resolves when all present connections have ended. */
  async ended(): Promise<void> {
    await Promise.all([...this.#options.peers.connections.values()].map(({ ended }) => ended));
  }
}

function replacedBy(newer: PeerConnection, older: PeerConnection): Goodbye {
  return newer.instance === older.instance ? goodbye('replaced') : goodbye('replaced', byAnotherRun);
}
