import type { PeerDetails, ResolvedOptions } from '../api/options.ts';
import { type Address, portIn } from '../base/address.ts';
import type { Compression } from '../base/data.ts';
import type { Log } from '../base/debug.ts';
import { DecompressionTurns } from '../base/decompression-turns.ts';
import type { MemoryBudget } from '../base/memory-budget.ts';
import type { Meter } from '../base/meter.ts';
import { peerLabel } from '../base/peer-label.ts';
import { randomName } from '../base/random-name.ts';
import { sharedList } from '../base/shared-list.ts';
import type { SpokenProtocol } from '../channel/channel.ts';
import { FrameChannel, type FrameChannelOptions } from '../channel/frame-channel.ts';
import { type Handshake, shakeHands } from '../channel/handshake.ts';
import { HandshakeRefused } from '../channel/handshake-refused.ts';
import type { LinkEnd } from '../channel/link-end.ts';
import type { PacketChannel } from '../p2pnetwork/packet-channel.ts';
import { openPacketChannel, refusePacketLink } from '../p2pnetwork/packet-handshake.ts';
import type { Link } from '../transport/transport.ts';
import { availableCompressions, knownCompressions } from '../wire/compression/compression.ts';
import { type Goodbye, goodbye } from '../wire/frames/goodbye.ts';
import {
  type Hello,
  type HelloSession,
  type MembershipWord,
  maxAddresses,
  protocolVersions,
} from '../wire/frames/hello.ts';
import type { Windows } from '../wire/frames/windows.ts';
import type { Admission } from './admission.ts';
import type { Connections } from './connections.ts';
import { Holder } from './holder.ts';
import type { NeighbourGate } from './neighbour-gate.ts';
import { outrankedMessage, type Peer } from './peer.ts';
import type { PeerConnection } from './peer-connection.ts';
import { NotResumed } from './peer-session.ts';
import type { Transports } from './transports.ts';

/** How a new link is to be opened. */
export interface Opening {
  readonly direction: 'inbound' | 'outbound';
  /** True if this side has no connection with the peer any more. */
  readonly replace?: boolean;
  /** True if the connection should survive the loss of its link. */
  readonly wantsSession?: boolean;
  /** True if an existing session should move to this link. */
  readonly isMove?: boolean;
  /** The address that this side dialled. */
  readonly dialled?: Address | undefined;
  /** What this side asks for with the link. Default nothing. */
  readonly membership?: MembershipWord | undefined;
  /** The first holder of the connection, if `membership` does not imply it. */
  readonly holder?: Holder | undefined;
  /** Why this side refuses the link before it reads anything. */
  readonly refusal?: Goodbye | undefined;
  /** Ends the handshake. Its reason holds what to tell the peer. */
  readonly signal?: AbortSignal;
  /** Called when this side has accepted an inbound link, and the peer has not accepted yet. */
  readonly onAccept?: () => void;
}

export interface LinkOpenerOptions {
  readonly options: ResolvedOptions;
  readonly budget: MemoryBudget;
  readonly meter: Meter;
  readonly log: Log;
  /** The log of the traffic. */
  readonly traffic: Log;
  readonly transports: Transports;
  readonly admission: Admission;
  readonly connections: Connections;
  /** The protocols that the node speaks beside messages. */
  readonly protocols: readonly SpokenProtocol[];
  /** `undefined` if the user chooses the neighbours. */
  readonly neighbours: NeighbourGate | undefined;
}

/** Turns links into connections: composes this node's hello, and decides whether to admit the other node. */
export class LinkOpener {
  readonly #context: LinkOpenerOptions;
  readonly #instance: string;
  readonly #turns: DecompressionTurns;
  /** What all channels of the node share, in one object each. */
  readonly #channelOptions: FrameChannelOptions;
  readonly #windows: Windows;
  #lastCompressions: readonly Compression[] = [];

  constructor(context: LinkOpenerOptions) {
    const { options, budget, log, traffic, protocols } = context;
    const { runtime, limits } = options;
    this.#context = context;
    this.#instance = randomName(runtime, 'instance');
    this.#turns = new DecompressionTurns(runtime);
    this.#channelOptions = { limits, runtime, budget, turns: this.#turns, log, traffic, protocols };
    const windowBytes = limits.unhandledMaxBytes;
    this.#windows = { messages: windowBytes, requests: windowBytes, protocols: windowBytes };
  }

