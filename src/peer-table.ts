import type { NodeConnection } from './node-connection.ts';
import { RivalRuns } from './rival-runs.ts';

/** What to do with a handshake that a node begins with us. */
export type PairDecision = 'accept' | 'refuse' | 'conflict';

interface Asked {
  readonly instance: string;
  /** It has no connection with us left. */
  readonly replace: boolean;
  /** It wants to go on with the session that we hold with it. */
  readonly resumes?: boolean;
}

interface Fresh {
  readonly instance: string;
  readonly direction: 'inbound' | 'outbound';
}

interface Entry {
  readonly connection: NodeConnection;
  readonly instance: string;
  isLeaving: boolean;
}

/**
 * Who a node is connected to, and is about to be: it keeps the rule of one connection for each pair of nodes.
 *
 * When two nodes dial each other at once, both keep the connection that the lower id dialled: the lower one
 * refuses the other's attempt as a duplicate, the higher one accepts. When a node asks that we hold an older
 * connection with, it gives way if that node was restarted since, or says that it has lost it. When it comes from a
 * run that has given way to the present one, two processes use one identity, and the present connection stays.
 */
export class PeerTable {
  readonly #ownId: string;
  readonly #connections = new Map<string, Entry>();
  readonly #dialling = new Map<string, Promise<NodeConnection>>();
  readonly #answering = new Map<string, Promise<NodeConnection | undefined>>();
  readonly #rivals = new RivalRuns();

  constructor(ownId: string) {
    this.#ownId = ownId;
  }

  get(id: string): NodeConnection | undefined {
    return this.#connections.get(id)?.connection;
  }

  /** The connection with that node, unless it is suspended or about to end. */
  lasting(id: string): NodeConnection | undefined {
    const entry = this.#connections.get(id);
    if (entry === undefined || entry.isLeaving) return undefined;
    const { connection } = entry;
    return connection.isOpen && !connection.isSuspended ? connection : undefined;
  }

  /** This node is about to close the connection: it stands in the way of no new one. */
  leave(connection: NodeConnection): void {
    const entry = this.#connections.get(connection.id);
    if (entry?.connection === connection) entry.isLeaving = true;
  }

  /** @returns the connection that it takes the place of. */
  add(connection: NodeConnection, instance: string): NodeConnection | undefined {
    const { id } = connection;
    const older = this.#connections.get(id);
    const isOusted = this.lasting(id) !== undefined && older!.instance !== instance;
    if (isOusted) this.#rivals.replaced(id, older!.instance);
    this.#connections.set(id, { connection, instance, isLeaving: false });
    return older?.connection;
  }

  remove(connection: NodeConnection): void {
    if (this.get(connection.id) === connection) this.#connections.delete(connection.id);
  }

  /** Our handshake with that node under way. */
  dialling(id: string): Promise<NodeConnection> | undefined {
    return this.#dialling.get(id);
  }

  /** That node's handshake with us under way. */
  answering(id: string): Promise<NodeConnection | undefined> | undefined {
    return this.#answering.get(id);
  }

  setDialling(id: string, outcome: Promise<NodeConnection>): void {
    keepWhilePending(this.#dialling, id, outcome);
  }

  setAnswering(id: string, outcome: Promise<NodeConnection | undefined>): void {
    keepWhilePending(this.#answering, id, outcome);
  }

  /** On the hello of a node that dialled us. */
  decide(id: string, { instance, replace, resumes = false }: Asked): PairDecision {
    const isHere = this.lasting(id) !== undefined;
    const isSameRun = this.#connections.get(id)?.instance === instance;
    if (isHere && !isSameRun && this.#rivals.wasReplaced(id, instance)) return 'conflict';
    if (replace) return 'accept';
    if (!resumes && isHere) return isSameRun ? 'refuse' : 'accept';
    return this.#dialling.has(id) && this.#ownId < id ? 'refuse' : 'accept';
  }

  /** After a conflict: the connection of the other run, where that run was not told yet. */
  takeUntoldRival(id: string): NodeConnection | undefined {
    const connection = this.lasting(id);
    if (connection === undefined) return undefined;
    return this.#rivals.tell(id, this.#connections.get(id)!.instance) ? connection : undefined;
  }

  /**
   * On the end of a handshake during which another connection than `before` came up with the same run of that node:
   * whether that one stays, because the lower id dialled it.
   */
  prevails(id: string, before: NodeConnection | undefined, fresh: Fresh): boolean {
    const other = this.lasting(id);
    if (other === undefined || other === before || other.direction === fresh.direction) return false;
    const isByLower = (other.direction === 'outbound') === this.#ownId < id;
    return isByLower && this.#connections.get(id)!.instance === fresh.instance;
  }
}

function keepWhilePending<Outcome>(
  map: Map<string, Promise<Outcome>>,
  id: string,
  outcome: Promise<Outcome>,
): void {
  map.set(id, outcome);
  const remove = (): void => {
    if (map.get(id) === outcome) map.delete(id);
  };
  outcome.then(remove, remove);
}
