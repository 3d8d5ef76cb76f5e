import {
  type BroadcastOptions,
  type BroadcastReceipt,
  checkBroadcastOptions,
  checkTopic,
} from '../api/broadcast-options.ts';
import type { Dispatcher } from '../api/dispatcher.ts';
import type { Protocol } from '../api/protocol.ts';
import { messageOf } from '../base/arguments.ts';
import type { Data } from '../base/data.ts';
import type { Log } from '../base/debug.ts';
import type { Limits } from '../base/limits.ts';
import type { MemoryBudget } from '../base/memory-budget.ts';
import type { Runtime } from '../base/runtime.ts';
import type { NodeIdentity } from '../identity/signer.ts';
import type { Broadcast } from '../overlay/broadcast.ts';
import { Deliveries } from '../overlay/deliveries.ts';
import { Overlay, type OverlayOptions, type OverlayPart } from '../overlay/overlay.ts';
import type { Arrival } from '../overlay/router.ts';
import { countContainers, decodePayload, encodePayload } from '../wire/payloads/payload.ts';

export interface BroadcastsOptions {
  readonly identity: NodeIdentity;
  readonly network: string;
  readonly runtime: Runtime;
  readonly limits: Limits;
  readonly budget: MemoryBudget;
  readonly dispatcher: Dispatcher;
  readonly log: Log;
  /** What the overlay's protocol does beside broadcasts. */
  readonly parts?: readonly OverlayPart[] | undefined;
  /** Whether handlers receive nothing any more. */
  readonly isStopping: () => boolean;
}

/**
 * What a node says to all nodes of its network, and what it hears of others. Most nodes never do either: what that takes
 * is made when it is first needed.
 */
export class Broadcasts implements OverlayOptions {
  readonly #options: BroadcastsOptions;
  readonly #overlay: Overlay;
  #deliveries: Deliveries | undefined;
  /** Those that the node has subscribed to; undefined: none, but for the empty one. */
  #topics: Set<string> | undefined;

  constructor(options: BroadcastsOptions) {
    this.#options = options;
    this.#overlay = new Overlay(this);
    options.budget.share(() => this.#overlay.heldBytes + (this.#deliveries?.heldBytes ?? 0));
  }

  get identity(): NodeIdentity {
    return this.#options.identity;
  }

  get network(): string {
    return this.#options.network;
  }

  get runtime(): Runtime {
    return this.#options.runtime;
  }

  get parts(): readonly OverlayPart[] {
    return this.#options.parts ?? [];
  }

  get budget(): MemoryBudget {
    return this.#options.budget;
  }

  /** What the node speaks to pass broadcasts on. */
  get protocol(): Protocol {
    return this.#overlay;
  }

  get dropped(): number {
    return this.#deliveries?.dropped ?? 0;
  }

  onBroadcast(broadcast: Broadcast, arrival: Arrival): void {
    if (!this.#topicsInUse.has(broadcast.topic)) return;
    this.#deliveries ??= new Deliveries((...delivery) => this.#deliver(...delivery));
    this.#deliveries.add(broadcast, arrival);
  }

  onFailure(error: unknown): void {
    this.#options.dispatcher.failed(error, 'node_broadcast', undefined);
  }

  /** @throws as `Node.broadcast` does. */
  send(data: Data, given?: BroadcastOptions): BroadcastReceipt {
    const { topic } = checkBroadcastOptions(given);
    const payload = encodePayload(data);
    const { maxContainers } = this.#options.limits;
    const containers = countContainers(payload.format, payload.body);
    if (containers > maxContainers) {
      throw new TypeError(
        `a broadcast holds ${containers} lists, objects, byte arrays and typed arrays; ${maxContainers} are allowed (limits.maxContainers)`,
      );
    }
    return { id: this.#overlay.broadcast(topic, payload), neighbours: this.#overlay.neighbourCount };
  }

  subscribe(topic: string): void {
    this.#topicsInUse.add(checkTopic(topic));
  }

  unsubscribe(topic: string): void {
    this.#topicsInUse.delete(checkTopic(topic));
  }

  get #topicsInUse(): Set<string> {
    this.#topics ??= new Set(['']);
    return this.#topics;
  }

  #deliver({ id, origin, topic, timeUs, format, body }: Broadcast, { via, hops }: Arrival): unknown {
    const { dispatcher, limits, log, isStopping } = this.#options;
    if (isStopping()) return undefined;
    let data: Data;
    try {
      data = decodePayload(format, Uint8Array.from(body), { maxContainers: limits.maxContainers });
    } catch (error) {
      log(`a broadcast of ${origin} is dropped: ${messageOf(error)}`);
      return undefined;
    }
    const details = { topic, id, sentAt: Math.trunc(timeUs / 1_000), via, hops };
    return dispatcher.emit('node_broadcast', origin, data, details);
  }
}
