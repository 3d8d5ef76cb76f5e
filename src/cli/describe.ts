import { inspect } from 'node:util';
import type { Data } from '../base/data.ts';
import { printable } from '../base/printable.ts';

/** The name of a node on the screen. The node chooses its name itself, so it proves nothing. */
export function labelOf({ id, name }: { readonly id: string; readonly name: string }): string {
  return name || `…${id.slice(-6)}`;
}

/** Text of a remote node as lines that are safe to print. */
export function safeLines(text: string): string[] {
  return text.split(/\r\n|[\n\r\u2028\u2029]/).map((line) => printable(line.replaceAll('\t', '  ')));
}

/** The same as one line. */
export function safeLine(text: string): string {
  return safeLines(text).join(' ');
}

/** Data as one line for people: text in quotes, and long text cut. */
export function describe(data: unknown, maxCharacters: number): string {
  if (typeof data === 'string') {
    const isLong = data.length > maxCharacters;
    const start = safeLine(isLong ? data.slice(0, maxCharacters) : data);
    return isLong ? `"${start}…" (${data.length.toLocaleString('en')} characters)` : `"${start}"`;
  }
  const text = safeLine(
    inspect(data, { breakLength: Number.POSITIVE_INFINITY, depth: 6, maxArrayLength: 8 }),
  );
  return text.length > maxCharacters ? `${text.slice(0, maxCharacters)}…` : text;
}

/** A terminal shows messages up to this length whole. */
const maxShownCharacters = 10_000;

/** A message as lines to print. Text keeps its lines. */
export function messageLines(data: Data, long: 'cut' | 'whole' = 'cut'): string[] {
  if (typeof data !== 'string') return [describe(data, maxShownCharacters)];
  if (long === 'whole' || data.length <= maxShownCharacters) return safeLines(data);
  const rest = (data.length - maxShownCharacters).toLocaleString('en');
  return safeLines(`${data.slice(0, maxShownCharacters)}… (${rest} more characters)`);
}
