import { Anchors, maxAnchored } from '../../src/overlay/membership/anchors.ts';
import { HyParView } from '../../src/overlay/membership/hyparview.ts';
import type { HyParViewSizes } from '../../src/overlay/membership/hyparview-sizes.ts';
import type { MembershipMessage } from '../../src/overlay/membership/membership-messages.ts';
import { SeededChance } from '../../src/simulator/seeded-chance.ts';
import type { Priority } from '../../src/wire/frames/hello.ts';

export interface AbstractContact {
  readonly id: string;
}

type Message = MembershipMessage<AbstractContact>;

/** One node of an {@link AbstractNetwork}. */
export interface AbstractNode extends AbstractContact {
  readonly at: number;
  readonly view: HyParView<AbstractContact>;
  readonly anchors: Anchors<AbstractContact>;
  isUp: boolean;
}

export interface AbstractNetworkOptions {
  readonly seed: number;
  /** The sizes of the node with this number. */
  readonly sizes?: (at: number) => Partial<HyParViewSizes>;
  /** Whether nothing passes between two nodes. */
  readonly isCut?: (one: AbstractNode, other: AbstractNode) => boolean;
  /** Whether a node accepts whoever asks it, and drops nobody for that. */
  readonly acceptsAll?: (node: AbstractNode) => boolean;
  /** Whether nodes take replacements from their min-wise samples, too. Default true. */
  readonly hasSamples?: boolean;
  /** Whether nodes keep links with anchors, beside their neighbours. Default false: HyParView alone. */
  readonly hasAnchors?: boolean;
  /** Changes what a node says. */
  readonly tamper?: (from: AbstractNode, message: Message, random: () => number) => Message;
}

/**
 * Membership machines alone, without nodes and links: messages arrive at once, in order. It shows what the protocol does
 * in large networks.
 */
export class AbstractNetwork {
  readonly nodes: AbstractNode[] = [];
  readonly byId = new Map<string, AbstractNode>();
  /** Messages and requests for neighbours so far. */
  messages = 0;
  requests = 0;
  /** Links between neighbours that came up. */
  linksMade = 0;
  /** Nodes that have to join anew, which they do before the next round. */
  readonly isolated = new Set<AbstractNode>();
  readonly random: () => number;
  readonly #options: AbstractNetworkOptions;
  readonly #chance: SeededChance;
  readonly #queue: (() => void)[] = [];

  constructor(options: AbstractNetworkOptions) {
    this.#options = options;
    this.#chance = new SeededChance(options.seed);
    const chance = this.#chance.stream('network', 'choices');
    this.random = () => chance.random();
  }

  get up(): AbstractNode[] {
    return this.nodes.filter(({ isUp }) => isUp);
  }

  /** Who holds whom for a neighbour, of the nodes that run. */
  get graph(): Map<number, Set<number>> {
    const running = (id: string): number[] => {
      const { at, isUp } = this.byId.get(id)!;
      return isUp ? [at] : [];
    };
    return new Map(this.up.map(({ at, view }) => [at, new Set(view.active.flatMap(running))]));
  }

  /** The same, with the links between nodes and their anchors. */
  get links(): Map<number, Set<number>> {
    const { graph } = this;
    for (const { at, anchors } of this.up) {
      for (const id of anchors.ids) {
        const other = this.byId.get(id)!;
        if (!other.isUp) continue;
        graph.get(at)!.add(other.at);
        graph.get(other.at)!.add(at);
      }
    }
    return graph;
  }

