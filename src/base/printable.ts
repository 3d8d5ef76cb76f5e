/** Removes characters from a remote node's text that could move a terminal's cursor, or that are invisible. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '');
}
