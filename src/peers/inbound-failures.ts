import { type Address, formatAddress } from '../base/address.ts';
import { PeerloomError } from '../base/errors.ts';
import type { Runtime, RuntimeTimer } from '../base/runtime.ts';

/** At most this many failures are reported one by one in a second. */
const reportsPerSecond = 10;

const secondMs = 1_000;

/**
 * Reports inbound connections that failed. Strangers can cause any number of failures, so at most ten are reported in a
 * second. Further failures are counted, and the last of them is reported with the count.
 */
export class InboundFailures {
  readonly #runtime: Runtime;
  readonly #report: (address: string, error: PeerloomError) => void;
  #reported = 0;
  #omitted = 0;
  #last: { readonly address: string; readonly error: PeerloomError } | undefined;
  /** Runs until the end of the present second. */
  #timer: RuntimeTimer | undefined;
  #isStopped = false;

  constructor(runtime: Runtime, report: (address: string, error: PeerloomError) => void) {
    this.#runtime = runtime;
    this.#report = report;
  }

  add(from: Address, error: PeerloomError): void {
    if (this.#isStopped) return;
    const address = formatAddress(from);
    this.#timer ??= this.#runtime.setTimeout(() => this.#endSecond(), secondMs);
    if (this.#reported < reportsPerSecond) {
      this.#reported += 1;
      this.#report(address, error);
    } else {
      this.#omitted += 1;
      this.#last = { address, error };
    }
  }

  /** Stops reporting, because handshakes under way fail when the node stops. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #endSecond(): void {
    const [omitted, last] = [this.#omitted, this.#last];
    this.#timer = this.#last = undefined;
    this.#reported = this.#omitted = 0;
    if (last === undefined) return;
    // The summary is the first report of the next second.
    this.#timer = this.#runtime.setTimeout(() => this.#endSecond(), secondMs);
    this.#reported = 1;
    const { code, message, cause } = last.error;
    const text = `${message} (the last of ${omitted} inbound connections that failed within a second and are not reported separately)`;
    this.#report(last.address, new PeerloomError(code, text, { cause }));
  }
}
