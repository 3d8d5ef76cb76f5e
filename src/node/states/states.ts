import type { PeerStream } from '../../api/peer-stream.ts';
import { messageOf } from '../../base/arguments.ts';
import { peerLabel } from '../../base/peer-label.ts';
import type { Handled } from '../../channel/channel.ts';
import { loadPart } from '../load-part.ts';
import type { Parts } from '../parts-on-demand.ts';
import { isStateHeader } from './state-mark.ts';
import type { StateReceiver, StateReceiverOptions } from './state-receiver.ts';

/** Receives the state dicts that peers send. A page loads the code for it with the first state. */
export class States {
  readonly #options: StateReceiverOptions;
  #receiver: StateReceiver | undefined;
  #isClosed = false;

  constructor(options: StateReceiverOptions) {
    this.#options = options;
  }

  /** Takes the stream of a state. @returns `undefined` if there is no handler for states. */
  take(stream: PeerStream): Handled | undefined | 'not taken' {
    if (!isStateHeader(stream.header)) return 'not taken';
    const { dispatcher, log } = this.#options;
    if (!dispatcher.handles('node_state')) return undefined;
    const receiver = this.#made();
    if (!(receiver instanceof Promise)) return receiver.receive(stream);
    return receiver.then(
      (loaded) => loaded.receive(stream),
      (error) => {
        log(`no state of ${peerLabel(stream.connection)} can be received: ${messageOf(error)}`);
        stream.abort('the receiver could not load what receives states');
        return true;
      },
    );
  }

  /** Drops what is kept of interrupted transfers. */
  close(): void {
    this.#isClosed = true;
    this.#receiver?.close();
  }

  #made(): StateReceiver | Promise<StateReceiver> {
    if (this.#receiver !== undefined) return this.#receiver;
    const part = loadPart('states');
    return part instanceof Promise ? part.then((loaded) => this.#make(loaded)) : this.#make(part);
  }

  #make({ StateReceiver: Receiver }: Parts['states']): StateReceiver {
    if (this.#receiver !== undefined) return this.#receiver;
    this.#receiver = new Receiver(this.#options);
    if (this.#isClosed) this.#receiver.close();
    return this.#receiver;
  }
}
