import { type Data, Node, type NodeConnection } from '../../src/index.ts';

interface Said {
  readonly from: string;
  readonly number: number;
}

/** Says, hears and loses messages, each of which has a number of its own. */
export class Talker extends Node {
  /** The names of the senders, and the numbers of their messages. */
  readonly heard = new Set<string>();
  readonly said: { readonly to: string; readonly number: number }[] = [];
  readonly lost = new Set<number>();
  readonly #met = new Set<NodeConnection>();
  #number = 0;

  /** The connections that have not ended, suspended ones too. */
  get known(): NodeConnection[] {
    return [...this.#met].filter(({ isOpen }) => isOpen);
  }

  next(): { from: string; number: number } {
    this.#number += 1;
    return { from: this.name, number: this.#number };
  }

  say(peer: NodeConnection): void {
    if (!peer.isOpen) return;
    const message = this.next();
    this.said.push({ to: peer.id, number: message.number });
    peer.send(message);
  }

  /** The numbers of messages to another node that it has not heard, and that were not reported as lost. */
  lostUntold(receiver: Talker): number[] {
    return this.said
      .filter(({ to }) => to === receiver.id)
      .map(({ number }) => number)
      .filter((number) => !receiver.heard.has(`${this.name} ${number}`) && !this.lost.has(number));
  }

  override inboundNodeConnected(peer: NodeConnection): void {
    this.#met.add(peer);
  }

  override outboundNodeConnected(peer: NodeConnection): void {
    this.#met.add(peer);
  }

  override nodeMessage(_peer: NodeConnection, data: Data): void {
    const { from, number } = data as unknown as Said;
    this.heard.add(`${from} ${number}`);
  }

  override nodeSessionLost(_peer: NodeConnection, { data }: { readonly data: readonly Data[] }): void {
    for (const { number } of data as unknown as Said[]) this.lost.add(number);
  }
}

/** The pairs of nodes of which one has a connection with the other, which has none with it. */
export function oneSided(nodes: readonly Node[]): string[] {
  const has = (one: Node, other: Node): boolean => one.allNodes.some(({ id }) => id === other.id);
  return nodes.flatMap((one) =>
    nodes
      .filter((other) => has(one, other) && !has(other, one))
      .map((other) => `${one.name} has a connection with ${other.name}, which has none with it`),
  );
}