  /**
   * Runs the handshake of the link's protocol. The connection may be an existing one whose session resumes.
   *
   * @throws HandshakeRefused, NotResumed, ThrownByUser, PeerloomError. The link has ended then, or is about to.
   */
  async open(peer: Peer, end: LinkEnd, opening: Opening): Promise<PeerConnection> {
    const connection = await this.#open(peer, end, opening);
    this.#context.meter.handshakes[opening.direction].completed += 1;
    return connection;
  }

  async #open(peer: Peer, end: LinkEnd, opening: Opening): Promise<PeerConnection> {
    const { link } = end;
    const { connections } = this.#context;
    const { dialled } = opening;
    const before = peer.connected();
    if (link.speaks === 'packets') {
      const channel = await this.#openPackets(peer, link, opening);
      const holder = opening.holder ?? holderOf(opening.direction, opening.membership);
      return connections.adopt({ peer, link, channel, before, dialled, holder });
    }
    const handshake = await this.#shakeHands(peer, end, opening);
    const resumed = peer.session.resume(handshake);
    if (resumed !== undefined) return resumed;
    const { direction, ours, theirs } = handshake;
    const holder =
      opening.holder ?? holderOf(direction, (direction === 'outbound' ? ours : theirs).membership);
    return connections.adopt({ peer, link, channel: this.#begin(handshake), before, dialled, holder });
  }

  #shakeHands(peer: Peer, end: LinkEnd, opening: Opening): Promise<Handshake> {
    const { direction, replace = false, membership, refusal, signal, onAccept } = opening;
    const { link } = end;
    const { limits, runtime } = this.#context.options;
    const session = sessionOf(peer, link, opening);
    return shakeHands(end, {
      direction,
      limits,
      runtime,
      hello: { ...this.#hello(replace), ...(session && { session }), ...this.#membership(membership) },
      refusal,
      onAccept,
      ...(signal && { signal }),
      admit: (theirs) => this.#admit(peer, link, theirs, opening),
      session: (asked) => peer.session.respond(link, asked),
    });
  }

  async #openPackets(peer: Peer, link: Link, { direction, refusal }: Opening): Promise<PacketChannel> {
    const { options, budget, traffic } = this.#context;
    const { limits, runtime, p2pnetwork, identity } = options;
    const reason = refusal ?? (await this.#judgePackets(peer, link, direction));
    if (reason !== undefined) {
      refusePacketLink(link, direction, reason);
      throw new HandshakeRefused(reason, 'us');
    }
    return openPacketChannel(link, {
      direction,
      ownId: identity.id,
      limits,
      runtime,
      budget,
      turns: this.#turns,
      bigIntegers: p2pnetwork.bigIntegers,
      traffic,
    });
  }

  #begin(handshake: Handshake): FrameChannel {
    // A session resumed from an offer was requested by the peer, so it stays inbound, whichever side dialled now.
    const isOffered = handshake.theirs.session?.resumed;
    const ours: Handshake = isOffered ? { ...handshake, direction: 'inbound' } : handshake;
    return new FrameChannel(ours, this.#channelOptions);
  }

  #admit(
    peer: Peer,
    link: Link,
    theirs: Hello,
    { direction, isMove }: Opening,
  ): Goodbye | undefined | Promise<Goodbye | undefined> {
    if (isMove && !theirs.session?.beside) return goodbye('duplicate');
    if (peer.id === this.#context.options.identity.id) return goodbye('self');
    // The dialling side decided earlier, when it had the link.
    const decision = direction === 'inbound' ? peer.decide(link, theirs) : 'accept';
    if (decision === 'conflict') {
      this.#reportConflict(peer);
      return goodbye('conflict');
    }
    if (decision === 'refuse') return duplicateOf(peer, link);
    const judged = this.#judge(link, { name: theirs.name, port: portIn(theirs.addresses) }, direction);
    const { membership = 'open' } = theirs;
    if (direction === 'outbound' || membership === 'open') return judged;
    return judged.then((refusal) => refusal ?? this.#admitNeighbour(peer, membership));
  }

  #membership(word: MembershipWord = 'open'): Pick<Hello, 'membership'> {
    return this.#context.neighbours === undefined ? {} : { membership: word };
  }

  #admitNeighbour(peer: Peer, word: Exclude<MembershipWord, 'open'>): Goodbye | undefined {
    const { neighbours } = this.#context;
    // Others may still join the network through a node that chooses its neighbours by hand.
    if (word === 'join') return undefined;
    if (neighbours === undefined) return goodbye('neighbour', chosenByHand);
    return neighbours.admits(peer.id, word) ? undefined : goodbye('neighbour');
  }

