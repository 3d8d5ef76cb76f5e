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
  /** The same by name: waiting for the last of thousands of events must not search all of them for each. */
  readonly #byName: Map<NodeEventName, RecordedEvent[]>;
  readonly #waiters: Set<Waiter>;

  constructor(host: string, port: number, options: NodeOptions = {}) {
    const events: RecordedEvent[] = [];
    const byName = new Map<NodeEventName, RecordedEvent[]>();
    const waiters = new Set<Waiter>();
    super(host, port, {
      ...options,
      callback(name, node, peer, data, ...rest) {
        const event = { name, peer, data };
        events.push(event);
        const named = byName.get(name);
        if (named === undefined) byName.set(name, [event]);
        else named.push(event);
        for (const waiter of waiters) {
          const met = waiter.isMet();
          if (met !== undefined && waiters.delete(waiter)) waiter.resolve(met);
        }
        return options.callback?.(name, node, peer, data, ...rest);
      },
    });
    this.events = events;
    this.#byName = byName;
    this.#waiters = waiters;
  }

  /** The n-th event of a name, counted from 1, whether it has happened already or not. */
  event(name: NodeEventName, nth = 1): Promise<RecordedEvent> {
    const isMet = (): RecordedEvent | undefined => this.#byName.get(name)?.[nth - 1];
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

  /** For tests that send more than should be kept. */
  forgetMessages(): void {
    this.#byName.delete('node_message');
    this.events.splice(0, this.events.length, ...this.events.filter(({ name }) => name !== 'node_message'));
  }

  of(name: NodeEventName): RecordedEvent[] {
    return [...(this.#byName.get(name) ?? [])];
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
