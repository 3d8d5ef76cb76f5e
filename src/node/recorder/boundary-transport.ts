import { type Address, formatAddress } from '../../base/address.ts';
import type { ExpectedPeer, Link, Transport, TransportContext } from '../../transport/transport.ts';
import { errorOfRecord } from './error-record.ts';
import type { Outside } from './outside.ts';
import type { Tape } from './tape.ts';

type Waiting<Value> = Map<number, { resolve(value: Value): void; reject(error: Error): void }>;

/** The node's side of a transport that is recorded or replayed. */
export class BoundaryTransport implements Transport {
  readonly schemes: readonly string[];
  /** The calls of `listen` that have no result yet, by their numbers. */
  readonly listens: Waiting<readonly Address[]> = new Map();
  readonly dials: Waiting<Link> = new Map();
  readonly closes: Waiting<void> = new Map();
  context: TransportContext | undefined;
  onLink: (link: Link) => void = (link) => link.destroy();
  readonly #tape: Tape;
  readonly #outside: Outside;
  readonly #index: number;
  #lastCall = 0;

  constructor(
    tape: Tape,
    outside: Outside,
    { index, schemes }: { readonly index: number; readonly schemes: readonly string[] },
  ) {
    this.#tape = tape;
    this.#outside = outside;
    this.#index = index;
    this.schemes = schemes;
  }

  attach(context: TransportContext): void {
    this.#outside.attach(this.#index, context);
    this.context = context;
  }

  parse(text: string): Address | undefined {
    const read = this.#tape.take('address', () => this.#outside.parse(this.#index, text));
    if (read === null) return undefined;
    if ('message' in read) throw errorOfRecord(read);
    return read;
  }

  listen(address: Address, onLink: (link: Link) => void): Promise<readonly Address[]> {
    this.onLink = onLink;
    return this.#ask(this.listens, `listen ${formatAddress(address)}`, (call) =>
      this.#outside.listen(this.#index, call, address),
    );
  }

  dial(address: Address, signal: AbortSignal, expected?: ExpectedPeer): Promise<Link> {
    return this.#ask(this.dials, `dial ${formatAddress(address)}`, (call) =>
      this.#outside.dial(this.#index, call, { address, signal, expected }),
    );
  }

  close(): Promise<void> {
    return this.#ask(this.closes, 'close', (call) => this.#outside.closeTransport(this.#index, call));
  }

  #ask<Value>(waiting: Waiting<Value>, what: string, begin: (call: number) => void): Promise<Value> {
    this.#lastCall += 1;
    const call = this.#lastCall;
    this.#tape.put(`transport ${this.#index}: ${what}`);
    const { promise, resolve, reject } = Promise.withResolvers<Value>();
    waiting.set(call, { resolve, reject });
    begin(call);
    return promise;
  }
}
