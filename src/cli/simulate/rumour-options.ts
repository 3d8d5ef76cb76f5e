import type { RumourOptions } from './rumour.ts';

/** The smallest and largest values of the options that are whole numbers. */
export const wholeBounds = {
  nodes: [1, 100_000],
  dials: [0, 100],
  seed: [0, 2 ** 53 - 1],
  churn: [0, 1e6],
  seconds: [1, 86_400],
} as const satisfies { readonly [Name in keyof RumourOptions]?: readonly [number, number] };

/** Latencies must be below this, in milliseconds. */
export const latencyBoundMs = 1e6;

/** Whether the command line would accept a value that a file contains. */
export function isRumourOptions(value: unknown): value is RumourOptions {
  if (typeof value !== 'object' || value === null) return false;
  const { latencyMs, loss, crash, partition, ...whole } = value as RumourOptions;
  for (const [name, [least, most]] of Object.entries(wholeBounds)) {
    const given = whole[name as keyof typeof wholeBounds];
    if (!Number.isSafeInteger(given) || given < least || given > most) return false;
  }
  return (
    isShare(loss) && loss < 1 && isShare(crash) && isShare(partition) && partition < 1 && isLatency(latencyMs)
  );
}

function isShare(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value <= 1;
}

function isMs(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < latencyBoundMs;
}

function isLatency(value: unknown): boolean {
  if (isMs(value)) return true;
  if (typeof value !== 'object' || value === null) return false;
  const { from, to, regions, oneWayMs } = value as Readonly<Record<string, unknown>>;
  if (isMs(from)) return isMs(to) && from <= to;
  if (!Array.isArray(regions) || !Array.isArray(oneWayMs) || regions.length === 0) return false;
  const isRow = (row: unknown): boolean =>
    Array.isArray(row) && row.length === regions.length && row.every(isMs);
  return (
    regions.every((name) => typeof name === 'string') &&
    oneWayMs.length === regions.length &&
    oneWayMs.every(isRow)
  );
}
