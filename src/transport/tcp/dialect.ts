import type { Socket } from 'node:net';
import type { ExpectedPeer, Link, TransportContext } from '../transport.ts';

/** A connection in a dialect, before either side has said which node it is. */
export interface DialectSocket {
  readonly socket: Socket;
  readonly context: TransportContext;
  /** When it began, by the runtime's clock. */
  readonly startedAt: number;
  /** The port that this node listens on; 0 if it does not. */
  readonly port: number;
}

/**
 * What nodes of another kind speak on the port of `tcp()`, which begins with other bytes than TLS and plain peerloom. It
 * proves no ids and encrypts nothing.
 */
export interface Dialect {
  /** What the option `accept` calls it. It is the scheme of its addresses as well. */
  readonly name: string;
  /** Makes a link of a connection that came in. @throws PeerloomError. */
  accept(inbound: DialectSocket): Promise<Link>;
  /** Makes a link of a connection that this node dialled. @throws PeerloomError. */
  dial(outbound: DialectSocket & { readonly expected: ExpectedPeer | undefined }): Promise<Link>;
  /** Whether an error of `dial` says that a peerloom node listens there, which can be dialled by TLS. */
  isAnsweredByPeerloom(error: unknown): boolean;
  /** Ends a connection without a word, in a way that the other side notices. */
  drop(socket: Socket): void;
}
