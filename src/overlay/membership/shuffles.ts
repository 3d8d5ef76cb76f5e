import type { HyParViewSizes } from './hyparview-sizes.ts';
import type { MembershipMessage, OfMessage } from './membership-messages.ts';
import { ShuffleWalks } from './shuffle-walks.ts';

export interface ShufflesOptions<Contact> {
  readonly random: () => number;
  readonly sizes: HyParViewSizes;
  readonly send: (id: string, message: MembershipMessage<Contact>) => void;
  readonly isActive: (id: string) => boolean;
  /** Returns a random neighbour other than the given ones. */
  readonly neighbourBut: (...ids: readonly (string | undefined)[]) => string | undefined;
  /** Returns the contacts, including this node, at the beginning of a walk that goes to the neighbour `to`. */
  readonly offered: (to: string) => readonly Contact[];
  /** Returns the contacts that answer the walk of the node `first`. */
  readonly answerTo: (first: Contact | undefined, count: number) => readonly Contact[];
  /** Called with the contacts from another node. */
  readonly onTold: (contacts: readonly Contact[], sent: readonly string[]) => void;
}

/**
 * The exchange of contacts. A random walk takes contacts to a node several links away, which answers with other
 * contacts. The answer returns along the path of the walk.
 */
export class Shuffles<Contact extends { readonly id: string }> {
  readonly #options: ShufflesOptions<Contact>;
  readonly #walks = new ShuffleWalks();
  /** This node's own shuffle in this round. */
  #own: { readonly walk: number; readonly to: string; readonly sent: readonly string[] } | undefined;

  constructor(options: ShufflesOptions<Contact>) {
    this.#options = options;
  }

  /** Begins this node's own walk, if there is a neighbour. */
  begin(): void {
    const { random, sizes, send, neighbourBut, offered } = this.#options;
    const to = neighbourBut();
    if (to === undefined) return;
    const contacts = offered(to);
    const walk = Math.floor(2 ** 32 * random());
    this.#own = { walk, to, sent: contacts.map(({ id }) => id) };
    send(to, { kind: 'shuffle', walk, hopsLeft: sizes.shuffleWalk, contacts });
  }

  walked(from: string, { walk, hopsLeft, contacts }: OfMessage<'shuffle', Contact>): void {
    const { send, neighbourBut, answerTo, onTold } = this.#options;
    const next = hopsLeft > 1 ? neighbourBut(from, contacts[0]?.id) : undefined;
    if (next !== undefined) {
      this.#walks.passedOn(walk, { from, to: next });
      send(next, { kind: 'shuffle', walk, hopsLeft: hopsLeft - 1, contacts });
      return;
    }
    const answer = answerTo(contacts[0], contacts.length);
    send(from, { kind: 'shuffleReply', walk, contacts: answer });
    onTold(
      contacts,
      answer.map(({ id }) => id),
    );
  }

  answered(from: string, message: OfMessage<'shuffleReply', Contact>): void {
    const { send, isActive, onTold } = this.#options;
    const { walk, contacts } = message;
    const own = this.#own;
    if (own?.walk === walk && own.to === from) {
      this.#own = undefined;
      onTold(contacts, own.sent);
      return;
    }
    const back = this.#walks.wayBack(walk, from);
    if (back !== undefined && isActive(back)) send(back, message);
  }
}
