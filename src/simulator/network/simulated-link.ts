import type { Address } from '../../base/address.ts';
import { errorOf } from '../../base/arguments.ts';
import type { Data } from '../../base/data.ts';
import { PeerloomError } from '../../base/errors.ts';
import type { Runtime } from '../../base/runtime.ts';
import type { DataLink, DataReceiver } from '../../transport/data-link.ts';
import type { Security } from '../../transport/security.ts';
import type { TransportContext } from '../../transport/transport.ts';
import { frameHeaderBytes } from '../../wire/frames/frame.ts';
import { DataBatch } from './data-batch.ts';
import { none } from './freight.ts';
import type { Process, ProcessLink } from './process.ts';
import type { SimulatedNetwork } from './simulated-network.ts';
import type { Receiver, Way } from './way.ts';

const security: Security = { protocol: 'simulated', encrypted: true, authenticated: true };

/** A link is full when this many sent bytes have not been read. */
const highWaterBytes = 256 * 1024;

/** One side of a new link. */
export interface LinkSide {
  readonly process: Process;
  readonly context: TransportContext;
  readonly address: Address;
  /** Carries the data that this side sends. */
  readonly way: Way;
}

/** Creates the two ends of a new link. */
export function simulatedLinkPair(
  network: SimulatedNetwork,
  dialler: LinkSide,
  acceptor: LinkSide,
): [SimulatedLink, SimulatedLink] {
  const ours = new SimulatedLink(network, dialler, acceptor);
  const theirs = new SimulatedLink(network, acceptor, dialler);
  ours.join(theirs);
  theirs.join(ours);
  dialler.way.receiver = theirs;
  acceptor.way.receiver = ours;
  return [ours, theirs];
}

export class SimulatedLink implements ProcessLink, DataLink, Receiver {
  readonly remoteId: string;
  readonly remoteAddress: Address;
  readonly security = security;
  readonly startedAt: number;
  readonly closed: Promise<Error | undefined>;
  onMessage: (bytes: Uint8Array) => void = ignore;
  /**
   * Called when the link ends before the dialler has received it. A promise would keep the dial in memory as long as
   * the link.
   */
  onEnd: ((error: Error | undefined) => void) | undefined;

  readonly #network: SimulatedNetwork;
  readonly process: Process;
  readonly #runtime: Runtime;
  readonly #way: Way;
  #other: SimulatedLink | undefined;
  #settleClosed: (error: Error | undefined) => void = () => {};
  #state: 'open' | 'ending' | 'closed' = 'open';
  /** Bytes that this side has sent and the other side has not read. */
  #unreadBytes = 0;
  /** Data that has arrived and cannot be read yet: this side is paused, or has no receiver for data. */
  #arrived: (Uint8Array | DataBatch)[] | undefined;
  #dataReceiver: DataReceiver | undefined;
  #isPaused = false;
  #isOtherEnding = false;
  #drainWaiters: (() => void)[] = [];