  /** Two processes use the identity of a peer. The connected process learns so by the end of its connection. */
  #reportConflict(peer: Peer): void {
    const rival = peer.rivalToTell();
    if (rival === undefined) return;
    this.#context.log(
      `two processes use the identity of ${peerLabel(rival.connection)}: reporting it to both`,
    );
    void rival.close(goodbye('conflict'));
  }

  async #judgePackets(
    peer: Peer,
    link: Link,
    direction: 'inbound' | 'outbound',
  ): Promise<Goodbye | undefined> {
    try {
      return await this.#admitPackets(peer, link, direction);
    } catch (error) {
      // The user's own function threw, so the node admits nobody.
      refusePacketLink(link, direction, goodbye('refused'));
      throw error;
    }
  }

  /** Admits a Python node. The dialling side has already checked for duplicates. */
  #admitPackets(
    peer: Peer,
    link: Link,
    direction: 'inbound' | 'outbound',
  ): Goodbye | undefined | Promise<Goodbye | undefined> {
    const { security } = link;
    const underway = peer.answering.outcome(security) ?? peer.dialling.outcome(security);
    const isSecond = direction === 'inbound' && underway !== undefined;
    if (isSecond || peer.state === 'connected' || peer.outranks(security)) return duplicateOf(peer, link);
    return this.#judge(link, { name: '', port: link.announcedPort ?? 0 }, direction);
  }

  #judge(
    link: Link,
    { name, port }: Pick<PeerDetails, 'name' | 'port'>,
    direction: 'inbound' | 'outbound',
  ): Promise<Goodbye | undefined> {
    const { remoteId: id, remoteAddress, security } = link;
    return this.#context.admission.judge({ id, name, host: remoteAddress.host, port, direction, security });
  }

  /** All nodes of a simulation support the same compressions, on each runtime. */
  get #compressions(): readonly Compression[] {
    const { runtime } = this.#context.options;
    const now = runtime.isVirtual === true ? knownCompressions : availableCompressions();
    this.#lastCompressions = sharedList(this.#lastCompressions, now);
    return this.#lastCompressions;
  }

  #hello(replace: boolean): Hello {
    const { name, network, limits } = this.#context.options;
    return {
      versions: protocolVersions,
      network,
      addresses: this.#context.transports.addresses.slice(0, maxAddresses),
      name,
      instance: this.#instance,
      maxMessageBytes: limits.maxMessageBytes,
      compressions: this.#compressions,
      windows: this.#windows,
      protocols: this.#context.protocols.map(({ name }) => name),
      replace,
    };
  }
}

/** @throws NotResumed if there is no session that could move. */
function sessionOf(
  { session }: Peer,
  link: Link,
  { direction, isMove = false, wantsSession = false }: Opening,
): HelloSession | undefined {
  if (direction === 'inbound') return undefined;
  if (!isMove) return session.propose(link, wantsSession);
  const proposed = session.proposeMove(link);
  if (proposed === undefined) throw new NotResumed();
  return proposed;
}

const chosenByHand =
  "the node chooses its neighbours by hand: give it the option neighbourhood: 'automatic', or connect with it by hand";

/** The first holder of a connection, as the dialling side says. */
function holderOf(direction: 'inbound' | 'outbound', membership: MembershipWord = 'open'): Holder {
  if (membership !== 'open' && membership !== 'anchor') return Holder.overlay;
  return direction === 'outbound' ? Holder.user : Holder.remote;
}

function duplicateOf(peer: Peer, { security }: Link): Goodbye {
  return goodbye('duplicate', peer.outranks(security) ? outrankedMessage : undefined);
}
