import { type ErrorCode, PeerloomError } from '../../src/index.ts';

/** For `assert.throws` and `assert.rejects`: an error of ours with that code, and a message like that. */
export function withCode(code: ErrorCode, message = /./): (error: unknown) => boolean {
  return (error) => {
    if (error instanceof PeerloomError && error.code === code && message.test(error.message)) return true;
    throw new Error(`expected ${code} ${message}`, { cause: error });
  };
}
