import type { ProtocolPeer } from '../../api/protocol.ts';
import { isPeerloomError } from '../../base/errors.ts';
import { type HostScope, scopeOf } from '../../base/host-scope.ts';
import type { Runtime, RuntimeTimer } from '../../base/runtime.ts';
import { TokenBucket } from '../../base/token-bucket.ts';
import { TurnShare } from '../../base/turn-share.ts';
import type { Channel } from '../../channel/channel.ts';
import { channelOf } from '../../protocols/protocols.ts';
import type { MembershipWord } from '../../wire/frames/hello.ts';
import type { Contact } from './contacts.ts';

/** The rate of walks and answers from a neighbour, per second. About one in ten seconds is usual. */
const walksPerSecond = 4;

/** The burst of walks and answers from a neighbour. */
const walkBurst = 64;

/** A peer that finds its neighbours automatically, like this node. */
export class MembershipLink {
  readonly peer: ProtocolPeer;
  readonly contact: Contact;
  readonly channel: Channel;
  /** What the dialler asked for in its hello. */
  readonly asked: MembershipWord;
  /** How much this node computes for the peer in one turn of the event loop. */
  readonly share: TurnShare;
  readonly messages: TokenBucket;
  isIntroduced = false;
  /** Whether the peer wants to join the network through this node. */
  wantsToJoin = false;
  hasJoined = false;
  /** Whether this node has asked to join the network through the peer. */
  isJoining = false;
  readonly #runtime: Runtime;
  #answer: RuntimeTimer | undefined;

  /** @returns `undefined` if the peer's neighbours are chosen by its user. */
  static of(peer: ProtocolPeer, contact: Contact, runtime: Runtime): MembershipLink | undefined {
    const channel = channelOf(peer);
    const { membership } = channel.remote;
    if (membership === undefined) return undefined;
    const asked = channel.direction === 'inbound' ? membership.theirs : membership.ours;
    return new MembershipLink({ peer, contact, channel, asked }, runtime);
  }

  private constructor(
    given: Pick<MembershipLink, 'peer' | 'contact' | 'channel' | 'asked'>,
    runtime: Runtime,
  ) {
    this.peer = given.peer;
    this.contact = given.contact;
    this.channel = given.channel;
    this.asked = given.asked;
    this.share = new TurnShare(runtime);
    this.messages = new TokenBucket({ burst: walkBurst, perSecond: walksPerSecond }, runtime);
    this.#runtime = runtime;
  }

  get isInbound(): boolean {
    return this.channel.direction === 'inbound';
  }

  /** The scope of the peer's host. */
  get scope(): HostScope {
    return scopeOf(this.channel.remote.address.host);
  }

  /** Whether this node waits for the peer's answer to a request to be neighbours. */
  get isAsked(): boolean {
    return this.#answer !== undefined;
  }

  waitForAnswer(withinMs: number, onSilence: () => void): void {
    this.#answer?.cancel();
    this.#answer = this.#runtime.setTimeout(onSilence, withinMs);
  }

  stopWaiting(): void {
    this.#answer?.cancel();
    this.#answer = undefined;
  }

  /** Sends a frame. If the peer does not read, the frame is dropped, because it would be useless later. */
  send(frame: Uint8Array): void {
    try {
      this.peer.send(frame);
    } catch (error) {
      if (!isPeerloomError(error)) throw error;
    }
  }
}
