import type { NodeConnection } from '../api/node-connection.ts';
import { promisesLess, type Security } from '../transport/security.ts';
import { RivalRuns } from './rival-runs.ts';

/** What a node hears whose link promises less than the one that is there. */
export const outrankedMessage =
  'the two nodes are already connected over a safer link, which this link must not replace: dial with the same scheme as before, or disconnect first';

/** What to do with a handshake that a node begins with us. */
export type PairDecision = 'accept' | 'refuse' | 'conflict';

interface Asked {
  readonly instance: string;
  /** It has no connection with us left. */
  readonly replace: boolean;
  /** It wants to go on with the session that we hold with it. */
  readonly resumes?: boolean;
  /** What its link promises. */
  readonly security: Security;
}

interface Fresh {
  readonly instance: string;
  readonly direction: 'inbound' | 'outbound';
  readonly security: Security;
}

/** A handshake under way, and what its link promises. */
interface Handshake<Outcome> {
  readonly outcome: Promise<Outcome>;
  readonly security: Security;
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
 *
 * All this holds among links that promise the same. A link that promises less never takes the place of one that
 * promises more, nor is it handed out to somebody who dialled one that promises more; the reverse is fine.
 */
export class PeerTable {
  readonly #ownId: string;
  readonly #connections = new Map<string, Entry>();
  readonly #dialling = new Map<string, Handshake<NodeConnection>>();
  readonly #answering = new Map<string, Handshake<NodeConnection | undefined>>();
  readonly #rivals = new RivalRuns();

  constructor(ownId: string) {
    this.#ownId = ownId;
  }

  get(id: string): NodeConnection | undefined {
    return this.#connections.get(id)?.connection;
  }

  /**
   * The connection with that node, unless it is suspended or about to end.
   *
   * @param least what it must promise at least.
   */
  lasting(id: string, least?: Security): NodeConnection | undefined {
    const connection = this.#kept(id);
    if (connection === undefined || connection.isSuspended) return undefined;
    return least !== undefined && promisesLess(connection.security, least) ? undefined : connection;
  }

  /** Whether there is a connection with that node, perhaps suspended, that promises more than such a link. */
  outranks(id: string, security: Security): boolean {
    const connection = this.#kept(id);
    return connection !== undefined && promisesLess(security, connection.security);
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

  /** Our handshake with that node under way, over a link that promises no less. */
  dialling(id: string, least: Security): Promise<NodeConnection> | undefined {
    return outcomeOf(this.#dialling.get(id), least);
  }

  /** That node's handshake with us under way, over a link that promises no less. */
  answering(id: string, least: Security): Promise<NodeConnection | undefined> | undefined {
    return outcomeOf(this.#answering.get(id), least);
  }

  setDialling(id: string, outcome: Promise<NodeConnection>, security: Security): void {
    keepWhilePending(this.#dialling, id, { outcome, security });
  }

  setAnswering(id: string, outcome: Promise<NodeConnection | undefined>, security: Security): void {
    keepWhilePending(this.#answering, id, { outcome, security });
  }

  /** On the hello of a node that dialled us. */
  decide(id: string, { instance, replace, resumes = false, security }: Asked): PairDecision {
    if (this.outranks(id, security)) return 'refuse';
    const isHere = this.lasting(id) !== undefined;
    const isSameRun = this.#connections.get(id)?.instance === instance;
    if (isHere && !isSameRun && this.#rivals.wasReplaced(id, instance)) return 'conflict';
    if (replace) return 'accept';
    if (!resumes && this.lasting(id, security) !== undefined) return isSameRun ? 'refuse' : 'accept';
    const dialling = this.#dialling.get(id)?.security;
    if (dialling === undefined || promisesLess(dialling, security)) return 'accept';
    return this.#ownId < id || promisesLess(security, dialling) ? 'refuse' : 'accept';
  }

  /** After a conflict: the connection of the other run, where that run was not told yet. */
  takeUntoldRival(id: string): NodeConnection | undefined {
    const connection = this.lasting(id);
    if (connection === undefined) return undefined;
    return this.#rivals.tell(id, this.#connections.get(id)!.instance) ? connection : undefined;
  }

  /**
   * On the end of a handshake: whether a connection with that node stays in place of the new one, because it promises
   * more; or because it came up during the handshake (it is not `before`), with the same run of that node, and the
   * lower id dialled it.
   */
  prevails(id: string, before: NodeConnection | undefined, fresh: Fresh): boolean {
    if (this.outranks(id, fresh.security)) return true;
    const other = this.lasting(id, fresh.security);
    if (other === undefined || other === before || other.direction === fresh.direction) return false;
    const isByLower = (other.direction === 'outbound') === this.#ownId < id;
    return isByLower && this.#connections.get(id)!.instance === fresh.instance;
  }

  /** The connection with that node, unless it is about to end. */
  #kept(id: string): NodeConnection | undefined {
    const entry = this.#connections.get(id);
    return entry?.isLeaving || !entry?.connection.isOpen ? undefined : entry.connection;
  }
}

function outcomeOf<Outcome>(
  handshake: Handshake<Outcome> | undefined,
  least: Security,
): Promise<Outcome> | undefined {
  return handshake === undefined || promisesLess(handshake.security, least) ? undefined : handshake.outcome;
}

/** The latest one, unless an earlier one promises more. */
function keepWhilePending<Outcome>(
  map: Map<string, Handshake<Outcome>>,
  id: string,
  handshake: Handshake<Outcome>,
): void {
  const earlier = map.get(id);
  if (earlier !== undefined && promisesLess(handshake.security, earlier.security)) return;
  map.set(id, handshake);
  const remove = (): void => {
    if (map.get(id) === handshake) map.delete(id);
  };
  handshake.outcome.then(remove, remove);
}
