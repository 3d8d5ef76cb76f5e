import { messageOf } from './arguments.ts';

/**
 * What a function of the user threw while a connection came up. It may be any value, also one of our own errors, which
 * must not pass for something that the other side did.
 */
export class ThrownByUser extends Error {
  readonly thrown: unknown;

  constructor(thrown: unknown) {
    super(messageOf(thrown));
    this.thrown = thrown;
  }
}
