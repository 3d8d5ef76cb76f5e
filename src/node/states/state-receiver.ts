import type { Dispatcher } from '../../api/dispatcher.ts';
import type { NodeConnection } from '../../api/node-connection.ts';
import type { PeerStream } from '../../api/peer-stream.ts';
import type { StateOffer } from '../../api/state-transfer.ts';
import { messageOf } from '../../base/arguments.ts';
import type { Log } from '../../base/debug.ts';
import { isPeerloomError, PeerloomError } from '../../base/errors.ts';
import type { Limits } from '../../base/limits.ts';
import type { MemoryAccount, MemoryBudget } from '../../base/memory-budget.ts';
import type { Meter } from '../../base/meter.ts';
import { peerLabel } from '../../base/peer-label.ts';
import type { Runtime, RuntimeTimer } from '../../base/runtime.ts';
import { IncomingState } from './incoming-state.ts';
import { StallWatch } from './stall-watch.ts';
import { acceptedFrom, readHeader, refusedFor, type StateHeader, stateBounds } from './state-form.ts';
import { isStateHeader } from './state-mark.ts';

/** How many states one peer may send at the same time. Further ones are refused. */
const maxAtOnce = 4;

/** How many interrupted transfers are kept, at most one for each peer. */
const maxKept = 16;

/** How long they are kept, in milliseconds. */
const keptMs = 300_000;

/** A transfer ends after this many milliseconds without progress. */
const stallMs = 60_000;

/** An interrupted transfer, with what has arrived. */
interface Kept {
  readonly state: IncomingState;
  readonly account: MemoryAccount;
  readonly timer: RuntimeTimer;
}

export interface StateReceiverOptions {
  readonly dispatcher: Dispatcher;
  readonly budget: MemoryBudget;
  readonly limits: Limits;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly meter: Pick<Meter, 'rejected'>;
}

/** Receives the state dicts that peers send, each in a stream of its own. */
export class StateReceiver {
  readonly #options: StateReceiverOptions;
  /** Indexed by the id of the peer, the oldest first. */
  readonly #kept = new Map<string, Kept>();
  readonly #running = new Map<string, number>();
  #isClosed = false;

  constructor(options: StateReceiverOptions) {
    this.#options = options;
  }

  /** Receives the state of a stream whose header says that it carries one. */
  receive(stream: PeerStream): Promise<boolean> {
    const { id } = stream.connection;
    const count = (this.#running.get(id) ?? 0) + 1;
    this.#running.set(id, count);
    const done = (): void => {
      const left = this.#running.get(id)! - 1;
      if (left > 0) this.#running.set(id, left);
      else this.#running.delete(id);
    };
    return this.#run(stream, count)
      .catch((error) => {
        this.#failed(stream, error);
        return true;
      })
      .finally(done);
  }

  #failed(stream: PeerStream, error: unknown): void {
    const { connection: peer } = stream;
    const { dispatcher, log, meter } = this.#options;
    log(`no state of ${peerLabel(peer)} arrived: ${messageOf(error)}`);
    stream.abort(messageOf(error));
    if (!isPeerloomError(error) || error.code !== 'ERR_STATE_INVALID') return;
    meter.rejected.add(error);
    dispatcher.emit('node_message_rejected', peer, error);
  }

