import { type Address, formatAddress } from '../base/address.ts';
import { PeerloomError } from '../base/errors.ts';
import type { Runtime, RuntimeTimer } from '../base/runtime.ts';

/** Failures that are reported one by one within a second. */
const reportsPerSecond = 10;

const secondMs = 1_000;

/**
 * Reports inbound connections that did not come up. Strangers can make as many as they like, so a second has ten
 * reports at most: further failures are counted, and the last of them is reported with their number.
 */
export class InboundFailures {
  readonly #runtime: Runtime;
  readonly #report: (address: string, error: PeerloomError) => void;
  #reported = 0;
  #omitted = 0;
  #last: { readonly address: string; readonly error: PeerloomError } | undefined;
  /** Runs for as long as the present second. */
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

  /** The node stops, which makes the handshakes under way fail: nothing is reported any more. */
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
