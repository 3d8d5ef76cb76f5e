import { checkOptions, messageOf, shown } from '../../base/arguments.ts';
import type { Node } from '../../node/node.ts';

/** What an invariant found wrong, and with which nodes. */
export interface Violation {
  /** What is wrong, as a sentence. */
  readonly problem: string;
  /** The nodes concerned. The failure shows their last events. */
  readonly nodes?: readonly Node[];
}

/**
 * Checks that a condition holds. If it does not, the check throws, or returns a {@link Violation}, a sentence, or
 * false. Anything else means that the condition holds.
 */
export type InvariantCheck = () => unknown;

/** When an invariant is checked. */
export interface InvariantOptions {
  /**
   * `'event'`: after nodes have reported events, once all work of that moment is done. A number: each time that this
   * many milliseconds of virtual time have passed, and at the end of each run. `'end'`: at the end of each run. Default
   * `'event'`.
   */
  readonly when?: 'event' | 'end' | number;
}

/** @throws TypeError with the option, the rule and the value. */
export function checkWhen(options: InvariantOptions): NonNullable<InvariantOptions['when']> {
  checkOptions(options, ['when']);
  const { when = 'event' } = options;
  if (when === 'event' || when === 'end' || (typeof when === 'number' && when > 0)) return when;
  throw new TypeError(`when must be 'event', 'end' or a number of milliseconds above 0, not ${shown(when)}`);
}

interface Invariant {
  readonly name: string;
  readonly check: InvariantCheck;
  readonly when: 'event' | 'end' | number;
  nextAt: number;
}

/** An invariant that does not hold. */
export interface Broken extends Violation {
  readonly invariant: string;
  readonly cause?: unknown;
}

/** The invariants of a world. */
export class Invariants {
  readonly #invariants = new Set<Invariant>();
  /** When the next periodic invariant is due. */
  #nextAt = Number.POSITIVE_INFINITY;
  #hasEventChecks = false;

  /** @returns a function that removes the invariant. */
  add({ name, check, when }: Omit<Invariant, 'nextAt'>, now: number): () => void {
    const nextAt = typeof when === 'number' ? now + when : Number.POSITIVE_INFINITY;
    const invariant = { name, check, when, nextAt };
    this.#invariants.add(invariant);
    this.#update();
    return () => {
      this.#invariants.delete(invariant);
      this.#update();
    };
  }

  #update(): void {
    const all = [...this.#invariants];
    this.#hasEventChecks = all.some(({ when }) => when === 'event');
    this.#nextAt = Math.min(...all.map(({ nextAt }) => nextAt));
  }

  /** Checks the invariants that are due. @returns the first invariant that does not hold. */
  check(now: number, hasEvents: boolean): Broken | undefined {
    const areEventsDue = hasEvents && this.#hasEventChecks;
    if (!areEventsDue && now < this.#nextAt) return undefined;
    for (const invariant of this.#invariants) {
      const isDue = now >= invariant.nextAt;
      if (!isDue && !(areEventsDue && invariant.when === 'event')) continue;
      if (isDue) invariant.nextAt = now + (invariant.when as number);
      const broken = brokenBy(invariant);
      if (broken !== undefined) return broken;
    }
    this.#update();
    return undefined;
  }

  /** Checks all invariants. @returns the first invariant that does not hold. */
  checkAll(): Broken | undefined {
    for (const invariant of this.#invariants) {
      const broken = brokenBy(invariant);
      if (broken !== undefined) return broken;
    }
    return undefined;
  }
}

function brokenBy({ name, check }: Invariant): Broken | undefined {
  try {
    const found = check();
    if (found === false) return { invariant: name, problem: 'it does not hold' };
    if (typeof found === 'string') return { invariant: name, problem: found };
    return isViolation(found) ? { ...found, invariant: name } : undefined;
  } catch (error) {
    return { invariant: name, problem: messageOf(error), cause: error };
  }
}

function isViolation(value: unknown): value is Violation {
  return typeof value === 'object' && value !== null && typeof (value as Violation).problem === 'string';
}
