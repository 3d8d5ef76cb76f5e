import type { Priority } from '../../wire/frames/hello.ts';
import type { ContactDialler } from './contact-dialler.ts';
import type { Contact } from './contacts.ts';
import type { HyParView } from './hyparview.ts';
import { encodeMembershipFrame } from './membership-frames.ts';
import type { MembershipLink } from './membership-link.ts';
import type { MembershipTimers } from './membership-timers.ts';

export interface NeighbourRequestsOptions {
  readonly view: HyParView<Contact>;
  readonly dialler: ContactDialler;
  readonly timers: MembershipTimers;
  readonly linkWith: (id: string) => MembershipLink | undefined;
  /** Called when a peer has agreed, so both are neighbours now. */
  readonly onAgreed: (link: MembershipLink) => void;
  /** Called when the overlay no longer needs a connection, unless its peer is a neighbour. */
  readonly letGo: (id: string) => void;
}

/** How long a peer may take to answer, in milliseconds. */
const answerMs = 10_000;

/** Asks other nodes to be neighbours, over an existing link or in the hello of a new link. */
export class NeighbourRequests {
  readonly #options: NeighbourRequestsOptions;
  /** Nodes that were dialled and whose links are not yet open for this protocol. */
  readonly #dialled = new Map<string, Priority>();

  constructor(options: NeighbourRequestsOptions) {
    this.#options = options;
  }

  ask(contact: Contact, priority: Priority): void {
    const link = this.#options.linkWith(contact.id);
    if (link === undefined) void this.#dial(contact, priority);
    else this.askOver(link, priority);
  }

  /** The link with a node is open. @returns the priority with which it was dialled, if it was. */
  opened(id: string): Priority | undefined {
    const priority = this.#dialled.get(id);
    this.#dialled.delete(id);
    return priority;
  }

  askOver(link: MembershipLink, priority: Priority): void {
    if (link.peer.connection.isSuspended) {
      queueMicrotask(() => this.#options.view.failed(link.contact.id));
      return;
    }
    link.waitForAnswer(answerMs, () => this.settle(link, 'refused'));
    link.send(encodeMembershipFrame({ kind: 'ask', priority }));
  }

  answered(link: MembershipLink, isNeighbour: boolean): void {
    const { view, onAgreed } = this.#options;
    if (!isNeighbour) this.settle(link, 'refused');
    else if (link.isAsked) onAgreed(link);
    // The agreement arrived too late.
    else if (!view.isActive(link.contact.id)) link.send(encodeMembershipFrame({ kind: 'drop' }));
  }

  /** The request to be neighbours was refused, or will never be answered. */
  settle(link: MembershipLink, outcome: 'refused' | 'failed'): void {
    if (!link.isAsked) return;
    link.stopWaiting();
    this.#options.view[outcome](link.contact.id);
  }

  async #dial(contact: Contact, priority: Priority): Promise<void> {
    const { view, dialler, timers } = this.#options;
    const { id } = contact;
    this.#dialled.set(id, priority);
    const outcome = await dialler.dial(contact, priority);
    if (outcome === 'connected') {
      this.#onDialled(id, priority);
      return;
    }
    this.#dialled.delete(id);
    if (timers.areStopped) return;
    if (outcome === 'failed') view.failed(id);
    else view.refused(id);
  }

  /** Called after a dial. If the connection existed before, nothing was asked in the hello. */
  #onDialled(id: string, priority: Priority): void {
    const { view, timers, linkWith, letGo } = this.#options;
    const link = linkWith(id);
    if (link === undefined) {
      timers.after(answerMs, () => {
        if (!this.#dialled.delete(id)) return;
        view.failed(id);
        letGo(id);
      });
      return;
    }
    this.#dialled.delete(id);
    if (!view.isActive(id) && !link.isAsked) this.askOver(link, priority);
  }
}
