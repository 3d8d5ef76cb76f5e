import { trustedRuntime } from '../../base/checked-runtime.ts';
import type { Runtime, RuntimeTimer } from '../../base/runtime.ts';
import type { TransportContext } from '../../transport/transport.ts';
import { BoundaryLink } from './boundary-link.ts';
import { BoundaryTransport } from './boundary-transport.ts';
import { type ErrorRecord, errorOfRecord } from './error-record.ts';
import type { Outside } from './outside.ts';
import type { Input, LinkFacts, Tape } from './tape.ts';

/**
 * Everything that a node exchanges with the outside, except the calls of its user: time, randomness and links. The
 * boundary is the same while the node is recorded and while the recording is replayed. Inputs come one at a time,
 * through {@link perform}.
 */
export class Boundary {
  readonly runtime: Runtime;
  readonly transports: readonly BoundaryTransport[];
  readonly #tape: Tape;
  readonly #outside: Outside;
  readonly #timers = new Map<number, () => void>();
  readonly #links = new Map<number, BoundaryLink>();
  #lastTimer = 0;

  /** @param schemes the schemes of each transport. */
  constructor(tape: Tape, outside: Outside, schemes: readonly (readonly string[])[]) {
    this.#tape = tape;
    this.#outside = outside;
    const runtime: Runtime & { readonly [trustedRuntime]: true } = {
      isVirtual: true,
      [trustedRuntime]: true,
      now: () => tape.take('now', () => outside.now()),
      wallNow: () => tape.take('wall', () => outside.wallNow()),
      random: () => tape.take('random', () => outside.random()),
      randomBytes: (length) =>
        new Uint8Array(
          Buffer.from(
            tape.take('bytes', () => base64Of(outside.randomBytes(length))),
            'base64',
          ),
        ),
      setTimeout: (callback, delayMs) => this.#setTimeout(callback, delayMs),
      openDatabase: () => {
        throw new TypeError('recorder: a node cannot be recorded while it keeps a history in a file');
      },
    };
    this.runtime = runtime;
    this.transports = schemes.map(
      (own, index) => new BoundaryTransport(tape, outside, { index, schemes: own }),
    );
  }

  #setTimeout(callback: () => void, delayMs: number): RuntimeTimer {
    this.#lastTimer += 1;
    const id = this.#lastTimer;
    this.#tape.put(`timer ${id} ${delayMs}`);
    this.#timers.set(id, callback);
    this.#outside.startTimer(id, delayMs);
    const cancel = (): void => {
      if (this.#timers.delete(id)) this.#outside.cancelTimer(id);
    };
    return { cancel };
  }

  /** Gives the node an input. Returns false if the node does not expect it, because another node was recorded. */
  perform(input: Exclude<Input, readonly ['setup' | 'call', ...unknown[]]>): boolean {
    switch (input[0]) {
      case 'timer': {
        const callback = this.#timers.get(input[1]);
        this.#timers.delete(input[1]);
        callback?.();
        return callback !== undefined;
      }
      case 'link':
        return this.#transport(input[2], (transport) => transport.onLink(this.#linkOf(input[1], input[3])));
      case 'not accepted':
        return this.#transport(input[1], ({ context }) =>
          (context as TransportContext).onInboundFailure(input[2], errorOfRecord(input[3]) as never),
        );
      case 'listened':
        return this.#settle(
          'listens',
          input,
          Array.isArray(input[3]) ? input[3] : errorOfRecord(input[3] as ErrorRecord),
        );
      case 'dialled':
        return this.#settle('dials', input, this.#linkOf(input[3], input[4]));
      case 'not dialled':
        return this.#settle('dials', input, errorOfRecord(input[3]));
      case 'transport closed':
        return this.#settle('closes', input, input[3] === null ? undefined : errorOfRecord(input[3]));
      case 'bytes':
        return this.#link(input[1], (link) => link.arrive(new Uint8Array(Buffer.from(input[2], 'base64'))));
      case 'drained':
        return this.#link(input[1], (link) => link.onDrained(input[2]));
      case 'closed': {
        const error = input[2];
        const known = this.#link(input[1], (link) =>
          link.onClosed(error === null ? undefined : errorOfRecord(error)),
        );
        this.#links.delete(input[1]);
        return known;
      }
    }
  }

  #linkOf(number: number, facts: LinkFacts): BoundaryLink {
    const link = new BoundaryLink(this.#tape, this.#outside, { number, facts });
    this.#links.set(number, link);
    return link;
  }

  #link(number: number, act: (link: BoundaryLink) => void): boolean {
    const link = this.#links.get(number);
    if (link !== undefined) act(link);
    return link !== undefined;
  }

  #transport(index: number, act: (transport: BoundaryTransport) => void): boolean {
    const transport = this.transports[index];
    if (transport?.context === undefined) return false;
    act(transport);
    return true;
  }

  #settle(
    what: 'listens' | 'dials' | 'closes',
    [, index, call]: readonly [string, number, number, ...unknown[]],
    outcome: unknown,
  ): boolean {
    const calls = this.transports[index]?.[what];
    const waiting = calls?.get(call);
    if (waiting === undefined) return false;
    calls!.delete(call);
    if (outcome instanceof Error) waiting.reject(outcome);
    else waiting.resolve(outcome as never);
    return true;
  }
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
