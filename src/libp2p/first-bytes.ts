import type { ConnectionProtector, MessageStream } from '@libp2p/interface';
import { PeerloomError } from '../base/errors.ts';
import { networkKeyMessage } from '../transport/pipe/handshake-errors.ts';

/** The first bytes of every libp2p conversation, on both sides (multistream-select 1.0). */
const header = new TextEncoder().encode('\x13/multistream/1.0.0\n');

/** This many bytes of text cannot be an accident, because a different network key results in random bytes. */
const textBytes = 16;

type Piece = Uint8Array | { subarray(): Uint8Array };

/**
 * Protects connections by the network key, if there is one, and ends connections that do not begin with libp2p's first
 * bytes. If the keys differ, each side reads noise. It may take noise for the length of a message, and both sides would
 * wait for the rest.
 */
export function checkFirstBytes(protector?: ConnectionProtector): ConnectionProtector {
  return {
    async protect(connection, options) {
      let stream: MessageStream = connection;
      endWebSocket(connection);
      try {
        if (protector !== undefined) stream = await protector.protect(connection, options);
      } catch (cause) {
        options?.signal?.throwIfAborted();
        throw new PeerloomError('ERR_NETWORK_MISMATCH', networkKeyMessage, { cause });
      }
      watch(stream);
      return stream as typeof connection;
    },
  };
}

/** Closes a WebSocket. libp2p aborts it with a code that WebSockets do not allow, which leaves it open. */
function endWebSocket(connection: MessageStream): void {
  const { websocket } = connection as MessageStream & { websocket?: { close(): void } };
  if (websocket !== undefined) connection.addEventListener('close', () => websocket.close());
}

/** The part of libp2p's streams beyond their interface. There is no other way to look at data before it is read. */
interface Receiver extends MessageStream {
  onData(piece: Piece): void;
  /** The bytes that have arrived and were not read. */
  readonly readBuffer: Piece & { readonly byteLength: number };
}

function watch(stream: MessageStream): void {
  const receiver = stream as Receiver;
  const { onData } = receiver;
  let checked = 0;
  const isRight = (piece: Piece): boolean => {
    const bytes = piece instanceof Uint8Array ? piece : piece.subarray();
    const end = Math.min(bytes.length, header.length - checked);
    for (let index = 0; index < end; index++) {
      if (bytes[index] === header[checked + index]) continue;
      stream.abort(wrongBeginning(bytes));
      return false;
    }
    checked += end;
    if (checked === header.length) receiver.onData = onData;
    return true;
  };
  receiver.onData = (piece) => {
    if (isRight(piece)) onData.call(stream, piece);
  };
  if (receiver.readBuffer.byteLength > 0) isRight(receiver.readBuffer);
}

function wrongBeginning(bytes: Uint8Array): PeerloomError {
  const isText = bytes.length >= textBytes && bytes.subarray(0, textBytes).every(isOfText);
  return isText
    ? new PeerloomError('ERR_HANDSHAKE', 'it does not speak libp2p: check that a libp2p() node listens there')
    : new PeerloomError('ERR_NETWORK_MISMATCH', networkKeyMessage);
}

function isOfText(byte: number): boolean {
  return (byte >= 0x20 && byte < 0x7f) || byte === 0x0a || byte === 0x0d;
}
