import { isPeerloomError } from '../../base/errors.ts';
import { FrameKind } from '../../wire/frames/frame.ts';
import { encodePayload, type Payload } from '../../wire/payloads/payload.ts';

/** Sends an answer of this side's own making. */
export type SendAnswer = (kind: number, payload: Payload, id: number) => void;

/** Tells the other side that its delivery or request has failed. */
export function sendFailure(
  host: { answer: SendAnswer },
  id: number,
  reason: string | { readonly code: string; readonly message: string },
): undefined {
  host.answer(FrameKind.failure, encodePayload(reason), id);
}

/** Says why where the sender can mend it: by data that fits. All other errors are nobody's business but the user's. */
export function reasonOf(
  error: unknown,
  otherwise: string,
): string | { readonly code: string; readonly message: string } {
  const isSchema = isPeerloomError(error) && error.code === 'ERR_SCHEMA';
  return isSchema ? { code: error.code, message: error.message } : otherwise;
}
