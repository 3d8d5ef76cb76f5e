import { PeerloomError } from '../base/errors.ts';

/** A node was reached, but has no place for this node as a neighbour. */
export class NeighbourRefused extends PeerloomError {
  constructor(address: string, why: string) {
    super('ERR_NOT_ALLOWED', `refused by ${address}: ${why}`);
  }
}
