import { VirtualRuntime } from '../../src/simulator/virtual-runtime.ts';

/** Delays that are drawn are as long as they may be, so that a test knows them. */
export class LongestDelays extends VirtualRuntime {
  nextRandom: () => number = () => 1 - 2 ** -53;

  override random(): number {
    return this.nextRandom();
  }
}

/** The test moves the clock, but other threads may do a part of the work, in real time. */
export class ThreadedRuntime extends VirtualRuntime {
  override readonly isVirtual = false;
}
