import type { Address } from '../../base/address.ts';
import type { Runtime, RuntimeTimer } from '../../base/runtime.ts';
import { listenAt } from '../../transport/own-transport.ts';
import type { Link, Transport, TransportContext } from '../../transport/transport.ts';
import { type ErrorRecord, recordOfError } from './error-record.ts';
import type { DialRequest, Outside } from './outside.ts';
import { RealLink } from './real-link.ts';
import type { AddInput, LinkFacts } from './tape.ts';

/** The system, and the transports of the user. */
export class RealOutside implements Outside {
  readonly #runtime: Runtime;
  readonly #transports: readonly Transport[];
  readonly #add: AddInput;
  readonly #timers = new Map<number, RuntimeTimer>();
  readonly #links = new Map<number, RealLink>();
  #lastLink = 0;

  constructor(runtime: Runtime, transports: readonly Transport[], add: AddInput) {
    this.#runtime = runtime;
    this.#transports = transports;
    this.#add = add;
  }

  /** Returns the time rounded to microseconds, which takes fewer digits to write. */
  now(): number {
    return rounded(this.#runtime.now());
  }

  wallNow(): number {
    return this.#runtime.wallNow();
  }

  random(): number {
    return this.#runtime.random();
  }

  randomBytes(length: number): Uint8Array {
    return this.#runtime.randomBytes(length);
  }

  startTimer(timer: number, delayMs: number): void {
    const fire = (): void => this.#add(() => (this.#timers.delete(timer) ? ['timer', timer] : undefined));
    this.#timers.set(timer, this.#runtime.setTimeout(fire, delayMs));
  }

  cancelTimer(timer: number): void {
    this.#timers.get(timer)?.cancel();
    this.#timers.delete(timer);
  }

  attach(index: number, context: TransportContext): void {
    const onInboundFailure = (from: Address, error: Error): void =>
      this.#add(() => ['not accepted', index, from, recordOfError(error)]);
    this.#transports[index]!.attach({ ...context, runtime: this.#runtime, onInboundFailure });
  }

  parse(index: number, text: string): Address | ErrorRecord | null {
    try {
      return this.#transports[index]!.parse?.(text) ?? null;
    } catch (error) {
      return recordOfError(error);
    }
  }

  listen(index: number, call: number, address: Address): void {
    const onLink = (link: Link): void => {
      const [number, facts] = this.#take(link);
      this.#add(() => ['link', number, index, facts]);
    };
    listenAt(this.#transports[index]!, address, onLink).then(
      (bound) => this.#add(() => ['listened', index, call, bound]),
      (error: unknown) => this.#add(() => ['listened', index, call, recordOfError(error)]),
    );
  }

  dial(index: number, call: number, { address, signal, expected }: DialRequest): void {
    this.#dial(index, { address, signal, expected }).then(
      (link) => {
        const [number, facts] = this.#take(link);
        this.#add(() => ['dialled', index, call, number, facts]);
      },
      (error: unknown) => this.#add(() => ['not dialled', index, call, recordOfError(error)]),
    );
  }

  /** An async function, so that it rejects if a transport of the user throws. */
  async #dial(index: number, { address, signal, expected }: DialRequest): Promise<Link> {
    return this.#transports[index]!.dial(address, signal, expected);
  }

  closeTransport(index: number, call: number): void {
    this.#close(index).then(
      () => this.#add(() => ['transport closed', index, call, null]),
      (error: unknown) => this.#add(() => ['transport closed', index, call, recordOfError(error)]),
    );
  }

  async #close(index: number): Promise<void> {
    await this.#transports[index]!.close();
  }

  send(link: number, bytes: Uint8Array): boolean {
    return this.#links.get(link)?.send(bytes) ?? true;
  }

  drained(link: number, call: number): void {
    this.#links.get(link)?.drained(call);
  }

  pause(link: number): void {
    this.#links.get(link)?.pause();
  }

  resume(link: number): void {
    this.#links.get(link)?.resume();
  }

  close(link: number, timeoutMs: number): void {
    this.#links.get(link)?.close(timeoutMs);
  }

  destroy(link: number): void {
    this.#links.get(link)?.destroy();
  }

  #take(link: Link): [number: number, facts: LinkFacts] {
    this.#lastLink += 1;
    const number = this.#lastLink;
    const real = new RealLink(link, { number, add: this.#add, onGone: () => this.#links.delete(number) });
    this.#links.set(number, real);
    const { remoteId, remoteAddress, security, speaks, limitsByAddress } = link;
    const { announcedPort, isOfOtherNetwork, startedAt } = link;
    const facts = { remoteId, remoteAddress, security, speaks, limitsByAddress };
    return [number, { ...facts, announcedPort, isOfOtherNetwork, startedAt: rounded(startedAt) }];
  }
}

function rounded(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
