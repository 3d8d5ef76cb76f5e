import { formatAddress } from '../base/address.ts';
import { messageOf } from '../base/arguments.ts';
import type { Data } from '../base/data.ts';
import type { Log } from '../base/debug.ts';
import type { DecompressionTurns, Outcome } from '../base/decompression-turns.ts';
import { PeerloomError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import { budgetPassed, type MemoryAccount, type MemoryBudget } from '../base/memory-budget.ts';
import { peerLabel } from '../base/peer-label.ts';
import { printable } from '../base/printable.ts';
import type { Runtime } from '../base/runtime.ts';
import type {
  Channel,
  ChannelHandler,
  CloseReason,
  ConnectionMetrics,
  RemoteNode,
  SendOptions,
} from '../channel/channel.ts';
import { Ending, lostReason } from '../channel/ending.ts';
import { Inbox } from '../channel/receive/inbox.ts';
import { LinkPause } from '../channel/send/link-pause.ts';
import { checkSendOptions } from '../channel/send/shared-encoding.ts';
import type { ChannelStream } from '../channel/streams/stream.ts';
import { Trace } from '../channel/trace.ts';
import { bytesOf } from '../tensors/tensor/typed-arrays.ts';
import type { Link } from '../transport/transport.ts';
import type { Frame } from '../wire/frames/frame-reader.ts';
import { type Goodbye, goodbye } from '../wire/frames/goodbye.ts';
import { copyOf } from '../wire/frames/own-memory.ts';
import { containerCostBytes, PayloadFormat, unfoldedBytes } from '../wire/payloads/payload.ts';
import { decodePacketBody, encodePacket, isCompressed, type PacketContent, packetBody } from './packet.ts';
import { PacketQueue } from './packet-queue.ts';
import { PacketReader } from './packet-reader.ts';
import type { JsonReading } from './python-json.ts';

/** How long a closing connection may take to send what waits. A Python node reads 4 MiB in that time. */
export const closeFlushMs = 15_000;

export interface PacketChannelOptions {
  readonly direction: 'inbound' | 'outbound';
  readonly limits: Limits;
  readonly budget: MemoryBudget;
  readonly turns: DecompressionTurns;
  readonly runtime: Runtime;
  /** Whether whole numbers beyond 2^53 are read as bigints. */
  readonly bigIntegers: boolean;
  /** The log of what goes over the connection. */
  readonly traffic: Log;
}

/**
 * The conversation with a node of the Python package p2pnetwork. It consists of messages only, without pings, responses
 * and goodbyes, and is neither encrypted nor authenticated.
 */
export class PacketChannel implements Channel, MemoryAccount {
  readonly remote: RemoteNode;
  readonly direction: 'inbound' | 'outbound';
  readonly #link: Link;
  readonly #limits: Limits;
  readonly #budget: MemoryBudget;
  readonly #turns: DecompressionTurns;
  readonly #queue: PacketQueue;
  readonly #inbox: Inbox;
  readonly #reader: PacketReader;
  readonly #reading: JsonReading;
  readonly #trace: Trace;
  readonly #ending = new Ending();
  #handler: ChannelHandler | undefined;
  #isCleared = false;
  #receivedBytes = 0;

  constructor(link: Link, options: PacketChannelOptions) {
    const { direction, limits, budget, turns, runtime, bigIntegers, traffic } = options;
    this.direction = direction;
    this.#reading = { maxContainers: limits.maxContainers, bigIntegers };
    this.#link = link;
    this.#budget = budget;
    this.#turns = turns;
    this.#limits = limits;
    this.remote = {
      id: link.remoteId,
      name: '',
      address: link.remoteAddress,
      listeningPort: link.announcedPort ?? 0,
      addresses: addressesOf(link),
      instance: '',
      security: link.security,
      limitsByAddress: link.limitsByAddress ?? true,
    };
    this.#trace = new Trace(traffic, this.remote);
    this.#queue = new PacketQueue(link, limits);
    const pause = new LinkPause(link, limits.unhandledMaxBytes);
    this.#inbox = new Inbox({
      runtime,
      onWaiting: (bytes) => pause.update(bytes),
      handle: (frame) => this.#handle(frame),
      onFailure: (error) => {
        this.#clear();
        this.#abandon(goodbye('protocol', messageOf(error)));
      },
    });
    this.#reader = new PacketReader((packet) => this.#inbox.offer(frameOf(packet)), limits.maxMessageBytes);
    this.#queue.onGrowth = this.#inbox.onGrowth = this.#reader.onGrowth = budget.grew;
    link.onMessage = (bytes) => this.#onBytes(bytes);
    void link.closed.then((error) => this.#onLinkClosed(error));
  }

  get heldBytes(): number {
    return this.#queue.heldBytes + this.#inbox.heldBytes + this.#reader.heldBytes;
  }

  /** Ends the link without a reason, because a Python node understands only data. */
  shed(): void {
    this.#clear();
    this.#abandon(goodbye('overload', budgetPassed));
  }

  get isOpen(): boolean {
    return this.#ending.isOpen;
  }

  /** Always false: Python nodes have no sessions. */
  get isSuspended(): boolean {
    return false;
  }

  start(handler: ChannelHandler): void {
    this.#handler = handler;
    this.#budget.open(this);
    const connected = handler.connected();
    this.#inbox.open(typeof connected === 'object' ? connected : undefined);
    if (this.#ending.isClosed) this.#report();
  }

  send(data: Data, options?: SendOptions): boolean {
    if (!this.isOpen) {
      throw new PeerloomError(
        'ERR_CONNECTION_CLOSED',
        `the connection with ${peerLabel(this.remote)} is closed: connect again`,
      );
    }
    if (options !== undefined) checkSendOptions(options);
    const packet = encodePacket(data, options);
    if (this.#trace.enabled) this.#trace.packet('to', packet.length);
    return this.#queue.send(packet);
  }

  drained(): Promise<void> {
    return this.#queue.drained();
  }

  deliver(): Promise<void> {
    throw notSupported('deliver');
  }

  request(): Promise<Data> {
    throw notSupported('request');
  }

  openStream(): Promise<ChannelStream> {
    throw notSupported('openStream');
  }

  /** Always false: Python nodes speak no protocols. */
  sendProtocol(): boolean {
    return false;
  }

  async ping(): Promise<never> {
    throw notSupported('ping');
  }

  metrics(): ConnectionMetrics {
    const { sentBytes, heldBytes: queuedBytes } = this.#queue;
    return {
      sentBytes,
      receivedBytes: this.#receivedBytes,
      queuedBytes,
      unhandledMessages: this.#inbox.waitingCount,
      heldBytes: this.heldBytes,
      roundTripMs: undefined,
    };
  }

  /** Never due: Python nodes answer no pings, so TCP's keep-alive detects a dead one. */
  checkLiveness(): number {
    return Number.POSITIVE_INFINITY;
  }

  checkSilence(): number {
    return 0;
  }

  endSuspended(): void {}

  close(goodbye: Goodbye): void {
    if (this.#ending.choose(goodbye)) this.#clear();
    if (this.#ending.isClosed) this.#report();
    if (!this.isOpen) return;
    this.#ending.begin({ ...goodbye, by: 'us' });
    this.#reader.stop();
    this.#queue.release();
    this.#link.close(closeFlushMs);
  }

  #onBytes(bytes: Uint8Array): void {
    this.#receivedBytes += bytes.length;
    try {
      this.#reader.push(bytes);
    } catch (error) {
      this.#abandon(goodbye('protocol', messageOf(error)));
    }
  }

  #abandon(farewell: Goodbye): void {
    this.#reader.stop();
    this.#queue.close();
    this.#ending.begin({ ...farewell, by: 'us' });
    this.#link.destroy();
  }

  /** Called between the steps of reading a long message. */
  readonly #pause = (): undefined | Promise<void> => {
    if (this.#isCleared) throw new Error('nobody wants the message any more');
    return this.#inbox.pause();
  };

  #handle({ body }: Frame): undefined | Promise<unknown> {
    if (this.#trace.enabled) this.#trace.packet('from', body.length);
    const { maxMessageBytes } = this.#limits;
    if (!isCompressed(body)) return this.#handleNow(() => packetBody(body, maxMessageBytes));
    return this.#inbox.heldWhile(body.length, () =>
      this.#turns.run(
        this,
        (pace) => packetBody(body, maxMessageBytes, pace),
        (payload) => this.#handleNow(payload),
      ),
    );
  }

  #handleNow(payload: Outcome): undefined | Promise<unknown> {
    let plain: Uint8Array;
    let content: PacketContent | Promise<PacketContent>;
    try {
      plain = payload();
      content = decodePacketBody(plain, this.#reading, this.#pause);
    } catch (error) {
      return this.#reject(error);
    }
    if (!(content instanceof Promise)) return this.#conclude(content, plain);
    const read = content.then(
      (whole) => (this.#isCleared ? undefined : this.#conclude(whole, plain)),
      (error) => (this.#isCleared ? undefined : this.#reject(error)),
    );
    return this.#inbox.heldWhile(2 * plain.length, () => read);
  }

  #reject(error: unknown): undefined {
    this.#handler!.rejected(error as Error);
  }

  #conclude({ data, text, containers }: PacketContent, plain: Uint8Array): undefined | Promise<unknown> {
    const handled = this.#handler!.message(data, text);
    if (typeof handled !== 'object') return undefined;
    const textBytes = text === undefined || text === data ? 0 : plain.length;
    const format = isJson(data) ? PayloadFormat.json : PayloadFormat.bytes;
    const dataBytes =
      containers === undefined
        ? unfoldedBytes(format, plain)
        : plain.length + containers * containerCostBytes;
    this.#inbox.takeInHand(dataBytes + textBytes);
    return handled;
  }

  /** Drops what has arrived. */
  #clear(): void {
    this.#isCleared = true;
    this.#inbox.clear();
    this.#turns.cancel(this);
  }

  #onLinkClosed(error: Error | undefined): void {
    this.#ending.complete(this.#reasonOf(error));
    this.#reader.stop();
    this.#queue.close();
    this.#report();
  }

  /** The reason for the end. A Python node may send one, but otherwise a deliberate end looks like a failure. */
  #reasonOf(error: Error | undefined): CloseReason {
    const end = this.#reader.end();
    if (end.kind === 'notice') return { code: 'refused', message: printable(end.reason), by: 'them' };
    if (error !== undefined) return lostReason(error);
    if (end.kind === 'whole')
      return { code: 'disconnected', message: 'the node closed the connection', by: 'them' };
    return { code: 'lost', message: 'the link ended in the middle of a message', by: 'link' };
  }

  /** Reports the end. A channel that was refused before it started has no handler to report to. */
  #report(): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    this.#ending.report(this.#inbox, () => {
      this.#budget.close(this);
      handler.closed(this.#ending.reason);
    });
  }
}

/** Whether the data is sent as JSON. Other data of packets is text or bytes. */
function isJson(data: Data): boolean {
  return typeof data === 'object' && bytesOf(data) === undefined;
}

function frameOf(packet: Uint8Array): Frame {
  return { kind: 0, format: 0, compression: 0, body: copyOf(packet) };
}

function notSupported(what: string): PeerloomError {
  const message = `${what} does not work with a p2pnetwork node, which only knows messages: use send`;
  return new PeerloomError('ERR_NOT_SUPPORTED', message);
}

function addressesOf({ remoteAddress: { host }, announcedPort = 0 }: Link): readonly string[] {
  return announcedPort === 0 ? [] : [formatAddress({ scheme: 'p2pnetwork', host, port: announcedPort })];
}
