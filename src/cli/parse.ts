import { InvalidArgumentError } from 'commander';
import { parseAddress } from '../base/address.ts';

/** Reads the port of an option. @throws InvalidArgumentError. */
export function parsePort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new InvalidArgumentError('It must be a whole number from 0 to 65535.');
}

/** Reads the whole number of an option. @throws InvalidArgumentError. */
export function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number of at least 0.');
}

/**
 * Adds an address to the earlier ones. @throws InvalidArgumentError for plain TCP, or if the text is not an address.
 */
export function plainless(text: string, others: readonly string[]): readonly string[] {
  if (schemeOf(text) === 'tcp') {
    const message =
      'tcp:// is plain TCP, and the command line speaks only TLS: leave tcp:// out, or write tls://.';
    throw new InvalidArgumentError(message);
  }
  return [...others, text];
}

function schemeOf(text: string): string | undefined {
  try {
    return parseAddress(text).scheme;
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
}
