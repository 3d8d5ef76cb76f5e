import { overlayProtocol, type Protocol, type ProtocolHost, type ProtocolPeer } from '../api/protocol.ts';
import { PeerloomError } from '../base/errors.ts';
import { BatchSigner } from './batch-signer.ts';
import { type Broadcast, bodyBytesOf, type Draft, draftBroadcast, maxBodyBytes } from './broadcast.ts';
import type { Path } from './latest-paths.ts';
import { Router, type RouterOptions, timeWindowMs } from './router.ts';

/** How far the times of this node's broadcasts may run ahead of its clock, in milliseconds. */
const maxAheadMs = timeWindowMs / 2;

/** The most topics for which the time of this node's latest broadcast is remembered. */
const maxLatest = 1_024;

/** A part of the protocol beside broadcasts. It receives the frames of a range of kinds. */
export interface OverlayPart {
  /**
   * The first and the last kind of its frames. The kind is the first byte of a frame. Kinds below 16 are broadcasts.
   */
  readonly kinds: { readonly first: number; readonly last: number };
  attach(host: ProtocolHost): void;
  opened(peer: ProtocolPeer): void;
  /** @throws PeerloomError if the connection must end. The peer receives the reason. */
  received(peer: ProtocolPeer, bytes: Uint8Array): void | Promise<void>;
  closed(peer: ProtocolPeer): void;
  /** The link of a session broke. If another link replaces it, nothing that was sent is lost. */
  unlinked?(peer: ProtocolPeer): void;
}

/** The lowest kind of a frame that belongs to a part. Frames of broadcasts have lower kinds. */
const firstKindOfParts = 16;

export interface OverlayOptions extends RouterOptions {
  /** The parts of the protocol beside broadcasts. */
  readonly parts?: readonly OverlayPart[] | undefined;
  /** Whether the node keeps the history of a topic, by its name on the wire. Neighbours can then catch up later. */
  isKept?(topic: string): boolean;
  /** Called when the node has signed a broadcast of its own. */
  onOriginated?(broadcast: Broadcast): void;
  /** Registers `act`, which is called when the node is about to stop but can still send. */
  onStopping?(act: () => void): void;
  /** Called when a signer failed. */
  onFailure(error: unknown): void;
}

/**
 * The protocol in which nodes pass on broadcasts (docs/protocol.md, section 14), with the parts that connect them to a
 * network. Before its first broadcast, a node spends next to nothing on broadcasts.
 */
export class Overlay implements Protocol {
  readonly name = overlayProtocol;
  readonly #options: OverlayOptions;
  readonly #parts: readonly OverlayPart[];
  #host!: ProtocolHost;
  /** Created when first used. */
  #router: Router | undefined;
  #ownSigner: BatchSigner | undefined;
  #lastTimeUs = 0;
  /** The time of this node's latest broadcast, by topic. The topic used most recently comes last. */
  #latestOfTopics: Map<string, number> | undefined;

  constructor(options: OverlayOptions) {
    this.#options = options;
    this.#parts = options.parts ?? [];
  }

  get heldBytes(): number {
    return this.#router?.heldBytes ?? 0;
  }

  /** The number of neighbours that pass broadcasts on. */
  get neighbourCount(): number {
    return this.#host.peers.size;
  }

