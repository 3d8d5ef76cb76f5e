import type { Address } from '../../base/address.ts';
import type { ExpectedPeer, TransportContext } from '../../transport/transport.ts';

import type { ErrorRecord } from './error-record.ts';

/** The arguments of a dial. */
export interface DialRequest {
  readonly address: Address;
  readonly signal: AbortSignal;
  readonly expected: ExpectedPeer | undefined;
}

/** The other side of a {@link Boundary}: the system, or nothing in a replay. Results come back as inputs. */
export interface Outside {
  now(): number;
  wallNow(): number;
  random(): number;
  randomBytes(length: number): Uint8Array;
  startTimer(timer: number, delayMs: number): void;
  cancelTimer(timer: number): void;
  attach(transport: number, context: TransportContext): void;
  parse(transport: number, text: string): Address | ErrorRecord | null;
  listen(transport: number, call: number, address: Address): void;
  dial(transport: number, call: number, request: DialRequest): void;
  closeTransport(transport: number, call: number): void;
  /** Sends bytes, which are copied. Returns whether the link has room for more. */
  send(link: number, bytes: Uint8Array): boolean;
  drained(link: number, call: number): void;
  pause(link: number): void;
  resume(link: number): void;
  close(link: number, timeoutMs: number): void;
  destroy(link: number): void;
}
