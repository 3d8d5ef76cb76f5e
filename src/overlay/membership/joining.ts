import type { Runtime } from '../../base/runtime.ts';
import { messageOf } from './contact-messages.ts';
import type { Contact } from './contacts.ts';
import type { HyParView } from './hyparview.ts';
import { encodeMembershipFrame, type MembershipFrame } from './membership-frames.ts';
import type { MembershipLink } from './membership-link.ts';
import type { MembershipTimers } from './membership-timers.ts';
import { Rejoining } from './rejoining.ts';

export interface JoiningOptions {
  readonly view: HyParView<Contact>;
  readonly runtime: Runtime;
  readonly timers: MembershipTimers;
  readonly links: () => Iterable<MembershipLink>;
  /** Whether the node should join through any address that it knows. */
  readonly needsEntry: () => boolean;
  readonly isProven: (contact: Contact) => boolean;
  /** Called when a peer has become a neighbour. */
  readonly onAgreed: (link: MembershipLink) => void;
  /** Keeps the connection with a new neighbour. */
  readonly hold: (id: string) => void;
  /** Called when the overlay no longer needs a connection, unless its peer is a neighbour. */
  readonly letGo: (id: string) => void;
}

/** How long a node may take to answer a join, in milliseconds. A node that joined gets the same time to leave. */
const answerMs = 10_000;

/** Joins the network through other nodes, and lets others join through this one. */
export class Joining {
  readonly #options: JoiningOptions;
  readonly #rejoining: Rejoining;

  constructor(options: JoiningOptions) {
    const { runtime, needsEntry } = options;
    this.#options = options;
    this.#rejoining = new Rejoining(runtime, () => {
      const link = this.#linkToJoinOver;
      if (link !== undefined && needsEntry()) this.over(link);
    });
  }

  /** Joins again, from time to time, if there is a peer through which the node can join. */
  want(): void {
    if (this.#linkToJoinOver !== undefined) this.#rejoining.want();
  }

  /** The node has a neighbour. */
  succeeded(): void {
    this.#rejoining.succeeded();
  }

  over(link: MembershipLink): void {
    this.awaitReply(link);
    link.send(encodeMembershipFrame({ kind: 'join' }));
  }

  /** Waits for the answer to a join, which this node requested in a frame or in its hello. */
  awaitReply(link: MembershipLink): void {
    const { timers, letGo } = this.#options;
    link.isJoining = true;
    timers.after(answerMs, () => {
      link.isJoining = false;
      letGo(link.contact.id);
    });
  }

  replied(link: MembershipLink, frame: Extract<MembershipFrame, { kind: 'joinReply' }>): void {
    const { view, onAgreed, letGo } = this.#options;
    if (!link.isJoining) return;
    link.isJoining = false;
    if (frame.isNeighbour) onAgreed(link);
    view.received(link.contact.id, messageOf(frame));
    letGo(link.contact.id);
  }

  /**
   * A peer joins. Accepted once for each connection, because repeated joins would send endless walks through the
   * network.
   */
  joins(link: MembershipLink): void {
    const { view, timers, isProven, hold, letGo } = this.#options;
    link.wantsToJoin = false;
    if (link.hasJoined) return;
    link.hasJoined = true;
    const { contact } = link;
    view.joins(contact);
    if (view.isActive(contact.id)) hold(contact.id);
    else timers.after(answerMs, () => letGo(contact.id));
    if (isProven(contact)) view.introduce(contact);
    else contact.isToIntroduce = true;
  }

  /** A node has been proven to be dialable. If it has joined through this node, it is introduced to others. */
  proven(contact: Contact): void {
    if (!contact.isToIntroduce) return;
    contact.isToIntroduce = false;
    this.#options.view.introduce(contact);
  }

  stop(): void {
    this.#rejoining.stop();
  }

  /** A peer that is not a neighbour and through which the node has not joined before. */
  get #linkToJoinOver(): MembershipLink | undefined {
    const { view, links } = this.#options;
    for (const link of links()) {
      const { contact, peer, isJoining } = link;
      if (!isJoining && !view.isActive(contact.id) && !peer.connection.isSuspended) return link;
    }
    return undefined;
  }
}
