import type { NodeConnection } from '../api/node-connection.ts';
import type { PeerDetails, ResolvedOptions } from '../api/options.ts';
import { portIn } from '../base/address.ts';
import type { Log } from '../base/debug.ts';
import { DecompressionTurns } from '../base/decompression-turns.ts';
import type { MemoryBudget } from '../base/memory-budget.ts';
import { randomName } from '../base/random-name.ts';
import type { Channel, SpokenProtocol } from '../channel/channel.ts';
import { FrameChannel } from '../channel/frame-channel.ts';
import { type Handshake, HandshakeRefused, shakeHands } from '../channel/handshake.ts';
import { openPacketChannel, refusePacketLink } from '../p2pnetwork/packet-channel.ts';
import type { Link } from '../transport/transport.ts';
import { availableCompressions } from '../wire/compression/compression.ts';
import { type Goodbye, goodbye } from '../wire/frames/goodbye.ts';
import { type Hello, maxAddresses, protocolVersions } from '../wire/frames/hello.ts';
import type { Admission } from './admission.ts';
import type { DurableChannels } from './durable-channels.ts';
import { outrankedMessage, type PeerTable } from './peer-table.ts';

/** What is asked of a new link. */
export interface Conversation {
  readonly direction: 'inbound' | 'outbound';
  readonly replace?: boolean;
  readonly isDurable?: boolean;
  readonly refusal?: Goodbye | undefined;
}

export interface HandshakesOptions {
  readonly options: ResolvedOptions;
  readonly budget: MemoryBudget;
  readonly log: Log;
  /** The log of what goes over connections. */
  readonly traffic: Log;
  /** The texts of the addresses listened on. */
  readonly addresses: () => readonly string[];
  readonly admission: Admission;
  readonly peers: PeerTable;
  readonly durable: DurableChannels;
  /** What the node speaks beside messages. */
  readonly protocols: readonly SpokenProtocol[];
  /** Another process uses the identity of the node behind this connection, which has to hear of it. */
  readonly onConflict: (connection: NodeConnection) => void;
  /** Aborted, with what to tell who is about to connect, once the node stops. */
  readonly stopping: AbortSignal;
}

/** Brings new links to conversations: what this node says of itself, and whether it takes the other. */
export class Handshakes {
  readonly #setup: HandshakesOptions;
  readonly #options: ResolvedOptions;
  readonly #instance: string;
  readonly #budget: MemoryBudget;
  readonly #turns: DecompressionTurns;

  constructor(setup: HandshakesOptions) {
    const { options, budget } = setup;
    this.#setup = setup;
    this.#options = options;
    this.#instance = randomName(options.runtime, 'instance');
    this.#budget = budget;
    this.#turns = new DecompressionTurns(options.runtime);
  }

