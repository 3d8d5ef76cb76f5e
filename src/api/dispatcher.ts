import { messageOf, shown } from '../base/arguments.ts';
import type { Data } from '../base/data.ts';
import { isPeerloomError } from '../base/errors.ts';
import { LateMap } from '../base/late-collections.ts';
import { type AnyListener, Listeners, type Registration } from '../base/listeners.ts';
import { didYouMean } from '../base/nearest-name.ts';
import { printError } from '../base/print-error.ts';
import { isPromiseLike } from '../base/promise-like.ts';
import type { Handled } from '../channel/channel.ts';
import {
  type CallbackArguments,
  methodOf,
  type NodeCallback,
  type NodeEventName,
  type NodeEvents,
  nodeEventNames,
  nodeEvents,
} from './events.ts';
import type { NodeConnection } from './node-connection.ts';
import { overrides } from './node-handlers.ts';

type Node = NodeConnection['mainNode'];

type AnyHandler = (...args: unknown[]) => unknown;

/**
 * Dispatches each event to the overridden method, then to the callback of the options, then to the listeners. If a
 * handler throws or rejects, the node reports it through `node_error` and still runs the others.
 */
export class Dispatcher {
  readonly #node: Node;
  readonly #callback: NodeCallback | undefined;
  /** The listeners of each event that has any. */
  readonly #listeners = new LateMap<NodeEventName, Listeners>();

  constructor(node: Node, callback: NodeCallback | undefined) {
    this.#node = node;
    this.#callback = callback;
  }

  /** @param isOnce true to listen to the next such event only. */
  on(event: NodeEventName, listener: AnyListener, isOnce = false): void {
    if (!Object.hasOwn(nodeEvents, event)) {
      const hint = (typeof event === 'string' && didYouMean(event, nodeEventNames)) || '.';
      throw new TypeError(
        `${shown(event)} is not an event${hint} The events are ${nodeEventNames.join(', ')}`,
      );
    }
    if (typeof listener !== 'function')
      throw new TypeError(`listener must be a function, not ${shown(listener)}`);
    let listeners = this.#listeners.get(event);
    if (listeners === undefined) {
      listeners = new Listeners();
      this.#listeners.set(event, listeners);
    }
    listeners.add(listener, isOnce);
  }

  off(event: NodeEventName, listener: AnyListener): void {
    const listeners = this.#listeners.get(event);
    listeners?.remove(listener);
    if (listeners?.size === 0) this.#listeners.delete(event);
  }

  /** Whether anything handles the event. A callback counts, whatever it does. */
  handles(event: NodeEventName): boolean {
    return this.#callback !== undefined || this.#listeners.has(event) || overrides(this.#node, event);
  }

  /** Reports to the observer what handlers are about to receive, which may be handlers of a typed message. */
  observe(event: NodeEventName, peer: NodeConnection | undefined, data: unknown): void {
    this.#node.simulationObserver?.happened(event, peer, data);
  }

  /** Counts copies of broadcasts, and reports to the observer that a broadcast was sent or has arrived. */
  observeBroadcast(what: 'sent' | 'arrived' | 'repeated', id: string, hops: number): void {
    if (what === 'repeated') this.#node.nodeMeter.broadcastCopies += 1;
    this.#node.simulationObserver?.broadcast(what, id, hops);
  }