  /** Makes a node that knows nobody. */
  make(): AbstractNode {
    const at = this.nodes.length;
    const chance = this.#chance.stream(`${at}`, 'membership');
    const id = `node ${at}`;
    const contact = { id };
    const { sizes } = this.#options;
    const view = new HyParView<AbstractContact>({
      effects: {
        ask: (other, priority) =>
          this.#later(() => this.#ask(node, this.byId.get(other.id), priority, other.id)),
        drop: (other) =>
          this.#later(() => {
            if (!node.view.isActive(other)) this.byId.get(other)!.view.dropped(id);
          }),
        send: (other, message) => this.#later(() => this.#send(node, this.byId.get(other)!, message)),
        runDry: () => void this.isolated.add(node),
      },
      random: () => chance.random(),
      ownId: id,
      self: () => contact,
      ...(sizes && { sizes: sizes(at) }),
    });
    const anchors: Anchors<AbstractContact> = new Anchors({
      choose: (fits) => view.sampled(fits),
      isConnected: (other) =>
        view.isActive(other) || anchors.ids.includes(other) || this.byId.get(other)!.anchors.ids.includes(id),
      isKept: (other) => this.#canReach(node, this.byId.get(other)!),
      connect: (other) => this.#later(() => this.#anchor(node, other)),
    });
    const node: AbstractNode = { id, at, view, anchors, isUp: true };
    this.nodes.push(node);
    this.byId.set(id, node);
    return node;
  }

  join(node: AbstractNode, through: AbstractNode): void {
    through.view.joins({ id: node.id });
    through.view.introduce({ id: node.id });
    this.settle();
  }

  /** A node visits one that its discovery named, to swap a neighbour. */
  visit(node: AbstractNode, other: AbstractNode): void {
    if (node === other || node.view.isActive(other.id) || !this.#canReach(node, other)) return;
    const isGreedy = this.#options.acceptsAll?.(other) === true;
    if (isGreedy || other.view.requested(node.id, 'swap')) {
      if (!isGreedy) other.view.up({ id: node.id });
      node.view.up({ id: other.id });
      this.#meet(node, other);
    }
    this.settle();
  }

  /** Lets every node do a round. */
  round(): void {
    const lonely = [...this.isolated];
    this.isolated.clear();
    const { up } = this;
    for (const node of lonely) if (node.isUp) this.join(node, up[Math.floor(up.length * this.random())]!);
    for (const node of up) {
      node.view.round();
      this.#prove(node);
      if (this.#options.hasAnchors) node.anchors.round();
      this.settle();
    }
  }

  crash(nodes: Iterable<AbstractNode>): void {
    for (const node of nodes) node.isUp = false;
  }

  /** Each node learns that the links to nodes that are not there have ended. */
  noticeLosses(): void {
    for (const node of this.nodes) {
      if (!node.isUp) continue;
      for (const id of node.view.active) if (!this.#canReach(node, this.byId.get(id)!)) node.view.down(id);
      this.settle();
    }
  }

  /**
   * Floods a message from a node, as a broadcast before its tree has formed. A node that cannot reach a neighbour
   * replaces it.
   *
   * @returns how many nodes it reached.
   */
  flood(from: AbstractNode): number {
    const reached = new Set([from]);
    // A set goes through what is added while it does.
    for (const node of reached) {
      for (const id of node.view.active) {
        const neighbour = this.byId.get(id)!;
        if (this.#canReach(node, neighbour)) {
          reached.add(neighbour);
          continue;
        }
        node.view.down(id);
        this.settle();
      }
    }
    return reached.size;
  }

  settle(): void {
    for (let at = 0; at < this.#queue.length; at++) this.#queue[at]!();
    this.#queue.length = 0;
  }

  /** Finds out whether one passive node is there, as nodes do in each round. */
  #prove(node: AbstractNode): void {
    const { passive } = node.view;
    const contact = passive[Math.floor(passive.length * this.random())];
    if (contact === undefined) return;
    if (this.#canReach(node, this.byId.get(contact.id)!)) this.#proven(node, contact);
    else node.view.failed(contact.id);
  }

  #proven(node: AbstractNode, contact: AbstractContact): void {
    if (this.#options.hasSamples !== false) node.view.proven(contact);
  }

  /** Nodes with a new link introduce themselves to each other. */
  #meet(one: AbstractNode, other: AbstractNode): void {
    for (const [node, { id }] of [
      [one, other],
      [other, one],
    ] as const) {
      this.#proven(node, { id });
      node.view.learned([{ id }]);
    }
  }

  #anchor(node: AbstractNode, { id }: AbstractContact): void {
    const other = this.byId.get(id)!;
    if (!this.#canReach(node, other)) {
      node.anchors.failed();
      node.view.failed(id);
      return;
    }
    const anchored = this.nodes.filter(({ anchors }) => anchors.ids.includes(id)).length;
    if (anchored >= maxAnchored && this.#options.acceptsAll?.(other) !== true) {
      node.anchors.failed();
      return;
    }
    node.anchors.up();
    this.#meet(node, other);
  }

  #later(act: () => void): void {
    this.#queue.push(act);
  }

  #canReach(one: AbstractNode, other: AbstractNode): boolean {
    return other.isUp && this.#options.isCut?.(one, other) !== true;
  }

  #ask(node: AbstractNode, other: AbstractNode | undefined, priority: Priority, id: string): void {
    this.requests += 1;
    if (!node.isUp) return;
    const isAcceptedAnyway = other !== undefined && this.#options.acceptsAll?.(other);
    if (other === undefined || !this.#canReach(node, other)) node.view.failed(id);
    else if (isAcceptedAnyway) {
      this.#proven(node, { id });
      node.view.up({ id });
    } else if (!other.view.requested(node.id, priority)) {
      this.#proven(node, { id });
      node.view.refused(id);
    } else {
      this.linksMade += 1;
      this.#proven(node, { id: other.id });
      other.view.up({ id: node.id });
      node.view.up({ id: other.id });
    }
  }

  #send(from: AbstractNode, to: AbstractNode, message: Message): void {
    this.messages += 1;
    if (!from.isUp) return;
    if (!this.#canReach(from, to)) {
      from.view.down(to.id);
      return;
    }
    const said = this.#options.tamper?.(from, message, this.random) ?? message;
    to.view.received(from.id, said);
    if (said.kind === 'joinReply' && said.isNeighbour) to.view.up({ id: from.id });
  }
}