  /** The handshake in the language of the link; the channel may be one that goes on. */
  async shake(
    link: Link,
    { direction, replace = false, isDurable = false, refusal }: Conversation,
  ): Promise<Channel> {
    const { limits, runtime } = this.#options;
    if (link.speaks === 'packets') {
      const reason = refusal ?? (await this.#judgePackets(link, direction));
      const ownId = this.#options.identity.id;
      if (reason === undefined) {
        const [budget, turns] = [this.#budget, this.#turns];
        const { bigIntegers } = this.#options.p2pnetwork;
        const { traffic } = this.#setup;
        return openPacketChannel(link, {
          direction,
          ownId,
          limits,
          runtime,
          budget,
          turns,
          bigIntegers,
          traffic,
        });
      }
      refusePacketLink(link, direction, reason);
      throw new HandshakeRefused(reason, 'us');
    }
    const session = direction === 'outbound' ? this.#setup.durable.ask(link, isDurable) : undefined;
    const handshake = await shakeHands(link, {
      direction,
      limits,
      runtime,
      hello: { ...this.#hello(replace), ...(session && { session }) },
      refusal,
      ...(direction === 'inbound' && { signal: this.#setup.stopping }),
      admit: (theirs) => this.#admit(link, theirs, direction),
      session: (theirs) => this.#setup.durable.answer(link, theirs),
    });
    return this.#setup.durable.goOn(handshake) ?? this.#begin(handshake);
  }

  #begin(handshake: Handshake): FrameChannel {
    const { limits, runtime } = this.#options;
    // One that goes on and was on offer was asked for by the other side, whoever dialled now.
    const isOffered = handshake.theirs.session?.resumed;
    return new FrameChannel(isOffered ? { ...handshake, direction: 'inbound' } : handshake, {
      limits,
      runtime,
      budget: this.#budget,
      turns: this.#turns,
      log: this.#setup.log,
      traffic: this.#setup.traffic,
      protocols: this.#setup.protocols,
    });
  }

  #admit(
    link: Link,
    theirs: Hello,
    direction: 'inbound' | 'outbound',
  ): Goodbye | undefined | Promise<Goodbye | undefined> {
    if (link.remoteId === this.#options.identity.id) return goodbye('self');
    const { session } = theirs;
    const resumes = this.#setup.durable.isOf(link, session);
    const { peers, durable } = this.#setup;
    const { security } = link;
    const decision = peers.decide(link.remoteId, { ...theirs, resumes, security });
    if (direction === 'inbound' && decision === 'conflict') {
      const rival = peers.takeUntoldRival(link.remoteId);
      if (rival !== undefined) this.#setup.onConflict(rival);
      return goodbye('conflict');
    }
    const isSecond = decision === 'refuse' || durable.isLate(link, session);
    if (direction === 'inbound' && isSecond) return this.#duplicate(link);
    return this.#judge(link, { name: theirs.name, port: portIn(theirs.addresses) }, direction);
  }

  async #judgePackets(link: Link, direction: 'inbound' | 'outbound'): Promise<Goodbye | undefined> {
    try {
      return await this.#admitPackets(link, direction);
    } catch (error) {
      // The user's own function threw: it admits nobody.
      refusePacketLink(link, direction, goodbye('refused'));
      throw error;
    }
  }

  /** The side that dials finds out about duplicates before. */
  #admitPackets(
    link: Link,
    direction: 'inbound' | 'outbound',
  ): Goodbye | undefined | Promise<Goodbye | undefined> {
    const { remoteId, security } = link;
    const { peers } = this.#setup;
    const underWay = peers.answering(remoteId, security) ?? peers.dialling(remoteId, security);
    const isSecond = direction === 'inbound' && underWay !== undefined;
    if (isSecond || peers.lasting(remoteId) !== undefined || peers.outranks(remoteId, security)) {
      return this.#duplicate(link);
    }
    return this.#judge(link, { name: '', port: link.announcedPort ?? 0 }, direction);
  }

  #duplicate({ remoteId, security }: Link): Goodbye {
    return goodbye(
      'duplicate',
      this.#setup.peers.outranks(remoteId, security) ? outrankedMessage : undefined,
    );
  }

  #judge(
    link: Link,
    { name, port }: Pick<PeerDetails, 'name' | 'port'>,
    direction: 'inbound' | 'outbound',
  ): Promise<Goodbye | undefined> {
    const { remoteId: id, remoteAddress, security } = link;
    return this.#setup.admission.judge({ id, name, host: remoteAddress.host, port, direction, security });
  }

  #hello(replace: boolean): Hello {
    const { name, network, limits } = this.#options;
    return {
      versions: protocolVersions,
      network,
      addresses: this.#setup.addresses().slice(0, maxAddresses),
      name,
      instance: this.#instance,
      maxMessageBytes: limits.maxMessageBytes,
      compressions: availableCompressions(),
      windows: {
        messages: limits.unhandledMaxBytes,
        requests: limits.unhandledMaxBytes,
        protocols: limits.unhandledMaxBytes,
      },
      protocols: this.#setup.protocols.map(({ name }) => name),
      replace,
    };
  }
}
