import type { NodeConnection } from '../../api/node-connection.ts';
import type { ProtocolHost, ProtocolPeer } from '../../api/protocol.ts';
import type { Address } from '../../base/address.ts';
import { PeerloomError } from '../../base/errors.ts';
import type { Runtime, RuntimeTimer } from '../../base/runtime.ts';
import { unpredictable } from '../../base/unpredictable.ts';
import type { NodeIdentity } from '../../identity/signer.ts';
import { Holder } from '../../peers/holder.ts';
import type { NeighbourGate } from '../../peers/neighbour-gate.ts';
import { NeighbourRefused } from '../../peers/neighbour-refused.ts';
import type { Priority } from '../../wire/frames/hello.ts';
import type { OverlayPart } from '../overlay.ts';
import type { AddressRecord } from './address-record.ts';
import { maxAnchored } from './anchors.ts';
import { ContactDialler, type LinkDialler } from './contact-dialler.ts';
import { frameOf, messageOf } from './contact-messages.ts';
import { Contact, type Contacts } from './contacts.ts';
import { HyParView, type HyParViewEffects } from './hyparview.ts';
import { Introductions } from './introductions.ts';
import { Joining } from './joining.ts';
import { KeptLinks } from './kept-links.ts';
import { encodeMembershipFrame, type MembershipFrame, readMembershipFrame } from './membership-frames.ts';
import { MembershipLink } from './membership-link.ts';
import type { MembershipMessage } from './membership-messages.ts';
import { MembershipTimers } from './membership-timers.ts';
import { NeighbourRequests } from './neighbour-requests.ts';
import { SilenceWatch } from './silence-watch.ts';

export interface MembershipOptions {
  readonly identity: NodeIdentity;
  readonly network: string;
  readonly runtime: Runtime;
  /** The number of neighbours. `passive` is the number of nodes that can replace them. */
  readonly active: number;
  readonly passive: number;
  /** The time between two shuffles, in milliseconds. */
  readonly periodMs: number;
  readonly privateAddresses: boolean;
  readonly links: LinkDialler;
  /** Called when the node should join the network again, through an address known in another way. */
  readonly onEntryNeeded: () => void;
  /** Called when the identity failed to sign. */
  readonly onFailure: (error: unknown) => void;
}

/** How long a dropped node may take to say that it keeps the connection, in milliseconds. */
const lingerMs = 2_000;

/**
 * Finds and keeps the neighbours of a node. It carries out on real connections what {@link HyParView} decides.
 * Neighbours are ordinary connections. A connection that the user made, or that the other side holds, is never closed
 * from here.
 */
export class Membership implements OverlayPart, NeighbourGate, HyParViewEffects<Contact> {
  readonly kinds = { first: 16, last: 31 };
  /** The links that are kept beside the links with neighbours. */
  readonly keptLinks: KeptLinks;
  readonly #options: MembershipOptions;
  readonly #view: HyParView<Contact>;
  readonly #dialler: ContactDialler;
  readonly #introductions: Introductions;
  readonly #silence: SilenceWatch;
  /** The peers that also find their neighbours automatically. */
  readonly #links = new Map<string, MembershipLink>();
  readonly #requests: NeighbourRequests;
  readonly #joining: Joining;
  readonly #timers: MembershipTimers;
  #log: (text: string) => void = () => {};
  #round: RuntimeTimer | undefined;
  #isStarted = false;

