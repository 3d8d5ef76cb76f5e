import type { Socket } from 'node:net';
import { formatAddress } from '../../base/address.ts';
import { PeerloomError } from '../../base/errors.ts';
import { unexpected } from '../pipe/handshake-errors.ts';
import type { Link, TransportContext } from '../transport.ts';
import { HandshakeGate } from './handshake-gate.ts';
import { remoteAddressOf } from './sockets.ts';

export interface InboundConnection {
  readonly socket: Socket;
  /** Turns the connection into a link. `undefined` if the other side wanted something else. */
  readonly accept: (startedAt: number) => Promise<Link | undefined>;
  readonly onLink: (link: Link) => void;
}

/** Turns inbound connections into links, a limited number at once and in limited time, and reports failures. */
export class InboundHandshakes {
  readonly #context: TransportContext;
  readonly #drop: (socket: Socket) => void;
  readonly #gate: HandshakeGate;

  /** @param drop ends a connection without sending anything. */
  constructor(context: TransportContext, drop: (socket: Socket) => void) {
    this.#context = context;
    this.#drop = drop;
    this.#gate = new HandshakeGate(context.limits, context.runtime);
  }

  begin({ socket, accept, onLink }: InboundConnection): void {
    const { log, limits, runtime, onInboundFailure } = this.#context;
    const address = remoteAddressOf(socket);
    let isOver = false;
    const fail = (error: PeerloomError): void => {
      // Ending a connection makes its handshake fail too. The first of the two errors is the reason.
      if (isOver) return;
      isOver = true;
      log(`${formatAddress(address)}: refused, ${error.message}`);
      onInboundFailure(address, error);
    };
    const drop = (error: PeerloomError): void => {
      fail(error);
      this.#drop(socket);
    };
    const handshake = async (): Promise<void> => {
      const timer = runtime.setTimeout(() => {
        drop(
          new PeerloomError(
            'ERR_TIMEOUT',
            `the handshake took more than ${limits.handshakeTimeoutMs} ms (limits.handshakeTimeoutMs)`,
          ),
        );
      }, limits.handshakeTimeoutMs);
      try {
        const link = await accept(runtime.now());
        isOver = true;
        if (link !== undefined) onLink(link);
      } catch (error) {
        fail(error instanceof PeerloomError ? error : unexpected(error));
        socket.destroySoon();
      } finally {
        timer.cancel();
      }
    };
    this.#gate.enter(address.host, handshake, () => {
      drop(
        new PeerloomError(
          'ERR_NOT_ALLOWED',
          'too many handshakes at once (limits.maxHalfOpen, limits.maxHalfOpenPerAddress)',
        ),
      );
    });
  }

  /** Drops everything. */
  close(): void {
    this.#gate.close();
  }
}