  constructor(network: SimulatedNetwork, { process, context, way }: LinkSide, remote: LinkSide) {
    this.#network = network;
    this.process = process;
    this.#runtime = context.runtime;
    this.#way = way;
    this.remoteId = remote.context.identity.id;
    this.remoteAddress = remote.address;
    this.startedAt = context.runtime.now();
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve;
    });
    process.links.add(this);
  }

  get remoteProcess(): Process {
    return this.#other!.process;
  }

  join(other: SimulatedLink): void {
    this.#other = other;
  }

  /** Sends a copy of the bytes, so that the two sides share no memory. */
  send(bytes: Uint8Array, sent?: () => void): boolean {
    if (this.#state !== 'open' || !this.process.isAlive) return true;
    // Not slice(): it shares the memory if the bytes are a Buffer.
    const copy = new Uint8Array(bytes);
    sent?.();
    this.#unreadBytes += copy.length;
    this.#network.bytes += copy.length;
    this.#network.transmissions += 1;
    this.#way.sendBytes(copy);
    return this.#unreadBytes < highWaterBytes;
  }

  get carriesData(): boolean {
    return this.#network.carriesData;
  }

  set dataReceiver(receiver: DataReceiver) {
    this.#dataReceiver = receiver;
    this.#readArrived();
  }

  /** Needs no check of the process: while the link is open, its process is alive. */
  sendData(data: Data, bytes: number): void {
    if (this.#state !== 'open') return;
    const countedBytes = bytes + frameHeaderBytes;
    this.#unreadBytes += countedBytes;
    this.#network.bytes += countedBytes;
    this.#way.sendData(data, bytes);
  }

  drained(): Promise<void> {
    if (this.#state !== 'open' || this.#unreadBytes < highWaterBytes) return Promise.resolve();
    return new Promise((resolve) => this.#drainWaiters.push(resolve));
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    // Reading starts after this call, never within it.
    this.#runtime.setTimeout(() => this.#readArrived(), 0);
  }

  close(timeoutMs: number): void {
    if (this.#state !== 'open') return;
    this.#state = 'ending';
    this.#dropArrived();
    this.#tellOther((other) => other.#onOtherEnding());
    const timer = this.#runtime.setTimeout(() => this.destroy(), timeoutMs);
    void this.closed.then(() => timer.cancel());
    if (this.#isOtherEnding) this.#finish();
  }

  destroy(): void {
    if (this.#state === 'closed') return;
    this.#end(undefined);
    this.#way.drop();
    this.#tellOther((other) => other.#end(resetError()));
  }

  cut(fractions: readonly [number, number]): void {
    const other = this.#other!;
    this.#way.cut(fractions[0]);
    other.#way.cut(fractions[1]);
    for (const end of [this, other]) end.process.perform(() => end.#end(resetError()));
  }

  abandon(): void {
    this.#state = 'closed';
    this.#dropArrived();
    if (this.process.isAnswering) this.#tellOther((other) => other.#end(resetError()));
  }

  /** Returns whether the process is alive. If it has crashed, its machine resets the link. */
  #isHere(): boolean {
    if (this.process.isAlive) return true;
    if (this.process.isAnswering) this.#tellOther((other) => other.#end(resetError()));
    return false;
  }

  /** Calls `tell` at the other side, after everything that was sent before. */
  #tellOther(tell: (other: SimulatedLink) => void): void {
    const other = this.#other!;
    this.#way.signal(() => other.process.perform(() => tell(other)));
  }

  takeBytes(bytes: Uint8Array): void {
    this.#take(bytes);
  }

  takeData(first: number, count: number): void {
    const network = this.#network;
    const { freight } = network;
    const receiver = this.#dataReceiver;
    // While a link is open, its process is alive.
    const isDirect = network.isPrompt && this.#state === 'open' && !this.#isPaused && count > 0;
    if (isDirect && receiver !== undefined && this.#arrived === undefined && freight.next(first) === none) {
      network.working = this.process;
      const bytes = freight.bytesOf(first);
      try {
        receiver.receiveData(freight.take(first) as Data, bytes);
      } catch (error) {
        this.#fail(error);
      }
      this.#other!.#onRead(bytes + frameHeaderBytes);
      return;
    }
    this.#take(new DataBatch(freight, first, count));
  }

  #take(content: Uint8Array | DataBatch): void {
    if (!this.#isHere()) return;
    if (this.process.begins()) this.#arrive(content);
    else this.process.perform(() => this.#arrive(content));
  }

  #arrive(content: Uint8Array | DataBatch): void {
    if (this.#state === 'open' && (this.#arrived !== undefined || !this.#isReadable(content))) {
      this.#arrived ??= [];
      this.#arrived.push(content);
    } else {
      this.#read(content);
    }
  }

  /** Whether the content can be read now. Data waits until there is a receiver for data. */
  #isReadable(content: Uint8Array | DataBatch): boolean {
    return !this.#isPaused && (this.#dataReceiver !== undefined || !(content instanceof DataBatch));
  }

  #readArrived(): void {
    while (this.#arrived !== undefined && this.#isReadable(this.#arrived[0]!) && this.#state === 'open') {
      const content = this.#arrived.shift()!;
      if (this.#arrived.length === 0) this.#arrived = undefined;
      this.#read(content);
    }
    this.#endWithOther();
  }

  /** If a listener throws, only this link ends. A side that is closing drops what still arrives. */
  #read(content: Uint8Array | DataBatch): void {
    if (this.#state === 'open') {
      try {
        if (content instanceof DataBatch) content.read(this.#dataReceiver!);
        else this.onMessage(content);
      } catch (error) {
        this.#fail(error);
      }
    }
    this.#other!.#onRead(content.length);
  }

  #fail(error: unknown): void {
    this.#end(errorOf(error));
    this.#tellOther((other) => other.#end(resetError()));
  }

  /** The other side has read what this side sent. Acknowledgements take no time here. */
  #onRead(bytes: number): void {
    this.#unreadBytes -= bytes;
    if (this.#unreadBytes < highWaterBytes && this.#drainWaiters.length > 0) {
      this.process.perform(() => this.#wakeDrained());
    }
  }

  #onOtherEnding(): void {
    this.#isOtherEnding = true;
    this.#endWithOther();
  }

  /** Ends this side if the other side has closed and this side has read everything that was sent before. */
  #endWithOther(): void {
    if (!this.#isOtherEnding || this.#arrived !== undefined) return;
    this.#finish();
  }

  #finish(): void {
    if (this.#state === 'closed') return;
    this.#end(undefined);
    this.#tellOther((other) => other.#end(undefined));
  }

  #end(error: Error | undefined): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.process.links.delete(this);
    this.#dropArrived();
    this.#settleClosed(error);
    this.onEnd?.(error);
    this.#wakeDrained();
  }

  #dropArrived(): void {
    const arrived = this.#arrived ?? [];
    this.#arrived = undefined;
    for (const { length } of arrived) this.#other!.#onRead(length);
  }

  #wakeDrained(): void {
    for (const wake of this.#drainWaiters.splice(0)) wake();
  }
}

function ignore(): void {}

function resetError(): PeerloomError {
  return new PeerloomError('ERR_CONNECTION_CLOSED', 'the simulated link broke');
}
