import { inspect } from 'node:util';
import type { Data } from '../base/data.ts';
import { printable } from '../base/printable.ts';

/** The name of a node, as shown to the user. The node chooses its own name, so the name does not prove who it is. */
export function labelOf({ id, name }: { readonly id: string; readonly name: string }): string {
  return name || `…${id.slice(-6)}`;
}

/** Splits text of a remote node into lines that are safe to print. */
export function safeLines(text: string): string[] {
  return text.split(/\r\n|[\n\r\u2028\u2029]/).map((line) => printable(line.replaceAll('\t', '  ')));
}

/** Turns text of a remote node into one line that is safe to print. */
export function safeLine(text: string): string {
  return safeLines(text).join(' ');
}

/** Describes data in one readable line. Text is in quotes, and long text is cut. */
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

/** The longest message that a terminal shows whole. */
const maxShownCharacters = 10_000;

/** Formats a message as lines to print. Text keeps its lines. */
export function messageLines(data: Data, long: 'cut' | 'whole' = 'cut'): string[] {
  if (typeof data !== 'string') return [describe(data, maxShownCharacters)];
  if (long === 'whole' || data.length <= maxShownCharacters) return safeLines(data);
  const rest = (data.length - maxShownCharacters).toLocaleString('en');
  return safeLines(`${data.slice(0, maxShownCharacters)}… (${rest} more characters)`);
}