  /** Runs all handlers of an event. */
  emit<Name extends NodeEventName>(event: Name, ...args: NodeEvents[Name]): Handled {
    const given = nodeEvents[event](...args);
    this.observe(event, given.peer, given.data);
    const handled = this.run(event, given.peer, this.#methodOf(event).bind(this.#node), args);
    return both(handled, this.#emitToOthers(event, given, args));
  }

  /** Does the same for a message with less work, because it runs a million times a second. */
  emitMessage(peer: NodeConnection, data: Data, text?: string): Handled {
    let handled: Handled = true;
    const node = this.#node;
    node.simulationObserver?.happened('node_message', peer, data);
    try {
      const result: unknown =
        text === undefined ? node.nodeMessage(peer, data) : node.nodeMessage(peer, data, text);
      if (isPromiseLike(result)) handled = this.#settled('node_message', peer, result);
    } catch (error) {
      this.failed(error, 'node_message', peer);
      handled = false;
    }
    if (this.#callback === undefined && this.#listeners.size === 0) return handled;
    const args = text === undefined ? [peer, data] : [peer, data, text];
    return both(handled, this.#emitToOthers('node_message', { peer, data, text }, args));
  }

  #emitToOthers(
    event: NodeEventName,
    { peer, data, text }: CallbackArguments,
    args: readonly unknown[],
  ): Handled {
    let handled: Handled = true;
    if (this.#callback !== undefined) {
      const given = [event, this.#node, peer, data];
      if (text !== undefined) given.push(text);
      handled = this.run(event, peer, this.#callback as AnyHandler, given);
    }
    const listeners = this.#listeners.get(event);
    if (listeners === undefined) return handled;
    for (const registration of listeners.list) {
      if (!this.#begins(event, registration)) continue;
      handled = both(handled, this.run(event, peer, registration.listener as AnyHandler, args));
    }
    return handled;
  }

  /** A listener of `once` is removed before it is called. */
  #begins(event: NodeEventName, registration: Registration): boolean {
    if (!registration.isOnce) return true;
    const listeners = this.#listeners.get(event);
    const begins = listeners?.removeRegistration(registration) === true;
    if (listeners?.size === 0) this.#listeners.delete(event);
    return begins;
  }

  /**
   * Runs the handlers of a request in order until one returns a response. If a handler throws, no further one runs.
   *
   * @returns the response, at once if the overridden method returns it at once.
   */
  respond(peer: NodeConnection, data: Data): unknown {
    this.observe('node_request', peer, data);
    try {
      const response: unknown = this.#node.nodeRequest(peer, data);
      return response !== undefined && !isPromiseLike(response)
        ? response
        : this.#respondByOthers(response, peer, data);
    } catch (error) {
      this.failed(error, 'node_request', peer);
      throw error;
    }
  }

  async #respondByOthers(first: unknown, peer: NodeConnection, data: Data): Promise<unknown> {
    const event = 'node_request';
    try {
      let response = await first;
      if (response === undefined) response = await this.#callback?.(event, this.#node, peer, data);
      for (const registration of this.#listeners.get(event)?.list ?? []) {
        if (response !== undefined) break;
        if (!this.#begins(event, registration)) continue;
        response = await (registration.listener as AnyHandler)(peer, data);
      }
      return response;
    } catch (error) {
      this.failed(error, event, peer);
      throw error;
    }
  }

  /**
   * Runs all handlers of an event, each of which may object.
   *
   * @returns false if one of them returns false.
   */
  async consult<Name extends NodeEventName>(event: Name, ...args: NodeEvents[Name]): Promise<boolean> {
    const { peer, data } = nodeEvents[event](...args);
    this.observe(event, peer, data);
    const handlers = [
      () => this.#methodOf(event).apply(this.#node, args),
      () => this.#callback?.(event, this.#node, peer, data),
      ...(this.#listeners.get(event)?.list ?? [])
        .filter((registration) => this.#begins(event, registration))
        .map(
          ({ listener }) =>
            () =>
              (listener as AnyHandler)(...args),
        ),
    ];
    const answers = handlers.map(async (handler) => {
      try {
        return await handler();
      } catch (error) {
        this.failed(error, event, peer);
        return undefined;
      }
    });
    return !(await Promise.all(answers)).includes(false);
  }

  #methodOf(event: NodeEventName): AnyHandler {
    return this.#node[methodOf(event)] as AnyHandler;
  }

  /** Runs one handler; what it throws, or rejects with, becomes a `node_error`. */
  run(
    event: NodeEventName,
    peer: NodeConnection | undefined,
    handler: AnyHandler,
    args: readonly unknown[] = [],
  ): Handled {
    try {
      const result = handler(...args);
      return isPromiseLike(result) ? this.#settled(event, peer, result) : true;
    } catch (error) {
      this.failed(error, event, peer);
      return false;
    }
  }

  async #settled(
    event: NodeEventName,
    peer: NodeConnection | undefined,
    result: PromiseLike<unknown>,
  ): Promise<boolean> {
    try {
      await result;
      return true;
    } catch (error) {
      this.failed(error, event, peer);
      return false;
    }
  }

  /** Reports a handler that threw or rejected, or whose result cannot be used. */
  failed(error: unknown, event: NodeEventName, peer: NodeConnection | undefined): void {
    if (event === 'node_stream' && isEndOfStream(error)) return;
    if (event === 'node_error' || !this.handles('node_error')) {
      const observer = this.#node.simulationObserver;
      if (observer !== undefined) observer.failed(event, error);
      else print(`A handler of ${event} failed; the node keeps running:`, error);
      return;
    }
    this.#emitError(error, event, peer);
  }

  /** Reports a mistake in how nodes are set up that no caller receives as an error. */
  warn(error: Error, event: NodeEventName, peer?: NodeConnection): void {
    if (this.handles('node_error')) this.#emitError(error, event, peer);
    else printError(error.message);
  }

  #emitError(error: unknown, event: NodeEventName, peer: NodeConnection | undefined): void {
    this.emit('node_error', error, event, peer);
  }
}

function print(text: string, thrown: unknown): void {
  try {
    console.error(text, thrown);
  } catch {
    // The thrown value is an object that throws when it is printed.
    printError(text, messageOf(thrown));
  }
}

/** If the other side aborts the stream, or the connection breaks, the handler that reads it is not at fault. */
function isEndOfStream(error: unknown): boolean {
  return (
    isPeerloomError(error) && (error.code === 'ERR_STREAM_ABORTED' || error.code === 'ERR_CONNECTION_CLOSED')
  );
}

/** Whether both succeeded. */
function both(one: Handled, other: Handled): Handled {
  if (one === true) return other;
  if (other === true) return one;
  return Promise.all([one, other]).then((results) => results.every(Boolean));
}
