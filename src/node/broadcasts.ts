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
import { type Arrival, Overlay } from '../overlay/overlay.ts';
import { countContainers, decodePayload, encodePayload } from '../wire/payloads/payload.ts';

export interface BroadcastsOptions {
  readonly identity: NodeIdentity;
  readonly network: string;
  readonly runtime: Runtime;
  readonly limits: Limits;
  readonly budget: MemoryBudget;
  readonly dispatcher: Dispatcher;
  readonly log: Log;
  /** Whether handlers receive nothing any more. */
  readonly isStopping: () => boolean;
}

/** What a node says to all nodes of its network, and what it hears of others. */
export class Broadcasts {
  readonly #options: BroadcastsOptions;
  readonly #overlay: Overlay;
  readonly #deliveries: Deliveries;
  readonly #topics = new Set(['']);

  constructor(options: BroadcastsOptions) {
    const { identity, network, runtime, budget, dispatcher } = options;
    this.#options = options;
    this.#deliveries = new Deliveries((broadcast, arrival) => this.#deliver(broadcast, arrival));
    this.#overlay = new Overlay({
      identity,
      network,
      runtime,
      budget,
      onBroadcast: (broadcast, arrival) => {
        if (this.#topics.has(broadcast.topic)) this.#deliveries.add(broadcast, arrival);
      },
      onFailure: (error) => dispatcher.failed(error, 'node_broadcast', undefined),
    });
    budget.share(() => this.#deliveries.heldBytes);
  }

  /** What the node speaks to pass broadcasts on. */
  get protocol(): Protocol {
    return this.#overlay;
  }

  get dropped(): number {
    return this.#deliveries.dropped;
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
    this.#topics.add(checkTopic(topic));
  }

  unsubscribe(topic: string): void {
    this.#topics.delete(checkTopic(topic));
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
