import type { Priority } from '../../wire/frames/hello.ts';
import { ActiveView } from './active-view.ts';
import { AskingPace } from './asking-pace.ts';
import { ContactSet } from './contact-set.ts';
import { ForcedDrops } from './forced-drops.ts';
import { type HyParViewSizes, hyParViewSizes } from './hyparview-sizes.ts';
import { LostNodes } from './lost-nodes.ts';
import type { MembershipMessage, OfMessage } from './membership-messages.ts';
import { MinWiseSampler } from './min-wise-sampler.ts';
import { Shuffles } from './shuffles.ts';

/**
 * The effects of {@link HyParView}. None of these methods may call it back before the call that led to them has
 * returned.
 */
export interface HyParViewEffects<Contact> {
  /**
   * Asks a node to be a neighbour, over a new link if there is none. Afterwards, {@link HyParView.up},
   * {@link HyParView.refused} or {@link HyParView.failed} must be called.
   */
  ask(contact: Contact, priority: Priority): void;
  /** Tells a neighbour that it is no longer a neighbour. */
  drop(id: string): void;
  send(id: string, message: MembershipMessage<Contact>): void;
  /**
   * Called if the node must join again: it has too few neighbours and knows no other nodes, or it is alone and all
   * refuse.
   */
  runDry(): void;
}

export interface HyParViewOptions<Contact> {
  readonly effects: HyParViewEffects<Contact>;
  /** Returns a number of at least 0 and below 1, which others cannot guess. */
  readonly random: () => number;
  readonly ownId: string;
  /** Returns this node, as others learn about it. `undefined` if no other node can dial it. */
  readonly self: () => Contact | undefined;
  /** Whether this node has proven that a node can be dialled, so that it may tell others. Default: always true. */
  readonly isProven?: (contact: Contact) => boolean;
  /**
   * Checks what others report about a node. Returns `undefined` if it is not usable. Default: everything is accepted.
   */
  readonly admit?: (contact: Contact) => Contact | undefined;
  readonly sizes?: Partial<HyParViewSizes>;
}

/** The most nodes that are asked to be neighbours at the same time. */
const maxAsked = 2;

/** A node swaps a neighbour without a reason about once in this many rounds. */
const ownSwapRounds = 30;

/** The number of contacts that a joining node gets. At most a few of them are neighbours of this node. */
const joinContacts = 7;
const fewJoinContacts = 3;

/**
 * Chooses the neighbours of a node: HyParView (Leitão, Pereira, Rodrigues: HyParView, DSN 2007). A node has a few
 * neighbours, the active view. It knows more nodes, the passive view, which replace neighbours that fail. New nodes
 * find neighbours by random walks. In each round, a node exchanges contacts with the node at the end of such a walk.
 *
 * It differs from the paper:
 *
 * - A node with the full number of neighbours drops one for another only at a limited rate, and never the last two that
 *   it chose itself. So a node that asks again and again cannot surround it. If a node joins through a full node, it
 *   gets contacts instead.
 * - The node at the end of a new node's walk only asks the new node for a free place. If it took a place, five walks and
 *   one contact would give the new node six neighbours.
 * - A node that was dropped asks only for free places. Only a node without any neighbour asks for more (as in the
 *   paper). If all refuse, the node pauses, longer each time. So dropped nodes do not displace each other for ever. If
 *   all refuse a node without any neighbour, it joins again, to learn of other nodes.
 * - An answer to a shuffle returns along its walk, not over a new link.
 * - A node that cannot be reached is tried again for days. When it answers, the two nodes swap a neighbour. All nodes
 *   of a network that broke in two do this, so the two parts mix. HyParView would leave two networks with one bridge.
 *   A node also swaps a neighbour from time to time without a reason.
 * - Replacements come from a min-wise sample half of the time, see {@link MinWiseSampler}.
 *
 * This is a state machine. Its methods are called for each event, and it acts through its effects. It has no clock:
 * {@link HyParView.round} is called once in each period of 10 seconds.
 */
