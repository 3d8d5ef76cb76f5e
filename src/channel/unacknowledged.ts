import type { Data } from '../data.ts';
import { decompress } from '../wire/compression.ts';
import { FrameKind, idBytes } from '../wire/frame.ts';
import { FrameReader } from '../wire/frame-reader.ts';
import { decodePayload } from '../wire/payload.ts';

/** The data of the messages, deliveries and requests in whole frames of ours, as far as they are whole. */
export function messagesIn(pieces: readonly Uint8Array[], maxMessageBytes: number): Data[] {
  const messages: Data[] = [];
  const reader = new FrameReader(
    (kind, format, compression, body) => {
      const isMessage = kind === FrameKind.message;
      if (!isMessage && kind !== FrameKind.deliver && kind !== FrameKind.request) return;
      const encoded = isMessage ? body : body.subarray(idBytes);
      const plain = compression === 0 ? encoded : decompress(encoded, compression, maxMessageBytes);
      messages.push(decodePayload(format, plain));
    },
    { maxMessageBytes: maxMessageBytes + idBytes },
  );
  try {
    for (const piece of pieces) reader.push(piece);
  } catch {
    // The other side has acknowledged a part of a frame, which no honest one does: the rest cannot be read.
  }
  return messages;
}
