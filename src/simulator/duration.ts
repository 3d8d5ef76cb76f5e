import { checkOptions, checkType, shown } from '../base/arguments.ts';

/** A span of virtual time: milliseconds, or a sum of units such as `{ minutes: 5 }`. */
export type Duration =
  | number
  | {
      /** Hours. */
      readonly hours?: number;
      /** Minutes. */
      readonly minutes?: number;
      /** Seconds. */
      readonly seconds?: number;
      /** Milliseconds. */
      readonly milliseconds?: number;
    };

const unitMs = { hours: 3_600_000, minutes: 60_000, seconds: 1_000, milliseconds: 1 } as const;

/** @throws TypeError or RangeError if the value is not a span of time. */
export function millisecondsIn(duration: Duration, name = 'duration'): number {
  if (typeof duration === 'number') return checkSpan(name, duration);
  if (typeof duration !== 'object' || duration === null) throw new TypeError(notASpan(name, duration));
  checkOptions(duration, Object.keys(unitMs), name);
  let ms = 0;
  for (const [unit, amount] of Object.entries(duration)) {
    if (amount === undefined) continue;
    checkType(`${name}.${unit}`, amount, 'number');
    ms += amount * unitMs[unit as keyof typeof unitMs];
  }
  return checkSpan(name, ms);
}

function checkSpan(name: string, ms: number): number {
  if (ms >= 0 && ms < Number.POSITIVE_INFINITY) return ms;
  throw new RangeError(notASpan(name, ms));
}

function notASpan(name: string, value: unknown): string {
  return `${name} must be milliseconds, or units such as { minutes: 5 }, not ${shown(value)}`;
}
