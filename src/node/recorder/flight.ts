import { requiredBuiltin } from '../../base/builtin.ts';
import type { Written } from './written-values.ts';

/** The first line of a flight recording. */
export interface FlightHeader {
  readonly recording: typeof flightKind;
  readonly format: typeof flightFormat;
  readonly host: string;
  readonly port: number;
  readonly id: string;
  /** The private key of the node, PKCS#8 as base64. */
  readonly pkcs8: string;
  /** The schemes of each transport. */
  readonly schemes: readonly (readonly string[])[];
  /** The options of the node that are plain data. */
  readonly options: Written;
}

/** The last line of a flight recording. Missing if the process ended before. */
export interface FlightEnd {
  readonly end: string;
  readonly turns: number;
}

export const flightKind = 'peerloom flight';
export const flightFormat = 1;

/**
 * Returns the eight digits before the JSON of a line. They depend on the digits of the previous line, so a reader
 * notices lines that were altered or are missing.
 */
export function checkOf(before: string, json: Uint8Array): string {
  const hash = requiredBuiltin('node:crypto', 'A recording').createHash('sha256');
  return hash.update(before).update(json).digest('hex').slice(0, 8);
}
