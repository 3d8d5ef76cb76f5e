import type { Data } from '../../base/data.ts';
import { decompress } from '../../wire/compression/compression.ts';
import { FrameKind, idBytes, idOf } from '../../wire/frames/frame.ts';
import { FrameReader } from '../../wire/frames/frame-reader.ts';
import { alone } from '../../wire/frames/own-memory.ts';
import { decodePayload, isDataItself } from '../../wire/payloads/payload.ts';
import type { Ending } from '../ending.ts';
import type { Session } from '../session/session.ts';

export interface UnacknowledgedOptions {
  readonly session: Session;
  /** The deliveries and requests that still wait for answers. Callers of the others know the outcome already. */
  readonly awaited: ReadonlySet<number>;
  readonly maxMessageBytes: number;
  readonly ending: Ending;
}

/**
 * Returns a function that reads the messages about which the user has to learn when a session ends. `undefined` if
 * there are none, because this side chose to leave while a link was there to take what was sent.
 */
export function readerOfUnacknowledged({
  session,
  awaited,
  maxMessageBytes,
  ending,
}: UnacknowledgedOptions): (() => readonly Data[] | undefined) | undefined {
  if (ending.isByChoice && !session.isSuspended) return undefined;
  const pieces = session.unacknowledged();
  const isByWord = ending.isByChoice || ending.reason.by === 'them';
  return () => {
    const messages = messagesIn(pieces, { maxMessageBytes, isAwaited: (id) => awaited.has(id) });
    return messages.length > 0 || !isByWord ? messages : undefined;
  };
}

/** The data of this side's messages in whole frames, and of deliveries and requests that still wait for an answer. */
function messagesIn(
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
      const given = isDataItself(format) ? alone(plain) : plain;
      messages.push(decodePayload(format, given, { maxContainers: Number.POSITIVE_INFINITY }));
    },
    { maxMessageBytes: maxMessageBytes + idBytes },
  );
  try {
    for (const piece of pieces) reader.push(piece);
  } catch {
    // The other side has acknowledged part of a frame, which no honest peer does. The rest cannot be read.
  }
  return messages;
}
