import { NodeConnection } from '../api/node-connection.ts';
import type { Address } from '../base/address.ts';
import { peerLabel } from '../base/peer-label.ts';
import type { Channel } from '../channel/channel.ts';
import { FrameChannel } from '../channel/frame-channel.ts';
import { HandshakeRefused } from '../channel/handshake.ts';
import type { Link } from '../transport/transport.ts';
import { type Goodbye, goodbye } from '../wire/frames/goodbye.ts';
import { type ConnectionContext, LiveConnection } from './live-connection.ts';
import type { Peer } from './peer.ts';
import type { PeerConnection } from './peer-connection.ts';

export interface ConnectionsOptions extends ConnectionContext {
  readonly node: NodeConnection['mainNode'];
  /** Aborted once the node stops. */
  readonly stopping: AbortSignal;
}

/** A link whose handshake has come to its end. */
export interface OpenedLink {
  readonly peer: Peer;
  readonly link: Link;
  readonly channel: Channel;
  /** The connection that was up when the handshake began. */
  readonly before: PeerConnection | undefined;
  /** The address that this node dialled. */
  readonly dialled?: Address;
}

/** Nobody reads it when the node was restarted, because then its earlier run is gone. */
const byAnotherRun =
  'another process with the same identity took the place of this connection: give each process an identity of its own';

/** Makes connections of channels, one for each pair of nodes. */
export class Connections {
  readonly #options: ConnectionsOptions;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  /**
   * Makes a connection of a channel, or finds the one that has resumed. An older connection with the same node ends.
   *
   * @throws HandshakeRefused if the older one stays; ThrownByUser if the user's createNewConnection fails.
   */
  adopt(opened: OpenedLink): PeerConnection {
    const { peer, link, channel, before } = opened;
    const resumed = peer.session.connectionOf(channel);
    if (resumed !== undefined) return resumed;
    const { direction, remote } = channel;
    const { instance } = remote;
    const { security } = link;
    const isFrames = channel instanceof FrameChannel;
    const isSecond = isFrames
      ? peer.prevails(before, { direction, instance, security })
      : peer.outranks(security);
    if (isSecond) {
      const farewell = goodbye('duplicate');
      channel.close(farewell);
      throw new HandshakeRefused(farewell, 'us');
    }
    const { peers } = this.#options;
    if (isFrames) {
      peer.session.keep(
        channel,
        (lost) => peers.limitSuspended(lost),
        () => peers.release(peer),
      );
    }
    try {
      return this.#begin(opened);
    } catch (error) {
      // The user's own createNewConnection threw, so the node admits nobody.
      channel.close(goodbye('refused'));
      throw error;
    }
  }

  #begin({ peer, link, channel: inner, dialled }: OpenedLink): PeerConnection {
    const { node, peers, counts, liveness, limits, log, stopping } = this.#options;
    const channel = node.wrapChannel(inner);
    const { direction, remote } = channel;
    const { id, name } = remote;
    const origin = { host: link.remoteAddress.host, port: remote.listeningPort };
    const { host, port } = direction === 'outbound' ? dialled! : origin;
    const details = { id, name, host, port, direction, channel, counts };
    const connection = NodeConnection.create(node, link, details);
    const live = new LiveConnection(peer, connection, channel, this.#options);
    peer.session.carries(inner, live);
    const older = peer.adopt(live);
    if (older?.channel.isSuspended) older.channel.giveUp('the other node began a new session');
    // One that has ended by itself may still have messages to hand over.
    else if (older?.channel.isOpen) void older.close(replacedBy(live, older));
    peers.connections.set(connection, live);
    liveness.expect(limits.pingAfterMs);
    log(`connected (${direction}) with ${peerLabel(remote)} at ${host} port ${port}`);
    live.start();
    if (stopping.aborted) channel.close(goodbye('stopped'));
    return live;
  }

  /** Resolves when those that are there now have ended. */
  async ended(): Promise<void> {
    await Promise.all([...this.#options.peers.connections.values()].map(({ ended }) => ended));
  }
}

function replacedBy(newer: PeerConnection, older: PeerConnection): Goodbye {
  return newer.instance === older.instance ? goodbye('replaced') : goodbye('replaced', byAnotherRun);
}
