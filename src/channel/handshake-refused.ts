import type { Goodbye } from '../wire/frames/goodbye.ts';

/** A refusal by one of the two sides; `by` says which. */
export class HandshakeRefused extends Error {
  readonly goodbye: Goodbye;
  readonly by: 'us' | 'them';

  constructor(reason: Goodbye, by: 'us' | 'them') {
    super(reason.message);
    this.goodbye = reason;
    this.by = by;
  }
}
