import { messageOf } from './arguments.ts';

/**
 * Wraps what a function of the user threw while a connection was being made. It may be any value, also a PeerloomError,
 * which must not be mistaken for the other side's failure.
 */
export class ThrownByUser extends Error {
  readonly thrown: unknown;

  constructor(thrown: unknown) {
    super(messageOf(thrown));
    this.thrown = thrown;
  }
}