  /** Drops what is kept of interrupted transfers. */
  close(): void {
    this.#isClosed = true;
    for (const id of [...this.#kept.keys()]) this.#drop(id);
  }

  /** @returns whether the handlers of the state did not fail. */
  async #run(stream: PeerStream, count: number): Promise<boolean> {
    const { connection: peer, header: given } = stream;
    if (!isStateHeader(given)) return true;
    const header = valid(() => readHeader(given));
    const offer = offerOf(header, this.#find(peer.id, header)?.receivedElementBytes ?? 0);
    const refusal = this.#refusalOf(header, count) ?? (await this.#askUser(peer, offer));
    if (refusal !== undefined) {
      stream.write(refusedFor(refusal));
      stream.end();
      if ((await stream.read()) !== undefined) stream.abort('the state was refused');
      return true;
    }
    const { budget } = this.#options;
    const state = this.#take(peer.id, header) ?? new IncomingState(header, budget.grew);
    let isShed = false;
    const account: MemoryAccount = {
      get heldBytes() {
        return state.heldBytes;
      },
      shed: () => {
        isShed = true;
        stream.abort('the receiver has too little memory for the state');
      },
    };
    budget.open(account);
    try {
      await this.#read(stream, state, offer);
      const dict = valid(() => state.finish());
      const { resumedAt: _, onProgress: __, ...details } = offer;
      const isHandled = await this.#options.dispatcher.emit('node_state', peer, dict, details);
      if (isHandled) stream.end();
      return isHandled;
    } catch (error) {
      const isBroken =
        isPeerloomError(error) && ['ERR_CONNECTION_CLOSED', 'ERR_STREAM_ABORTED'].includes(error.code);
      if (isBroken && !isShed) this.#keep(peer.id, state);
      throw error;
    } finally {
      budget.close(account);
    }
  }

  async #read(stream: PeerStream, state: IncomingState, offer: StateOffer): Promise<void> {
    const { connection: peer } = stream;
    const { dispatcher, runtime } = this.#options;
    const watch = new StallWatch(runtime, {
      timeoutMs: stallMs,
      isSuspended: () => peer.isSuspended,
      onStalled: () => stream.abort(`nothing of the state came for ${stallMs} ms`),
    });
    try {
      stream.write(acceptedFrom(state.receivedBytes));
      for (;;) {
        const bytes = await stream.read();
        if (bytes === undefined) return;
        watch.moved();
        valid(() => state.push(bytes));
        const { onProgress } = offer;
        if (onProgress === undefined) continue;
        dispatcher.run('node_state', peer, onProgress as never, [state.receivedElementBytes, offer.bytes]);
      }
    } finally {
      watch.stop();
    }
  }

  #refusalOf({ bytes, manifestBytes, tensors }: StateHeader, count: number): string | undefined {
    const { limits } = this.#options;
    const most = Math.min(limits.maxStateBytes, limits.memoryBudgetBytes / 2);
    if (bytes > most) {
      return `it has ${bytes} bytes, and ${most} are allowed (limits.maxStateBytes, and half of limits.memoryBudgetBytes)`;
    }
    if (tensors > stateBounds.tensors)
      return `it has ${tensors} tensors, and ${stateBounds.tensors} are allowed`;
    if (manifestBytes > stateBounds.manifestBytes) return 'its names and shapes take too many bytes';
    return count > maxAtOnce ? `${maxAtOnce} states of this node are under way` : undefined;
  }

  async #askUser(peer: NodeConnection, offer: StateOffer): Promise<string | undefined> {
    const isWanted = await this.#options.dispatcher.consult('node_state_offered', peer, offer);
    return isWanted ? undefined : 'the node does not want it';
  }

  /** Keeps an interrupted transfer, which replaces an earlier one of the peer. */
  #keep(id: string, state: IncomingState): void {
    if (this.#isClosed || state.receivedBytes === 0) return;
    this.#drop(id);
    const { budget, runtime } = this.#options;
    const drop = (): void => this.#drop(id);
    const account: MemoryAccount = { heldBytes: state.heldBytes, shed: drop };
    budget.open(account);
    this.#kept.set(id, { state, account, timer: runtime.setTimeout(drop, keptMs) });
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= maxKept) break;
      this.#drop(oldest);
    }
  }

  /** The part of the same state that has already arrived. */
  #find(id: string, { sha256, bytes, manifestBytes, tensors }: StateHeader): IncomingState | undefined {
    const state = this.#kept.get(id)?.state;
    const is = state?.header;
    const isSame =
      is?.sha256 === sha256 &&
      is.bytes === bytes &&
      is.manifestBytes === manifestBytes &&
      is.tensors === tensors;
    return isSame ? state : undefined;
  }

  /** The same, and removes it, so that only one transfer resumes it. */
  #take(id: string, header: StateHeader): IncomingState | undefined {
    const state = this.#find(id, header);
    if (state !== undefined) this.#drop(id);
    return state;
  }

  #drop(id: string): void {
    const kept = this.#kept.get(id);
    if (kept === undefined) return;
    kept.timer.cancel();
    this.#options.budget.close(kept.account);
    this.#kept.delete(id);
  }
}

/** @throws PeerloomError `ERR_STATE_INVALID` if what the peer sent is invalid. */
function valid<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    throw new PeerloomError('ERR_STATE_INVALID', messageOf(error), { cause: error });
  }
}

function offerOf({ bytes, tensors, sha256, info }: StateHeader, resumedAt: number): StateOffer {
  return { bytes, tensors, sha256, info, resumedAt };
}
