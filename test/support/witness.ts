import { Node, type NodeConnection, type NodeEventName, PeerloomError } from '../../src/index.ts';

/** A node that writes down its events and complains of what should not be. */
export class Witness extends Node {
  tell: (text: string) => void = () => {};
  complain: (text: string) => void = () => {};
  /** Another process has the same identity, or that of a peer, so that conflicts are to be expected. */
  hasTwin = false;
  readonly #isUp = new Map<NodeConnection, boolean>();
  /** What it was told, by the name of the sender and its number. */
  readonly heard = new Set<string>();
  /** What it has sent. */
  readonly said: { readonly to: string; readonly number: number }[] = [];
  /** The numbers of what may be lost, as it was told. */
  readonly lost = new Set<number>();
  readonly #lastHeard = new Map<NodeConnection, number>();
  #sent = 0;
  #received = 0;

  constructor(...[host, port, options]: ConstructorParameters<typeof Node>) {
    super(host, port, {
      ...options,
      callback: (event, _node, peer, data) => this.#onEvent(event, peer, data),
    });
  }

  say(peer: NodeConnection): void {
    if (!peer.isOpen) return;
    const number = this.next();
    this.said.push({ to: peer.id, number });
    peer.send({ from: this.name, number });
  }

  next(): number {
    this.#sent += 1;
    return this.#sent;
  }

  /** The connections that have not ended, suspended ones too. */
  get known(): NodeConnection[] {
    return [...this.#isUp.keys()].filter(({ isOpen }) => isOpen);
  }

  override nodeMessage(peer: NodeConnection, data: unknown): void {
    const { from, number } = data as { from: string; number: number };
    this.#received += 1;
    const name = `${from} ${number}`;
    this.tell(`hears ${name}`);
    if (this.heard.has(name)) this.complain(`hears ${name} twice`);
    this.heard.add(name);
    if ((this.#lastHeard.get(peer) ?? 0) >= number) this.complain(`hears ${name} after a later one`);
    this.#lastHeard.set(peer, number);
  }

  override nodeError(error: unknown): void {
    if (this.hasTwin && error instanceof PeerloomError && error.code === 'ERR_IDENTITY_IN_USE') return;
    this.complain(`reports ${error}`);
  }

  /** Once it has stopped. */
  checkEvents(): void {
    for (const [peer, isUp] of this.#isUp)
      if (isUp) this.complain(`was never told of the end of ${peer.name}`);
    if (this.allNodes.length > 0) this.complain('has connections after its end');
    if (this.messageCountRecv !== this.#received) this.complain('counts other messages than it was given');
  }

  #detailsOf(peer: NodeConnection | undefined): string[] {
    if (peer === undefined) return [];
    const { name, direction, security, closeReason, isSuspended } = peer;
    const end = closeReason === undefined ? [] : [closeReason.code, closeReason.by];
    return [name, direction, security.protocol, ...(isSuspended ? ['suspended'] : []), ...end];
  }

  #onEvent(event: NodeEventName, peer: NodeConnection | undefined, data: unknown): void {
    if (event === 'node_message') return;
    if (event === 'node_session_lost') {
      for (const { number } of (data as { data: { number: number }[] }).data) this.lost.add(number);
    }
    this.tell([event, ...this.#detailsOf(peer)].join(' '));
    const change = /^(?:in|out)bound_node_(connected|disconnected)$/.exec(event)?.[1];
    if (change === undefined) return;
    const isUp = change === 'connected';
    if ((this.#isUp.get(peer!) ?? false) === isUp)
      this.complain(`is told ${event} of ${peer!.name} out of turn`);
    this.#isUp.set(peer!, isUp);
    // One that was replaced is closed, and its end is told a little later.
    const ids = this.allNodes.filter(({ isOpen }) => isOpen).map(({ id }) => id);
    if (new Set(ids).size < ids.length) this.complain('has two connections with one node');
  }
}