  constructor(options: MembershipOptions) {
    const { identity, network, runtime, active, passive, privateAddresses, links, onFailure } = options;
    this.#options = options;
    this.#dialler = new ContactDialler({
      network,
      runtime,
      links,
      privateAddresses,
      isOfUse: (id) => this.#links.has(id) || this.#view.isOfUse(id),
      onProven: (contact) => this.#onProven(contact),
      onFailed: ({ id }) => this.#view.failed(id),
      log: (text) => this.#log(text),
    });
    const { contacts } = this.#dialler;
    this.#introductions = new Introductions({
      identity,
      network,
      runtime,
      dialler: this.#dialler,
      links: () => this.#links.values(),
      addresses: () => links.ownAddresses,
      onFailure,
    });
    this.#view = new HyParView<Contact>({
      effects: this,
      random: unpredictable(runtime, 'membership'),
      ownId: identity.id,
      self: () => {
        const { ownRecord } = this.#introductions;
        return ownRecord && new Contact(identity.id, ownRecord);
      },
      isProven: (contact) => contacts.isProven(contact),
      admit: (told) => this.#introductions.admit(told),
      sizes: { active, passive },
    });
    this.keptLinks = new KeptLinks({
      links,
      dialler: this.#dialler,
      linkWith: (id) => this.#links.get(id),
      sampled: (fits) => this.#view.sampled(fits),
      ownRecord: () => this.#introductions.ownRecord,
      admit: (record, teller) => {
        this.#introductions.hears(teller);
        return this.#introductions.admit(new Contact(record.id, record));
      },
      onFailed: (id) => this.#view.failed(id),
    });
    this.#silence = new SilenceWatch({
      runtime,
      neighbours: () => this.#view.active.flatMap((id) => this.#channelOf(id)),
      onSilent: (id, silenceMs) => this.#onSilent(id, silenceMs),
    });
    this.#timers = new MembershipTimers(runtime);
    this.#requests = new NeighbourRequests({
      view: this.#view,
      dialler: this.#dialler,
      timers: this.#timers,
      linkWith: (id) => this.#links.get(id),
      onAgreed: (link) => this.#up(link),
      letGo: (id) => this.#letGo(id),
    });
    this.#joining = new Joining({
      view: this.#view,
      runtime,
      timers: this.#timers,
      links: () => this.#links.values(),
      needsEntry: () => this.needsEntry,
      isProven: (contact) => contacts.isProven(contact),
      onAgreed: (link) => this.#up(link),
      hold: (id) => void links.hold(id, Holder.overlay),
      letGo: (id) => this.#letGo(id),
    });
  }

  /** The connections with the neighbours. */
  get active(): readonly NodeConnection[] {
    return this.#view.active.flatMap((id) => this.#links.get(id)?.peer.connection ?? []);
  }

  /** The ids of nodes that can replace neighbours. */
  get passive(): readonly string[] {
    return this.#view.passive.map(({ id }) => id);
  }

  /** The nodes that this node has heard of. */
  get contacts(): Contacts {
    return this.#dialler.contacts;
  }

  /** The hosts from which other nodes see this node connect, each with the number of those nodes. */
  get seenHosts(): readonly (readonly [host: string, others: number])[] {
    return this.#introductions.seenHosts;
  }

  /** Returns a record that this node may pass on: its own, or that of a node that it has reached within a day. */
  recordOf(id: string): AddressRecord | undefined {
    if (id === this.#options.identity.id) return this.#introductions.ownRecord;
    const { contacts } = this.#dialler;
    const contact = contacts.find(id);
    return contact !== undefined && contacts.isProven(contact) ? contact.record : undefined;
  }

  /** Called when the node listens. It looks for neighbours from now on. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#options.links.stopping.addEventListener('abort', () => this.#stop(), { once: true });
  }

  /** Whether the node should join through any address that it knows. */
  get needsEntry(): boolean {
    const { active, passive } = this.#view;
    return active.length === 0 || (passive.length === 0 && active.length < this.#options.active);
  }

  /**
   * Connects with the node at an address, to join the network through it, or to swap a neighbour if this node has any.
   * If the other node's neighbours are chosen by its user, it becomes an ordinary peer.
   *
   * @param id the id of the only node that may answer.
   * @throws PeerloomError if it cannot be reached.
   */
  async enter(address: Address, id?: string): Promise<void> {
    const membership = this.#view.active.length === 0 ? 'join' : 'swap';
    try {
      await this.#options.links.connect(address, { ...(id !== undefined && { id }), membership });
    } catch (error) {
      if (!(error instanceof NeighbourRefused)) throw error;
    }
  }

  attach(host: ProtocolHost): void {
    this.#log = host.log;
  }

  opened(peer: ProtocolPeer): void {
    const link = this.#timers.areStopped
      ? undefined
      : MembershipLink.of(peer, this.#dialler.contacts.of(peer.id), this.#options.runtime);
    if (link === undefined) return;
    this.#links.set(peer.id, link);
    this.#begin();
    this.#introductions.introduce(link);
    const priority = this.#requests.opened(peer.id);
    if (link.asked === 'join') {
      if (link.isInbound) link.wantsToJoin = true;
      else this.#joining.awaitReply(link);
    } else if (link.asked !== 'open' && link.asked !== 'anchor') {
      this.#up(link);
    } else if (priority !== undefined) {
      this.#requests.askOver(link, priority);
    } else if (this.#view.active.length === 0) {
      this.#joining.over(link);
    }
  }

  received(peer: ProtocolPeer, bytes: Uint8Array): void | Promise<void> {
    const link = this.#links.get(peer.id);
    if (link?.peer !== peer)
      throw new PeerloomError('ERR_PROTOCOL', 'this side said nothing about neighbours');
    return link.share.run(() => {
      const frame = readMembershipFrame(bytes);
      this.#introductions.hears(link);
      this.#handle(link, frame);
    });
  }

  closed(peer: ProtocolPeer): void {
    const link = this.#links.get(peer.id);
    if (link?.peer !== peer) return;
    this.#links.delete(peer.id);
    link.share.cancel();
    this.#requests.settle(link, 'failed');
    this.#view.down(peer.id);
  }

  /** The link of a session broke. Its peer is not a neighbour until one side asks again. */
  unlinked(peer: ProtocolPeer): void {
    const link = this.#links.get(peer.id);
    if (link?.peer !== peer) return;
    this.#requests.settle(link, 'failed');
    this.#view.down(peer.id);
    this.#letGo(peer.id);
  }

  admits(id: string, word: Priority | 'anchor'): boolean {
    if (this.#timers.areStopped) return false;
    return word === 'anchor' ? this.#hasRoomForAnchored : this.#view.requested(id, word);
  }

  get #hasRoomForAnchored(): boolean {
    const anchored = [...this.#links.values()].filter(
      ({ asked, isInbound }) => asked === 'anchor' && isInbound,
    );
    return anchored.length < maxAnchored;
  }

  held(id: string): void {
    this.keptLinks.tellHeld(id);
  }

  ask(contact: Contact, priority: Priority): void {
    this.#requests.ask(contact, priority);
  }

  drop(id: string): void {
    const link = this.#links.get(id);
    if (link === undefined) return;
    link.send(encodeMembershipFrame({ kind: 'drop' }));
    // The user of the other side may need the connection by now. That side then says so.
    this.#timers.after(lingerMs, () => this.#letGo(id));
  }

  send(id: string, message: MembershipMessage<Contact>): void {
    const link = this.#links.get(id);
    const frame = frameOf(message);
    if (link !== undefined && frame !== undefined) link.send(encodeMembershipFrame(frame));
  }

  runDry(): void {
    if (this.#timers.areStopped) return;
    this.#options.onEntryNeeded();
    this.#joining.want();
  }

  #handle(link: MembershipLink, frame: MembershipFrame): void {
    const { id } = link.contact;
    switch (frame.kind) {
      case 'introduce':
        this.#onIntroduce(link, frame);
        break;
      case 'join':
        link.wantsToJoin = true;
        if (link.isIntroduced) this.#joining.joins(link);
        break;
      case 'joinReply':
        this.#joining.replied(link, frame);
        break;
      case 'ask': {
        const isNeighbour = this.#view.requested(id, frame.priority);
        link.send(encodeMembershipFrame({ kind: 'answer', isNeighbour }));
        if (isNeighbour) this.#up(link);
        break;
      }
      case 'answer':
        this.#requests.answered(link, frame.isNeighbour);
        break;
      case 'drop':
        this.#view.dropped(id);
        this.#letGo(id);
        break;
      case 'hold':
        this.#options.links.hold(id, Holder.remote);
        break;
      case 'release':
        this.#options.links.release(id, Holder.remote);
        break;
      default:
        // Messages about other nodes are accepted only from neighbours, and only within a rate.
        if (this.#view.isActive(id) && link.messages.take()) this.#view.received(id, messageOf(frame));
    }
  }

  #onIntroduce(link: MembershipLink, frame: Extract<MembershipFrame, { kind: 'introduce' }>): void {
    const { contact, isIntroduced } = link;
    this.#introductions.introduced(link, frame);
    if (link.wantsToJoin) this.#joining.joins(link);
    else if (!isIntroduced && contact.addresses.length > 0) this.#view.learned([contact]);
  }

  #up(link: MembershipLink): void {
    link.stopWaiting();
    this.#options.links.hold(link.contact.id, Holder.overlay);
    this.#view.up(link.contact);
    this.#joining.succeeded();
  }

  #onProven(contact: Contact): void {
    this.#view.proven(contact);
    this.#joining.proven(contact);
  }

  /** Called when the overlay no longer needs a connection, unless its peer is a neighbour. */
  #letGo(id: string): void {
    if (!this.#view.isActive(id)) this.#options.links.release(id, Holder.overlay);
  }

  #channelOf(id: string): [readonly [string, MembershipLink['channel']]] | [] {
    const link = this.#links.get(id);
    return link === undefined ? [] : [[id, link.channel]];
  }

  #onSilent(id: string, silenceMs: number): void {
    this.#log(`${id} was silent for ${Math.round(silenceMs)} ms and is not a neighbour any more`);
    this.#view.down(id);
    this.#letGo(id);
  }

  /** Called when the first peer has connected. */
  #begin(): void {
    if (this.#round !== undefined) return;
    const { periodMs, runtime } = this.#options;
    // A random delay, so that nodes that start together do not shuffle together.
    this.#nextRound(periodMs * runtime.random('rounds of membership'));
    this.#silence.start();
  }

  #nextRound(delayMs: number): void {
    const { periodMs, runtime } = this.#options;
    const round = (): void => {
      this.#nextRound(periodMs);
      this.#view.round();
      this.keptLinks.round();
      const unproven = this.#view.passive.filter((contact) => !this.#dialler.contacts.isProven(contact));
      const one = unproven[Math.floor(unproven.length * runtime.random('proofs'))];
      if (one !== undefined) this.#dialler.prove(one);
    };
    this.#round = runtime.setTimeout(round, delayMs, 'watching');
  }

  #stop(): void {
    this.#timers.stop();
    this.#round?.cancel();
    this.#silence.stop();
    this.#joining.stop();
    this.#dialler.stop();
    for (const link of this.#links.values()) link.stopWaiting();
  }
}