export class HyParView<Contact extends { readonly id: string }> {
  readonly #effects: HyParViewEffects<Contact>;
  readonly #random: () => number;
  readonly #ownId: string;
  readonly #self: () => Contact | undefined;
  readonly #isProven: (contact: Contact) => boolean;
  readonly #admit: (contact: Contact) => Contact | undefined;
  readonly #sizes: HyParViewSizes;
  readonly #active: ActiveView<Contact>;
  readonly #passive: ContactSet<Contact>;
  readonly #sampler: MinWiseSampler<Contact>;
  readonly #lost: LostNodes<Contact>;
  readonly #shuffles: Shuffles<Contact>;
  readonly #pace = new AskingPace();
  readonly #forcedDrops = new ForcedDrops();
  /** Nodes that were asked and have not answered, by id. */
  readonly #asked = new Map<string, Contact>();
  /** Nodes that asked and were accepted, but whose link is not up yet. The value is the round of the request. */
  readonly #accepted = new Map<string, number>();
  /** Nodes that must not be asked again yet. The value is the round from which on they may be asked. */
  readonly #notBefore = new Map<string, number>();
  #round = 0;

  constructor(options: HyParViewOptions<Contact>) {
    const { effects, random, ownId, self, sizes = {} } = options;
    const { isProven = () => true, admit = (contact) => contact } = options;
    this.#effects = effects;
    this.#ownId = ownId;
    this.#admit = admit;
    this.#random = random;
    this.#self = self;
    this.#isProven = isProven;
    this.#sizes = { ...hyParViewSizes, ...sizes };
    this.#active = new ActiveView(random);
    this.#passive = new ContactSet(this.#sizes.passive, random);
    this.#sampler = new MinWiseSampler(random);
    this.#lost = new LostNodes(random);
    this.#shuffles = new Shuffles({
      random,
      sizes: this.#sizes,
      send: (id, message) => effects.send(id, message),
      isActive: (id) => this.#active.has(id),
      neighbourBut: (...ids) => this.#active.oneBut(...ids),
      offered: (to) => this.#offeredTo(to),
      answerTo: (first, count) => this.#someContacts(first?.id, { count, few: count }),
      onTold: (contacts, sent) => {
        this.#integrate(contacts, sent);
        this.#refill();
      },
    });
  }

  /** The ids of the neighbours. */
  get active(): readonly string[] {
    return this.#active.ids;
  }

  /** The nodes that can replace neighbours. */
  get passive(): readonly Contact[] {
    return [...this.#passive];
  }

  isActive(id: string): boolean {
    return this.#active.has(id);
  }

  /** Returns a random node of the min-wise sample that fits. */
  sampled(fits: (contact: Contact) => boolean): Contact | undefined {
    return this.#sampler.pick(fits);
  }

  /** Whether what is known about the node may still be needed. */
  isOfUse(id: string): boolean {
    return this.#active.has(id) || this.#passive.has(id) || this.#asked.has(id);
  }

  /** A period has passed. */
  round(): void {
    this.#round += 1;
    this.#pace.round();
    this.#forcedDrops.round();
    for (const [id, since] of this.#accepted) if (this.#round - since > 2) this.#accepted.delete(id);
    for (const [id, round] of this.#notBefore) if (round <= this.#round) this.#notBefore.delete(id);
    this.#shuffles.begin();
    const lost = this.#lost.next();
    if (lost !== undefined) this.#ask(lost, 'swap');
    else if (this.#random() < 1 / ownSwapRounds) this.#swap();
    this.#refill();
  }

  /** The node learned of other nodes in another way. */
  learned(contacts: readonly Contact[]): void {
    this.#integrate(contacts, []);
    this.#refill();
  }

  /** This node has proven that it can dial another node. */
  proven(contact: Contact): void {
    this.#sampler.offer(contact);
  }

  /**
   * A node joins the network through this node, over a link that is up. Once the node is known to be dialable,
   * {@link HyParView.introduce} must be called.
   */
  joins(contact: Contact): void {
    const { id } = contact;
    const isNeighbour = this.requested(id, 'high');
    const contacts = this.#someContacts(id, { count: joinContacts, few: fewJoinContacts });
    this.#effects.send(id, { kind: 'joinReply', isNeighbour, contacts });
    if (isNeighbour) this.#add(contact, false);
  }

  /** Introduces a node that has joined to other nodes, by random walks. */
  introduce(contact: Contact): void {
    const hopsLeft = this.#sizes.activeWalk;
    for (const id of this.#active.ids) {
      if (id !== contact.id) this.#effects.send(id, { kind: 'forwardJoin', contact, hopsLeft });
    }
  }

  /** A node asks to be a neighbour. @returns whether it becomes one as soon as its link is up. */
  requested(id: string, priority: Priority): boolean {
    if (this.#active.has(id) || this.#asked.has(id) || this.#accepted.has(id)) return true;
    if (this.#active.size + this.#accepted.size >= this.#sizes.active && !this.#makesRoom(priority))
      return false;
    this.#accepted.set(id, this.#round);
    return true;
  }

  /** The link with a node is up, and both are neighbours now. */
  up(contact: Contact): void {
    const isChosen = this.#asked.has(contact.id);
    this.#add(contact, isChosen);
    this.#refill();
  }

  /** A node that was asked has answered, but has no place for this node. */
  refused(id: string): void {
    const contact = this.#asked.get(id);
    this.#asked.delete(id);
    if (contact !== undefined && !this.#active.has(id)) {
      if (this.#lost.found(id)) this.#note(contact);
      this.#notBefore.set(id, this.#round + 1);
      this.#pace.refused();
    }
    this.#refill();
  }

  /** A node that was asked, or dialled to prove it, cannot be reached. */
  failed(id: string): void {
    const contact = this.#asked.get(id) ?? this.#passive.get(id);
    this.#asked.delete(id);
    this.#passive.remove(id);
    this.#sampler.remove(id);
    if (contact !== undefined && (this.#lost.has(id) || this.#isProven(contact))) this.#lost.add(contact);
    this.#refill();
  }

  /** The link with a neighbour has ended, or is suspended. */
  down(id: string): void {
    this.#accepted.delete(id);
    const contact = this.#active.remove(id);
    if (contact === undefined) return;
    if (this.#isProven(contact)) this.#lost.add(contact);
    this.#pace.restart();
    this.#refill();
  }

  /** A neighbour, or a node that was about to become one, drops this node. It can still be reached. */
  dropped(id: string): void {
    this.#accepted.delete(id);
    const contact = this.#active.remove(id);
    if (contact === undefined) return;
    this.#note(contact);
    this.#notBefore.set(id, this.#round + 2);
    this.#pace.restart();
    this.#refill();
  }

  /** A neighbour sent a message, or a node answered a join. */
  received(from: string, message: MembershipMessage<Contact>): void {
    switch (message.kind) {
      case 'joinReply':
        this.#integrate(message.contacts, []);
        // If the node became a neighbour, its walks find further neighbours, which are less close to each other.
        if (!message.isNeighbour) this.#refill();
        break;
      case 'forwardJoin':
        this.#onForwardJoin(from, message);
        break;
      case 'shuffle':
        this.#shuffles.walked(from, message);
        break;
      case 'shuffleReply':
        this.#shuffles.answered(from, message);
        break;
    }
  }

  #onForwardJoin(from: string, { contact, hopsLeft }: OfMessage<'forwardJoin', Contact>): void {
    const isKnown = contact.id === this.#ownId || this.#active.has(contact.id);
    const next = hopsLeft > 1 ? this.#active.oneBut(from, contact.id) : undefined;
    if (next === undefined) {
      const admitted = isKnown ? undefined : this.#admit(contact);
      if (admitted !== undefined) this.#ask(admitted, 'low');
      return;
    }
    if (hopsLeft === this.#sizes.passiveWalk && !isKnown) this.#integrate([contact], []);
    this.#effects.send(next, { kind: 'forwardJoin', contact, hopsLeft: hopsLeft - 1 });
  }

  #offeredTo(neighbour: string): Contact[] {
    const { shuffleActive, shufflePassive } = this.#sizes;
    const self = this.#self();
    return [
      ...(self === undefined ? [] : [self]),
      ...this.#someNeighbours(neighbour, shuffleActive),
      ...this.#passive.sample(shufflePassive, this.#isProven),
    ];
  }

  /** Returns passive nodes, as in the paper, and also neighbours if there are few passive nodes. */
  #someContacts(but: string | undefined, { count, few }: { count: number; few: number }): Contact[] {
    const fits = (contact: Contact): boolean => contact.id !== but && this.#isProven(contact);
    const passive = this.#passive.sample(count, fits);
    return passive.length >= few ? passive : [...passive, ...this.#someNeighbours(but, few - passive.length)];
  }

  #someNeighbours(but: string | undefined, count: number): Contact[] {
    return this.#active.sample(count, (contact) => contact.id !== but && this.#isProven(contact));
  }

  /** Adds nodes to the passive view. @param sent the nodes that were sent in exchange. They are forgotten first. */
  #integrate(contacts: readonly Contact[], sent: readonly string[]): void {
    const forgotten = [...sent];
    for (const told of contacts) {
      const contact = told.id === this.#ownId ? undefined : this.#admit(told);
      if (contact === undefined) continue;
      if (this.#passive.isFull && !this.#passive.has(contact.id)) {
        while (forgotten.length > 0 && !this.#passive.remove(forgotten.pop()!));
      }
      this.#note(contact);
    }
  }

  #note(contact: Contact): void {
    const { id } = contact;
    if (id === this.#ownId || this.#active.has(id)) return;
    this.#passive.add(contact);
  }

  #add(contact: Contact, isChosen: boolean): void {
    const { id } = contact;
    this.#asked.delete(id);
    this.#accepted.delete(id);
    this.#lost.found(id);
    this.#passive.remove(id);
    if (!this.#active.has(id) && this.#active.size >= this.#sizes.active) this.#dropOne(isChosen);
    this.#active.add(contact, isChosen);
  }

  #dropOne(isOwnWish: boolean): void {
    const contact = this.#active.dropOne(isOwnWish);
    this.#effects.drop(contact.id);
    this.#note(contact);
    this.#notBefore.set(contact.id, this.#round + 2);
  }

  /** Whether the node will drop a neighbour in favour of a node that asks. */
  #makesRoom(priority: Priority): boolean {
    if (priority === 'low' || this.#active.droppable <= this.#accepted.size) return false;
    return this.#forcedDrops.take(priority === 'swap');
  }

  #swap(): void {
    if (this.#active.size < this.#sizes.active) return;
    const candidate = this.#sampler.pick((contact) => this.#canAsk(contact)) ?? this.#candidate();
    if (candidate !== undefined) this.#ask(candidate, 'swap');
  }

  /** Asks nodes to be neighbours until there are enough, or until no node is left to ask in this round. */
  #refill(): void {
    const { active } = this.#sizes;
    while (
      this.#active.size + this.#accepted.size + this.#asked.size < active &&
      this.#asked.size < maxAsked
    ) {
      const isAlone = this.#active.size === 0;
      // A node without any neighbour does not pause.
      if (!this.#pace.mayAsk && !isAlone) return;
      const candidate = this.#candidate();
      if (candidate === undefined) {
        const isWaiting = this.#asked.size + this.#accepted.size > 0;
        if (!isWaiting && (isAlone || this.#passive.size === 0)) this.#effects.runDry();
        return;
      }
      this.#ask(candidate, isAlone ? 'high' : 'low');
    }
    if (this.#active.size >= active) this.#pace.relax();
  }

  #candidate(): Contact | undefined {
    const fits = (contact: Contact): boolean => this.#canAsk(contact);
    const sampled = this.#random() < 1 / 2 ? this.#sampler.pick(fits) : undefined;
    return sampled ?? this.#passive.pick(fits);
  }

  #canAsk({ id }: Contact): boolean {
    return !this.#active.has(id) && !this.#asked.has(id) && !this.#notBefore.has(id);
  }

  #ask(contact: Contact, priority: Priority): void {
    if (this.#active.has(contact.id) || this.#asked.has(contact.id)) return;
    this.#asked.set(contact.id, contact);
    this.#effects.ask(contact, priority);
  }
}
