import {
  type Data,
  Node,
  type NodeConnection,
  type NodeEventName,
  type NodeOptions,
} from '../../src/index.ts';
import { within } from './turns.ts';

export interface RecordedEvent {
  readonly name: NodeEventName;
  readonly peer: NodeConnection | undefined;
  /** As the callback was given it. */
  readonly data: unknown;
}

interface Waiter {
  readonly isMet: () => RecordedEvent | undefined;
  readonly resolve: (event: RecordedEvent) => void;
}

/** A node that remembers its events and lets a test wait for them. */
export class RecordingNode extends Node {
  readonly events: RecordedEvent[];
  readonly #waiters: Set<Waiter>;

  constructor(host: string, port: number, options: NodeOptions = {}) {
    const events: RecordedEvent[] = [];
    const waiters = new Set<Waiter>();
    super(host, port, {
      ...options,
      callback(name, node, peer, data, ...rest) {
        events.push({ name, peer, data });
        for (const waiter of waiters) {
          const event = waiter.isMet();
          if (event !== undefined && waiters.delete(waiter)) waiter.resolve(event);
        }
        return options.callback?.(name, node, peer, data, ...rest);
      },
    });
    this.events = events;
    this.#waiters = waiters;
  }

  /** The n-th event of a name, counted from 1, whether it has happened already or not. */
  event(name: NodeEventName, nth = 1): Promise<RecordedEvent> {
    const isMet = (): RecordedEvent | undefined => this.of(name)[nth - 1];
    const happened = isMet();
    if (happened !== undefined) return Promise.resolve(happened);
    const waiting = new Promise<RecordedEvent>((resolve) => this.#waiters.add({ isMet, resolve }));
    const what = (): string =>
      `node '${this.name}' sees ${nth} × ${name}; its events: ${this.names.join(', ') || 'none'}`;
    return within(waiting, what);
  }

  /** The n-th message, counted from 1. */
  async message(nth = 1): Promise<Data> {
    return (await this.event('node_message', nth)).data as Data;
  }

  of(name: NodeEventName): RecordedEvent[] {
    return this.events.filter((event) => event.name === name);
  }

  get names(): NodeEventName[] {
    return this.events.map(({ name }) => name);
  }

  get messages(): Data[] {
    return this.of('node_message').map(({ data }) => data as Data);
  }

  /** The connection with another node, which must be there. */
  peer(other: { readonly id: string }): NodeConnection {
    const connection = this.allNodes.find(({ id }) => id === other.id);
    if (connection === undefined) throw new Error(`'${this.name}' is not connected with ${other.id}`);
    return connection;
  }
}
