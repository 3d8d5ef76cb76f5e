import type { Data } from '../data.ts';
import { decompress } from '../wire/compression.ts';
import { FrameKind, idBytes, idOf } from '../wire/frame.ts';
import { FrameReader } from '../wire/frame-reader.ts';
import { decodePayload } from '../wire/payload.ts';

/**
 * The data of the messages in whole frames of ours, and of the deliveries and requests that are still waited for: of
 * the others whoever asked knows already.
 */
export function messagesIn(
  pieces: readonly Uint8Array[],
  { maxMessageBytes, isAwaited }: { maxMessageBytes: number; isAwaited: (id: number) => boolean },
): Data[] {
  const messages: Data[] = [];
  const reader = new FrameReader(
    (kind, format, compression, body) => {
      const isMessage = kind === FrameKind.message;
      const isQuestion = kind === FrameKind.deliver || kind === FrameKind.request;
      if (!isMessage && !(isQuestion && isAwaited(idOf(kind, body)))) return;
      const encoded = isMessage ? body : body.subarray(idBytes);
      const plain = compression === 0 ? encoded : decompress(encoded, compression, maxMessageBytes);
      // What this side has sent is within its limits.
      messages.push(decodePayload(format, plain, { maxContainers: Number.POSITIVE_INFINITY }));
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
