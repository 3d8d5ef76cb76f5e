import { PeerloomError } from '../base/errors.ts';

/** A node is there, and has no place for this one as a neighbour. */
export class NeighbourRefused extends PeerloomError {
  constructor(address: string, why: string) {
    super('ERR_NOT_ALLOWED', `refused by ${address}: ${why}`);
  }
}
