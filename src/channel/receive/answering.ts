import { isPeerloomError } from '../../base/errors.ts';
import { FrameKind } from '../../wire/frames/frame.ts';
import { encodePayload, type Payload } from '../../wire/payloads/payload.ts';

/** Sends an answer that this side itself makes. */
export type SendAnswer = (kind: number, payload: Payload, id: number) => void;

/** Tells the other side that its delivery or request has failed. */
export function sendFailure(
  host: { answer: SendAnswer },
  id: number,
  reason: string | { readonly code: string; readonly message: string },
): undefined {
  host.answer(FrameKind.failure, encodePayload(reason), id);
}

/**
 * The reason that the sender receives: the error itself only if it can act on it, by sending data that fits the schema.
 */
export function reasonOf(
  error: unknown,
  otherwise: string,
): string | { readonly code: string; readonly message: string } {
  const isSchema = isPeerloomError(error) && error.code === 'ERR_SCHEMA';
  return isSchema ? { code: error.code, message: error.message } : otherwise;
}