  /**
   * Sends a broadcast to all nodes of the network that can be reached through neighbours.
   *
   * @returns its id.
   * @throws PeerloomError `ERR_NO_NEIGHBOUR`, `ERR_MESSAGE_TOO_LARGE`, `ERR_QUEUE_FULL`.
   */
  broadcast(content: Pick<Draft, 'topic' | 'key' | 'payload'>): string {
    const { identity, network } = this.#options;
    const isKept = this.#options.isKept?.(content.key?.wireTopic ?? content.topic) === true;
    if (this.neighbourCount === 0 && !isKept) {
      throw new PeerloomError(
        'ERR_NO_NEIGHBOUR',
        'no connected node passes broadcasts on: call connectWithNode first, or waitForNodes(1)',
      );
    }
    const length = bodyBytesOf(content);
    if (length > maxBodyBytes) {
      throw new PeerloomError(
        'ERR_MESSAGE_TOO_LARGE',
        `a broadcast may have ${maxBodyBytes} bytes, not ${length}: broadcast where to get the data, and send it in a stream`,
      );
    }
    if (!this.#active.hasRoomFor(length + this.#signer.waitingBytes)) {
      throw new PeerloomError(
        'ERR_QUEUE_FULL',
        'the broadcasts of the last two seconds fill the memory that is kept for neighbours: wait a moment, or send large data in a stream',
      );
    }
    const timeUs = this.#nextTimeUs();
    const previousUs = this.#replaceLatest(content.key?.wireTopic ?? content.topic, timeUs);
    const broadcast = draftBroadcast({ ...content, network, origin: identity.id, timeUs, previousUs });
    const signer = this.#signer;
    signer.add(broadcast);
    if (this.#options.isStopping?.() === true) signer.flush();
    return broadcast.id;
  }

  /** Signs and sends the node's broadcasts that were not sent yet. */
  flush(): void {
    this.#ownSigner?.flush();
    this.#router?.flush();
  }

  /** Returns how the latest broadcast of a node arrived. */
  pathTo(id: string): Path | undefined {
    return this.#router?.pathTo(id);
  }

  /** See {@link Router.clockGapOf}. */
  clockGapOf(id: string): number | undefined {
    return this.#router?.clockGapOf(id);
  }

  attach(host: ProtocolHost): void {
    this.#host = host;
    for (const part of this.#parts) part.attach(host);
  }

  opened(peer: ProtocolPeer): void {
    this.#router?.opened(peer);
    for (const part of this.#parts) part.opened(peer);
  }

  received(peer: ProtocolPeer, bytes: Uint8Array): void | Promise<void> {
    const kind = bytes[0] ?? 0;
    if (kind < firstKindOfParts) return this.#active.received(peer, bytes);
    const part = this.#parts.find(({ kinds }) => kind >= kinds.first && kind <= kinds.last);
    if (part !== undefined) return part.received(peer, bytes);
    throw new PeerloomError('ERR_PROTOCOL', `a frame of kind ${kind}, which no node sends`);
  }

  closed(peer: ProtocolPeer): void {
    this.#router?.closed(peer);
    for (const part of this.#parts) part.closed(peer);
  }

  unlinked(peer: ProtocolPeer): void {
    for (const part of this.#parts) part.unlinked?.(peer);
  }

  get #active(): Router {
    if (this.#router !== undefined) return this.#router;
    const { peers, log } = this.#host;
    this.#router = new Router(this.#options, log);
    this.#options.onStopping?.(() => this.flush());
    for (const peer of peers) this.#router.opened(peer);
    return this.#router;
  }

  get #signer(): BatchSigner {
    const { identity, network, runtime } = this.#options;
    this.#ownSigner ??= new BatchSigner({
      identity,
      network,
      runtime,
      onSigned: (broadcast) => {
        this.#options.onOriginated?.(broadcast);
        this.#active.originate(broadcast);
      },
      onFailure: (error) => this.#options.onFailure(error),
    });
    return this.#ownSigner;
  }

  /**
   * Returns the time of the next broadcast, in microseconds. It is later than any time before, because equal broadcasts
   * must not have equal ids. The exception is a clock that was set back far: other nodes would drop a broadcast that is
   * ahead of their clocks.
   */
  #nextTimeUs(): number {
    const nowUs = Math.trunc(this.#options.runtime.wallNow() * 1_000);
    const laterUs = this.#lastTimeUs + 1;
    this.#lastTimeUs = laterUs - nowUs > maxAheadMs * 1_000 ? nowUs : Math.max(nowUs, laterUs);
    return this.#lastTimeUs;
  }

  /** @returns the time of the previous broadcast with this topic, or 0 if the node remembers none. */
  #replaceLatest(wireTopic: string, timeUs: number): number {
    this.#latestOfTopics ??= new Map();
    const latest = this.#latestOfTopics;
    const previousUs = latest.get(wireTopic) ?? 0;
    latest.delete(wireTopic);
    latest.set(wireTopic, timeUs);
    if (latest.size > maxLatest) latest.delete(latest.keys().next().value!);
    return previousUs;
  }
}
