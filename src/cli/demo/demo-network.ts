import { Member } from './member.ts';
import type { Account, Command, EventReport } from './member-process.ts';

/** How long the demo waits for anything to happen. */
const patienceMs = 5_000;

/** The nodes of the demo, and their reports. */
export class DemoNetwork {
  readonly #members = new Map<string, Member>();
  readonly #neighbours = new Map<string, Set<string>>();
  readonly #links = new Set<string>();
  readonly #onEvent: (name: string, report: EventReport) => void;
  #arrived = 0;
  #timer: NodeJS.Timeout | undefined;
  #recheck = (): void => {};

  constructor(onEvent: (name: string, report: EventReport) => void) {
    this.#onEvent = onEvent;
  }

  /** How many links both ends have reported so far. */
  get linkCount(): number {
    return this.#links.size;
  }

  /** The latest account of each node that has sent one. */
  get accounts(): ReadonlyMap<string, Account> {
    const accounts = new Map<string, Account>();
    for (const [name, { account }] of this.#members) if (account !== undefined) accounts.set(name, account);
    return accounts;
  }

  /** Starts a node in its own process. */
  async start(name: string): Promise<Account> {
    this.#neighbours.set(name, new Set());
    this.#members.set(name, new Member(name, (report) => this.#note(name, report)));
    return this.tell(name, { do: 'start' });
  }

  /** Sends a command to a node. Resolves when the node has carried it out. */
  tell(name: string, command: Command): Promise<Account> {
    return this.#members.get(name)!.tell(command);
  }

  /** Resolves when the node has reported its connection with the other node. */
  connected(name: string, other: string): Promise<void> {
    const neighbours = this.#neighbours.get(name)!;
    return this.#until(`${name} is connected with ${other}`, () => neighbours.has(other));
  }

  /** Resolves when the process of the node has ended. */
  ended(name: string): Promise<void> {
    return this.#members.get(name)!.ended;
  }

  /** Resolves when all messages that the nodes have reported as sent have arrived. */
  arrived(): Promise<void> {
    const sent = [...this.accounts.values()].flatMap((account) => Object.values(account.sent).flat()).length;
    return this.#until('every message has arrived', () => this.#arrived >= sent);
  }

  /** Resolves when all other nodes have reported that this node has disconnected. */
  left(name: string): Promise<void> {
    const others = [...this.#neighbours.values()];
    return this.#until(`all have noticed that ${name} is gone`, () => !others.some((set) => set.has(name)));
  }

  /** Requests the counts of all nodes that still run. */
  async count(): Promise<void> {
    const alive = [...this.#members.values()].filter(({ isAlive }) => isAlive);
    await Promise.all(alive.map((member) => member.tell({ do: 'count' })));
  }

  /** Kills the process of a node. */
  kill(name: string): Promise<void> {
    return this.#members.get(name)!.kill();
  }

  /** Ends all processes. Resolves when they have ended. */
  async end(): Promise<void> {
    clearTimeout(this.#timer);
    await Promise.all([...this.#members.values()].map((member) => member.kill()));
  }

  #note(name: string, report: EventReport): void {
    this.#onEvent(name, report);
    const { event, peer } = report;
    const neighbours = this.#neighbours.get(name)!;
    if (event === 'node_message') this.#arrived += 1;
    if (peer !== undefined && event.endsWith('bound_node_connected')) {
      neighbours.add(peer);
      if (this.#neighbours.get(peer)?.has(name)) this.#links.add([name, peer].sort().join());
    }
    if (peer !== undefined && event.endsWith('bound_node_disconnected')) neighbours.delete(peer);
    this.#recheck();
  }

  #until(what: string, isSo: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const complaint = new Error(`did not happen within ${patienceMs / 1_000} s: ${what}`);
      this.#timer = setTimeout(() => reject(complaint), patienceMs);
      this.#recheck = () => {
        if (!isSo()) return;
        clearTimeout(this.#timer);
        resolve();
      };
      this.#recheck();
    });
  }
}
