import { messageOf } from '../../base/arguments.ts';
import { type ErrorCode, errorCodes, isPeerloomError, PeerloomError } from '../../base/errors.ts';

/** An error as plain data. */
export interface ErrorRecord {
  readonly message: string;
  /** The code of a PeerloomError, or of an error of the system. */
  readonly code?: string;
}

export function recordOfError(error: unknown): ErrorRecord {
  const code: unknown = isPeerloomError(error) ? error.code : (error as { code?: unknown } | null)?.code;
  return { message: messageOf(error), ...(typeof code === 'string' && { code }) };
}

/**
 * Creates an error from its record. The node receives this error while it is recorded, too, so that it sees the same as
 * in a replay.
 */
export function errorOfRecord({ message, code }: ErrorRecord): Error {
  if (code !== undefined && Object.hasOwn(errorCodes, code))
    return new PeerloomError(code as ErrorCode, message);
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}
