import type { Socket } from 'node:net';
import type { ExpectedPeer, Link, TransportContext } from '../transport.ts';

/** A connection in a dialect, before the ids are known. */
export interface DialectSocket {
  readonly socket: Socket;
  readonly context: TransportContext;
  /** When it began, by the runtime's clock. */
  readonly startedAt: number;
  /** The port on which this node listens. 0 if it does not listen. */
  readonly port: number;
}

/**
 * A foreign protocol on the port of `tcp()`. It is recognised because it begins with other bytes than TLS and plain
 * peerloom. It proves no ids and encrypts nothing.
 */
export interface Dialect {
  /** Its name in the option `accept`, which is also the scheme of its addresses. */
  readonly name: string;
  /** Turns an inbound connection into a link. @throws PeerloomError. */
  accept(inbound: DialectSocket): Promise<Link>;
  /** Turns an outbound connection into a link. @throws PeerloomError. */
  dial(outbound: DialectSocket & { readonly expected: ExpectedPeer | undefined }): Promise<Link>;
  /** Whether an error of `dial` means that a peerloom node listens there, which can be dialled by TLS. */
  isAnsweredByPeerloom(error: unknown): boolean;
  /** Ends a connection without sending anything, in a way that the other side notices. */
  drop(socket: Socket): void;
}
